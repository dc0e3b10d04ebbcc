// One arena for all intermediates.

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

constexpr std::int64_t kAlignment = 64;

// Sizes come from files too: what does not fit 63 bits is a ShapeError, as everywhere in a plan.
std::int64_t bytes_of_both(std::int64_t a, std::int64_t b) {
  return (Extent(a) + Extent(b)).known();
}

std::int64_t rounded(std::int64_t bytes) {
  return bytes_of_both(bytes, kAlignment - 1) / kAlignment * kAlignment;
}

// A multiple of B to the power `degree` that covers `bytes` for every B of at least 1, and for B =
// 0 where B counts as 1.
std::int64_t cover(const Extent& bytes) {
  std::int64_t all = 0;
  for (int i = 0; i <= bytes.degree(); ++i)
    all = bytes_of_both(all, std::max<std::int64_t>(bytes.term(i), 0));
  return rounded(all);
}

Extent power(int degree) {
  const Extent batch(dim("B"));
  return degree == 0 ? Extent(1) : degree == 1 ? batch : batch * batch;
}

// Memory of buffers that are alive by turns.
struct Span {
  std::int64_t offset = 0, bytes = 0;
  std::uint32_t first_step = 0, last_step = 0;        // of all lives
  std::map<std::uint32_t, std::uint32_t> lives = {};  // first step to last

  bool in_use(const Buffer& buffer) const {
    if (buffer.last_step < first_step || buffer.first_step > last_step) return false;
    if (lives.size() == 1) return true;
    const auto next = lives.upper_bound(buffer.last_step);
    return next != lives.begin() && std::prev(next)->second >= buffer.first_step;
  }
  void add(const Buffer& buffer) {
    first_step = lives.empty() ? buffer.first_step : std::min(first_step, buffer.first_step);
    last_step = std::max(last_step, buffer.last_step);
    lives.emplace(buffer.first_step, buffer.last_step);
  }
};

struct Region {
  std::int64_t bytes = 0, unshared = 0;
};

// Largest first, each at the lowest offset that is free during its whole life. There are as many
// spans as there are buffers alive at once, which in long programs are few.
Region place(Plan& plan, std::vector<BufferId> order) {
  std::stable_sort(order.begin(), order.end(), [&](BufferId a, BufferId b) {
    return cover(plan.buffers[a].bytes) > cover(plan.buffers[b].bytes);
  });
  std::vector<Span> spans;  // ascending by offset, then by size
  Region region;
  for (const BufferId id : order) {
    Buffer& buffer = plan.buffers[id];
    const std::int64_t bytes = cover(buffer.bytes);
    std::int64_t offset = 0;
    for (const Span& other : spans) {
      if (!other.in_use(buffer)) continue;
      if (bytes_of_both(offset, bytes) <= other.offset) break;
      offset = std::max(offset, other.offset + other.bytes);
    }
    buffer.offset = offset;
    region.bytes = std::max(region.bytes, bytes_of_both(offset, bytes));
    region.unshared = bytes_of_both(region.unshared, bytes);
    auto at = std::lower_bound(spans.begin(), spans.end(), std::pair(offset, bytes),
                               [](const Span& span, const auto& wanted) {
                                 return std::pair(span.offset, span.bytes) < wanted;
                               });
    if (at == spans.end() || at->offset != offset || at->bytes != bytes)
      at = spans.insert(at, {offset, bytes});
    at->add(buffer);
  }
  return region;
}

}  // namespace

// Buffers that grow with the batch size alike share a region: what overlaps then does not depend on
// the size. Regions follow each other.
void assign_offsets(Plan& plan) {
  // First the pointers of indirect buffers, for as long as the call lasts.
  std::int64_t pointers = 0;
  for (Buffer& buffer : plan.buffers) {
    if (buffer.place != Place::indirect || &plan.buffers[buffer.root] != &buffer) continue;
    buffer.offset = pointers;
    pointers += static_cast<std::int64_t>(sizeof(void*));
  }
  plan.workspace_bytes = plan.unshared_bytes = rounded(pointers);
  for (int degree = 0; degree <= Extent::kDegree; ++degree) {
    std::vector<BufferId> order;
    for (BufferId id = 0; id < plan.buffers.size(); ++id) {
      const Buffer& buffer = plan.buffers[id];
      if (buffer.place == Place::workspace && buffer.root == id && buffer.bytes.degree() == degree)
        order.push_back(id);
    }
    const Region region = place(plan, order);
    const Extent unit = power(degree);
    for (const BufferId id : order) {
      plan.buffers[id].offset = plan.workspace_bytes + plan.buffers[id].offset * unit;
    }
    plan.workspace_bytes = plan.workspace_bytes + Extent(region.bytes) * unit;
    plan.unshared_bytes = plan.unshared_bytes + Extent(region.unshared) * unit;
  }
  for (Buffer& view : plan.buffers) view.offset = plan.buffers[view.root].offset;
}

}  // namespace mlpjit::plan
