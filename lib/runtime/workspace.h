#pragma once
// The memory of intermediates during a call: one arena per thread, shared by all executables, kept
// for the next call.

#include <cstddef>

namespace mlpjit::runtime {

// Holds this thread's arena for one call. A call inside a call (a stream that print writes to may
// do anything) gets memory of its own.
class WorkspaceScope {
 public:
  // 64-byte aligned, at least `bytes` of it. Throws MemoryError.
  explicit WorkspaceScope(std::size_t bytes);
  ~WorkspaceScope();
  WorkspaceScope(const WorkspaceScope&) = delete;
  WorkspaceScope& operator=(const WorkspaceScope&) = delete;

  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  bool* busy_ = nullptr;  // of the thread's arena; null: the memory is this scope's own
  std::size_t own_bytes_ = 0;
};

// Frees this thread's arena; for those who count memory.
void release_workspace();

}  // namespace mlpjit::runtime
