#pragma once
// The memory of compiled code: written first, made executable then, never both at once. Where the
// process may not make memory executable that it could write (prctl(PR_SET_MDWE), a seccomp filter
// such as systemd's MemoryDenyWriteExecute, SELinux's execmem), the code goes through a file in
// memory, which is mapped executable in the place of what was written.

#include <llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h>

namespace mlpjit::codegen {

// Safe from any number of threads.
class CodeMemory final : public llvm::jitlink::JITLinkMemoryManager {
 public:
  void allocate(const llvm::jitlink::JITLinkDylib* dylib, llvm::jitlink::LinkGraph& graph,
                OnAllocatedFunction done) override;
  void deallocate(std::vector<FinalizedAlloc> allocations, OnDeallocatedFunction done) override;

 private:
  class Allocation;
};

// The system refused memory, or to make it executable. `error()` is an errno.
class MemoryRefused final : public llvm::ErrorInfo<MemoryRefused> {
 public:
  static char ID;
  MemoryRefused(int error, const char* call) : error_(error), call_(call) {}
  int error() const { return error_; }
  void log(llvm::raw_ostream& out) const override;
  std::error_code convertToErrorCode() const override;

 private:
  int error_;
  const char* call_;
};

}  // namespace mlpjit::codegen
