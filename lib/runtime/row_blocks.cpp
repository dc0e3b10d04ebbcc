#include "lib/runtime/row_blocks.h"

#include <algorithm>
#include <cstring>

#include "lib/runtime/call_context.h"
#include "lib/support/bytes.h"

namespace mlpjit::runtime {
namespace {

// Fewer rows than this fill no tile of a dense kernel.
constexpr std::int64_t kLeastBlock = 8;

std::size_t bytes_behind_rows(const ir::Type& type) {
  std::size_t bytes = size_of(type.dtype);
  for (int axis = 1; axis < type.shape.rank(); ++axis)
    bytes *= static_cast<std::size_t>(type.shape[axis].value());
  return bytes;
}

bool is_known_behind_rows(const ir::Type& type) {
  for (int axis = 1; axis < type.shape.rank(); ++axis) {
    if (!type.shape[axis].is_static()) return false;
  }
  return true;
}

std::int64_t divided_up(std::int64_t count, std::int64_t by) {
  return (count + by - 1) / by;
}

}  // namespace

std::int64_t RowBlocks::block(std::int64_t all) const {
  if (all == 0) return 1;
  std::int64_t blocks = divided_up(all, most);
  if (threads > 1) {
    blocks = divided_up(blocks, threads) * threads;
    if (all < blocks * kLeastBlock) blocks = std::max<std::int64_t>(1, all / kLeastBlock);
  }
  return std::max<std::int64_t>(1, divided_up(all, blocks));
}

std::optional<RowBlocks> choose_row_blocks(const ir::Function& main, const ir::Rows& rows,
                                           const plan::Target& target, int threads) {
  RowBlocks blocks;
  blocks.threads = threads;
  if (rows.size.is_static())
    blocks.rows = rows.size.value();
  else if (rows.size.coefficient() != 1 || rows.size.offset() != 0)
    return std::nullopt;
  std::size_t weights = 0;
  for (const ir::ValueId input : main.body().arguments) {
    const ir::Type& type = main.value(input).type;
    if (rows.has(input) || type.token) continue;
    if (!type.shape.is_static()) return std::nullopt;
    weights += static_cast<std::size_t>(type.shape.size()) * size_of(type.dtype);
  }
  int steps = 0;
  for (const ir::OpId id : main.body().ops) {
    std::size_t bytes = 0;
    const ir::Op& op = main.op(id);
    if (!op.operands.empty()) ++steps;
    for (const std::vector<ir::ValueId>* values : {&op.operands, &op.results}) {
      for (const ir::ValueId value : *values) {
        if (!rows.has(value)) continue;
        if (!is_known_behind_rows(main.value(value).type)) return std::nullopt;
        bytes += bytes_behind_rows(main.value(value).type);
      }
    }
    blocks.row_bytes = std::max(blocks.row_bytes, bytes);
  }
  if (steps < 2 && threads == 1) return std::nullopt;  // nothing stands between them
  // Among threads each reads all of the weights; where they are too many, steps are divided.
  if (weights > target.l2_bytes / 4 * (threads > 1 ? 3 : 2) || blocks.row_bytes == 0)
    return std::nullopt;
  blocks.most =
      std::max<std::int64_t>(64, static_cast<std::int64_t>(target.l2_bytes / 4 / blocks.row_bytes));
  blocks.cycles = static_cast<std::int64_t>(
      1 + (weights + blocks.row_bytes) / static_cast<std::size_t>(2 * target.vector_bytes));
  if (blocks.rows == 0) return blocks;
  const bool fits = static_cast<std::size_t>(blocks.rows) * blocks.row_bytes <= target.l2_bytes;
  const bool shares =
      threads > 1 && blocks.rows >= threads * kLeastBlock &&
      static_cast<double>(blocks.rows * blocks.cycles) >= 2 * plan::kCyclesWorthDividing;
  if (threads > 1 ? !shares : fits) return std::nullopt;
  return blocks;
}

BlockProgram::BlockProgram(const RowBlocks& blocks, const ir::Rows& rows, const plan::Plan& plan,
                           codegen::EntryPoint entry)
    : blocks_(blocks), plan_(plan), entry_(entry) {
  const ir::Region& body = plan.graph->main().body();
  for (std::uint32_t i = 0; i < plan.slots.size(); ++i) {
    const plan::Slot& slot = plan.slots[i];
    const bool input = slot.kind == plan::SlotKind::input;
    if (!input && slot.kind != plan::SlotKind::output) continue;
    const ir::ValueId value = input ? body.arguments[slot.index] : body.results[slot.index];
    if (rows.has(value))
      slots_.push_back({i, bytes_behind_rows(plan.graph->main().value(value).type)});
  }
}

std::size_t BlockProgram::code_bytes(std::int64_t batch) const {
  const std::int64_t of_block = blocks_.rows > 0 ? 0 : blocks_.block(batch);
  return support::aligned_size(plan_.workspace(of_block));
}

std::size_t BlockProgram::workspace_bytes(std::int64_t batch) const {
  return code_bytes(batch) + support::aligned_size(plan_.slots.size() * sizeof(void*));
}

void BlockProgram::run_range(const codegen::Runtime* runtime, void* const* slots,
                             std::byte* /*workspace*/, std::int64_t /*batch*/, std::int64_t begin,
                             std::int64_t end, std::byte* scratch) {
  const BlockRun& run = *static_cast<const CallContext*>(runtime->self)->block_run();
  const BlockProgram& program = run.program;
  auto** const mine = reinterpret_cast<void**>(scratch + run.code_bytes);
  std::memcpy(mine, slots, program.plan_.slots.size() * sizeof(void*));
  const bool any_size = program.blocks_.rows == 0;
  for (std::int64_t i = begin; i < end; ++i) {
    // Code for so many rows ends with the last one, and does some of the block before again: the
    // same bits in the same places.
    const std::int64_t first =
        any_size ? i * run.block : std::min(i * run.block, run.rows - run.block);
    for (const Slot& slot : program.slots_) {
      mine[slot.index] = static_cast<std::byte*>(slots[slot.index]) +
                         static_cast<std::size_t>(first) * slot.row_bytes;
    }
    program.entry_(runtime, mine, scratch, any_size ? std::min(run.block, run.rows - first) : 0);
  }
}

void BlockProgram::run(CallContext& context, const Sharing* sharing, void* const* slots,
                       std::byte* workspace, std::int64_t batch) const {
  const std::int64_t rows = blocks_.rows > 0 ? blocks_.rows : batch;
  if (rows == 0) return;
  const BlockRun run{*this, rows, blocks_.block(rows), code_bytes(batch)};
  context.set_block_run(&run);
  const std::int64_t count = divided_up(rows, run.block);
  const std::shared_ptr<Team> team =
      sharing != nullptr && count > 1 ? Team::of_this_thread(*sharing) : nullptr;
  if (team != nullptr) {
    team->run(
        {context.runtime(), &run_range, slots, workspace, batch, count, workspace_bytes(batch)},
        blocks_.cycles * run.block, workspace);
  } else {
    run_range(context.runtime(), slots, workspace, batch, 0, count, workspace);
  }
  context.set_block_run(nullptr);
}

}  // namespace mlpjit::runtime
