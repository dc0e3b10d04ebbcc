#pragma once
// What one call keeps for generated code: the table of what that may call.

#include <cstddef>
#include <cstdint>
#include <exception>

#include "lib/codegen/abi.h"
#include "lib/runtime/library_steps.h"
#include "lib/runtime/team.h"

namespace mlpjit::runtime {

struct BlockRun;

class CallContext {
 public:
  // What becomes of library steps: a program without steps that are always run so may do without
  // the exception that a refused value would be.
  enum class Library : std::uint8_t { run, refused };
  // `batch`: the value of the plan's symbol.
  explicit CallContext(const LibrarySteps& steps, std::int64_t batch = 0,
                       Library library = Library::run)
      : steps_(steps), batch_(batch), library_(library) {
    runtime_.self = this;
  }
  CallContext(const CallContext&) = delete;
  CallContext& operator=(const CallContext&) = delete;

  // Steps are shared by the threads of a team; each has `scratch_bytes`, the calling one `scratch`.
  void share(const Sharing& sharing, std::byte* scratch, std::size_t scratch_bytes) {
    sharing_ = &sharing;
    scratch_ = scratch;
    scratch_bytes_ = scratch_bytes;
    runtime_.parallel = &CallContext::run_divided;
  }

  // Where the code runs on blocks of rows.
  void set_block_run(const BlockRun* run) { block_run_ = run; }
  const BlockRun* block_run() const { return block_run_; }

  const codegen::Runtime* runtime() const { return &runtime_; }
  std::int64_t batch() const { return batch_; }
  // What a step threw; generated code only learns that it failed.
  std::exception_ptr error() const { return error_; }

 private:
  static std::int64_t run_library(const codegen::Runtime* runtime, std::uint32_t step,
                                  void* const* slots, std::byte* workspace) noexcept;
  static void run_divided(const codegen::Runtime* runtime, codegen::RangeFunction range,
                          void* const* slots, std::byte* workspace, std::int64_t batch,
                          std::int64_t units, std::int64_t cycles) noexcept;
  static codegen::Runtime make_runtime();

  const LibrarySteps& steps_;
  const std::int64_t batch_;
  const Library library_;
  codegen::Runtime runtime_ = make_runtime();
  std::exception_ptr error_;
  const Sharing* sharing_ = nullptr;
  std::byte* scratch_ = nullptr;
  std::size_t scratch_bytes_ = 0;
  const BlockRun* block_run_ = nullptr;
};

}  // namespace mlpjit::runtime
