#pragma once
// A program that treats its rows each by itself (lib/ir/rows.h) runs on a block of them after the
// other: what stands between its steps then stays in the cache, and blocks may go to other threads.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/codegen/abi.h"
#include "lib/ir/rows.h"
#include "lib/plan/plan.h"
#include "lib/runtime/team.h"

namespace mlpjit::runtime {

class CallContext;
class BlockProgram;

// The blocks of one call.
struct BlockRun {
  const BlockProgram& program;
  std::int64_t rows = 0, block = 0;
  std::size_t code_bytes = 0;  // of the workspace, before the slots
};

// How, for the batch of a call.
struct RowBlocks {
  std::int64_t rows = 0;      // 0: the batch size of the call
  std::int64_t most = 0;      // rows of a block, for the cache
  std::int64_t cycles = 1;    // of a row, roughly
  std::size_t row_bytes = 0;  // of what the widest step reads and writes of a row
  int threads = 1;            // that share blocks

  // Rows of a block where a call has `all`; all of them where that is as good.
  std::int64_t block(std::int64_t all) const;
};

// Nothing where it does not pay: all that a call touches fits in the cache, or the weights alone do
// not. `threads`: of a call.
std::optional<RowBlocks> choose_row_blocks(const ir::Function& main, const ir::Rows& rows,
                                           const plan::Target& target, int threads);

// The code of one block, which cannot fail, and what of its slots is of rows.
class BlockProgram {
 public:
  // `plan` is that of a block. Keeps a reference to it.
  BlockProgram(const RowBlocks& blocks, const ir::Rows& rows, const plan::Plan& plan,
               codegen::EntryPoint entry);

  // Bytes that each thread needs, for its slots and what the code needs, aligned to 64.
  std::size_t workspace_bytes(std::int64_t batch) const;
  // For all rows of a call.
  // `sharing`: null where the caller does all of it.
  void run(CallContext& context, const Sharing* sharing, void* const* slots, std::byte* workspace,
           std::int64_t batch) const;

 private:
  struct Slot {
    std::uint32_t index = 0;
    std::size_t row_bytes = 0;
  };
  std::size_t code_bytes(std::int64_t batch) const;
  static void run_range(const codegen::Runtime* runtime, void* const* slots, std::byte* workspace,
                        std::int64_t batch, std::int64_t begin, std::int64_t end,
                        std::byte* scratch);

  const RowBlocks blocks_;
  const plan::Plan& plan_;
  const codegen::EntryPoint entry_;
  std::vector<Slot> slots_;
};

}  // namespace mlpjit::runtime
