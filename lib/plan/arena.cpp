// One arena for all intermediates.

#include <algorithm>
#include <vector>

#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t rounded(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

bool meet(const Buffer& a, const Buffer& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

}  // namespace

// Largest first, each at the lowest offset that is free during its whole life: small graphs, so the
// simple search does.
void assign_offsets(Plan& plan) {
  std::vector<BufferId> order;
  for (BufferId id = 0; id < plan.buffers.size(); ++id) {
    const Buffer& buffer = plan.buffers[id];
    if (buffer.place == Place::workspace && buffer.root == id) order.push_back(id);
  }
  std::stable_sort(order.begin(), order.end(), [&](BufferId a, BufferId b) {
    return plan.buffers[a].bytes > plan.buffers[b].bytes;
  });
  // First the pointers of indirect buffers, for as long as the call lasts.
  std::size_t pointers = 0;
  for (Buffer& buffer : plan.buffers) {
    if (buffer.place != Place::indirect || &plan.buffers[buffer.root] != &buffer) continue;
    buffer.offset = pointers;
    pointers += sizeof(void*);
  }
  plan.workspace_bytes = plan.unshared_bytes = rounded(pointers);
  std::vector<BufferId> placed;  // ascending by offset
  for (const BufferId id : order) {
    Buffer& buffer = plan.buffers[id];
    std::size_t offset = rounded(pointers);
    for (const BufferId other_id : placed) {
      const Buffer& other = plan.buffers[other_id];
      if (!meet(buffer, other)) continue;
      if (offset + rounded(buffer.bytes) <= other.offset) break;
      offset = std::max(offset, other.offset + rounded(other.bytes));
    }
    buffer.offset = offset;
    plan.workspace_bytes = std::max(plan.workspace_bytes, offset + rounded(buffer.bytes));
    plan.unshared_bytes += rounded(buffer.bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), offset,
                         [&](std::size_t at, BufferId p) { return at < plan.buffers[p].offset; }),
        id);
  }
  for (Buffer& view : plan.buffers) view.offset = plan.buffers[view.root].offset;
}

}  // namespace mlpjit::plan
