// Packing of dense weights.

#include <algorithm>
#include <cstring>

#include "lib/plan/plan.h"
#include "mlpjit/error.h"

namespace mlpjit::plan {
namespace {

// Transposes a block of rows at a time: reads run along K, writes stay within a few cache lines.
template <class T>
void pack_as(const PackedLayout& layout, const T* weight, T* packed) {
  constexpr std::int64_t kBlock = 16;
  for (std::int64_t p = 0; p < layout.panels(); ++p) {
    T* to = packed + p * layout.panel_stride;
    const std::int64_t first = p * layout.panel;
    const std::int64_t rows = std::min(layout.panel, layout.n - first);
    for (std::int64_t k0 = 0; k0 < layout.k; k0 += kBlock) {
      const std::int64_t k1 = std::min(layout.k, k0 + kBlock);
      for (std::int64_t r = 0; r < rows; ++r) {
        const T* from = weight + (first + r) * layout.k;
        for (std::int64_t k = k0; k < k1; ++k) to[k * layout.panel + r] = from[k];
      }
      for (std::int64_t k = k0; k < k1; ++k) {
        std::fill(to + k * layout.panel + rows, to + (k + 1) * layout.panel, T{0});
      }
    }
    std::fill(to + layout.k * layout.panel, to + layout.panel_stride, T{0});
  }
}

}  // namespace

PackedLayout packed_layout(std::int64_t n, std::int64_t k, DType dtype) {
  PackedLayout layout;
  layout.k = k;
  layout.n = n;
  // One cache line of outputs; the panel stride is padded by one line, so that panels read side by
  // side do not fall into the same sets of the cache.
  layout.panel = static_cast<std::int64_t>(64 / size_of(dtype));
  layout.panel_stride = (k + 1) * layout.panel;
  layout.dtype = dtype;
  return layout;
}

void pack(const PackedLayout& layout, const void* weight, void* packed) {
  switch (layout.dtype) {
    case DType::f32:
      return pack_as(layout, static_cast<const float*>(weight), static_cast<float*>(packed));
    case DType::f64:
      return pack_as(layout, static_cast<const double*>(weight), static_cast<double*>(packed));
    default: throw InternalError("pack: only f32 and f64 weights are packed");
  }
}

}  // namespace mlpjit::plan
