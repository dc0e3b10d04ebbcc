#include "lib/runtime/workspace.h"

#include "lib/support/storage.h"

namespace mlpjit::runtime {

namespace {

// Without constructor or destructor, so that finding it costs no check whether it is there.
struct Arena {
  std::byte* data;
  std::size_t bytes;
  bool busy;

  void free() {
    support::free_counted(data, bytes);
    data = nullptr;
    bytes = 0;
  }
};
constinit thread_local Arena arena{};

// Frees the arena when the thread ends.
struct AtThreadEnd {
  ~AtThreadEnd() { arena.free(); }
};

void grow(Arena& mine, std::size_t bytes) {
  static thread_local const AtThreadEnd at_thread_end;
  mine.free();  // first, so that the old and the new never count together
  mine.data = support::allocate_counted(bytes);
  mine.bytes = bytes;
}

}  // namespace

WorkspaceScope::WorkspaceScope(std::size_t bytes) {
  if (bytes == 0) return;
  Arena& mine = arena;
  if (mine.busy) {
    data_ = support::allocate_counted(bytes);
    own_bytes_ = bytes;
    return;
  }
  if (mine.bytes < bytes) grow(mine, bytes);
  mine.busy = true;
  busy_ = &mine.busy;
  data_ = mine.data;
}

WorkspaceScope::~WorkspaceScope() {
  if (busy_ != nullptr) {
    *busy_ = false;
  } else if (data_ != nullptr) {
    support::free_counted(data_, own_bytes_);
  }
}

void release_workspace() {
  if (!arena.busy) arena.free();
}

}  // namespace mlpjit::runtime
