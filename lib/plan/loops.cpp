#include "lib/plan/planner.h"

namespace mlpjit::plan {

std::vector<Extent> broadcast_strides(const Shape& shape, const Shape& to) {
  std::vector<Extent> strides(static_cast<std::size_t>(to.rank()));
  const int lead = to.rank() - shape.rank();
  Extent stride = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    const Extent size(shape[d]);
    if (size != 1) strides[static_cast<std::size_t>(lead + d)] = stride;
    if (d > 0) stride = stride * size;
  }
  return strides;
}

void LoopNest::collapse(std::size_t begin, std::size_t end) {
  const auto erase = [&](std::size_t at) {
    sizes.erase(sizes.begin() + static_cast<std::ptrdiff_t>(at));
    for (Access* access : accesses)
      access->strides.erase(access->strides.begin() + static_cast<std::ptrdiff_t>(at));
    --end;
  };
  for (std::size_t d = begin; d < end;) {
    if (sizes[d] == 1) {
      erase(d);
    } else {
      ++d;
    }
  }
  for (std::size_t d = begin; d + 1 < end;) {
    bool together = true;
    for (const Access* access : accesses) {
      together = together && access->strides[d] == access->strides[d + 1] * sizes[d + 1];
    }
    if (!together) {
      ++d;
      continue;
    }
    sizes[d + 1] = sizes[d + 1] * sizes[d];
    erase(d);
  }
}

}  // namespace mlpjit::plan
