#include "lib/codegen/code_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <llvm/ExecutionEngine/JITLink/JITLink.h>
#include <llvm/ExecutionEngine/Orc/Shared/AllocationActions.h>

namespace mlpjit::codegen {

namespace {

using llvm::jitlink::BasicLayout;
using llvm::orc::ExecutorAddr;

#if !defined(MFD_EXEC)
#define MFD_EXEC 0x0010U
#endif

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

std::size_t pages(std::size_t bytes) {
  return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

llvm::Error refused(const char* call) {
  const int error = errno;  // read before anything else is called
  return llvm::make_error<MemoryRefused>(error, call);
}

// An anonymous file in memory that may be mapped executable, or -1.
int open_file() {
  const int file = memfd_create("mlpjit", MFD_CLOEXEC | MFD_EXEC);
  return file >= 0 || errno != EINVAL ? file
                                      : memfd_create("mlpjit", MFD_CLOEXEC);  // before Linux 6.3
}

bool write_all(int file, const char* data, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t written = write(file, data, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    bytes -= static_cast<std::size_t>(written);
  }
  return true;
}

// In the place of what was written, a private mapping of a file with the same bytes, which nobody
// could ever write to.
llvm::Error map_executable(char* data, std::size_t bytes) {
  const int file = open_file();
  if (file < 0) return refused("memfd_create");
  const char* failed = nullptr;
  if (!write_all(file, data, bytes)) {
    failed = "write";
  } else if (mmap(data, bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, 0) ==
             MAP_FAILED) {
    failed = "mmap(PROT_EXEC)";
  }
  llvm::Error error = failed == nullptr ? llvm::Error::success() : refused(failed);
  close(file);
  return error;
}

llvm::Error protect(char* data, std::size_t bytes, llvm::orc::MemProt protection) {
  const auto asks_for = [&](llvm::orc::MemProt bit) {
    return (static_cast<unsigned>(protection) & static_cast<unsigned>(bit)) != 0;
  };
  int flags = PROT_NONE;
  if (asks_for(llvm::orc::MemProt::Read)) flags |= PROT_READ;
  if (asks_for(llvm::orc::MemProt::Write)) flags |= PROT_WRITE;
  if (asks_for(llvm::orc::MemProt::Exec)) flags |= PROT_EXEC;
  if (bytes == 0 || mprotect(data, bytes, flags) == 0) return llvm::Error::success();
  const bool policy = errno == EACCES || errno == EPERM;
  if (flags == (PROT_READ | PROT_EXEC) && policy) return map_executable(data, bytes);
  return refused("mprotect");
}

// What a FinalizedAlloc stands for.
struct PlacedCode {
  char* data = nullptr;
  std::size_t bytes = 0;
  std::vector<llvm::orc::shared::WrapperFunctionCall> at_end;
};

}  // namespace

char MemoryRefused::ID = 0;

void MemoryRefused::log(llvm::raw_ostream& out) const {
  out << call_ << ": " << std::generic_category().message(error_);
}

std::error_code MemoryRefused::convertToErrorCode() const {
  return {error_, std::generic_category()};
}

// One run of pages: first what lives as long as the code, then what is only used while it is made.
class CodeMemory::Allocation final : public JITLinkMemoryManager::InFlightAlloc {
 public:
  Allocation(llvm::jitlink::LinkGraph& graph, BasicLayout layout, char* data, std::size_t kept,
             std::size_t all)
      : graph_(graph), layout_(std::move(layout)), data_(data), kept_(kept), all_(all) {}

  void abandon(OnAbandonedFunction done) override {
    munmap(data_, all_);
    done(llvm::Error::success());
  }

  void finalize(OnFinalizedFunction done) override {
    for (auto& [group, segment] : layout_.segments()) {
      const std::size_t bytes = pages(segment.ContentSize + segment.ZeroFillSize);
      if (llvm::Error error = protect(segment.WorkingMem, bytes, group.getMemProt())) {
        munmap(data_, all_);
        return done(std::move(error));
      }
    }
    auto at_end = llvm::orc::shared::runFinalizeActions(graph_.allocActions());
    if (!at_end) {
      munmap(data_, all_);
      return done(at_end.takeError());
    }
    if (all_ > kept_) munmap(data_ + kept_, all_ - kept_);
    auto* code = new PlacedCode{data_, kept_, std::move(*at_end)};
    done(FinalizedAlloc(ExecutorAddr::fromPtr(code)));
  }

 private:
  llvm::jitlink::LinkGraph& graph_;
  BasicLayout layout_;
  char* data_;
  std::size_t kept_, all_;
};

void CodeMemory::allocate(const llvm::jitlink::JITLinkDylib*, llvm::jitlink::LinkGraph& graph,
                          OnAllocatedFunction done) {
  BasicLayout layout(graph);
  auto sizes = layout.getContiguousPageBasedLayoutSizes(page_bytes());
  if (!sizes) return done(sizes.takeError());
  const std::size_t all = sizes->total();
  void* const memory =
      mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return done(refused("mmap"));
  char* const data = static_cast<char*>(memory);
  char* kept = data;
  char* temporary = data + sizes->StandardSegs;
  for (auto& [group, segment] : layout.segments()) {
    const bool stays = group.getMemLifetime() == llvm::orc::MemLifetime::Standard;
    char*& next = stays ? kept : temporary;
    segment.WorkingMem = next;
    segment.Addr = ExecutorAddr::fromPtr(next);
    next += pages(segment.ContentSize + segment.ZeroFillSize);
  }
  if (llvm::Error error = layout.apply()) {
    munmap(data, all);
    return done(std::move(error));
  }
  done(std::make_unique<Allocation>(graph, std::move(layout), data, sizes->StandardSegs, all));
}

void CodeMemory::deallocate(std::vector<FinalizedAlloc> allocations, OnDeallocatedFunction done) {
  llvm::Error all = llvm::Error::success();
  for (auto allocation = allocations.rbegin(); allocation != allocations.rend(); ++allocation) {
    const std::unique_ptr<PlacedCode> code(allocation->release().toPtr<PlacedCode*>());
    all = llvm::joinErrors(std::move(all), llvm::orc::shared::runDeallocActions(code->at_end));
    munmap(code->data, code->bytes);
  }
  done(std::move(all));
}

}  // namespace mlpjit::codegen
