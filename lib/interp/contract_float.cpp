// dense and matmul of floats: how the tiles are put together, per instruction set.

#include "lib/interp/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/interp/contract_float.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "lib/interp/contract_float-inl.h"
#include "lib/interp/contract_kernels.h"
#include "lib/interp/families.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

// Rows of x from which on packing w pays.
inline constexpr Int kPackFrom = 9;
// A packed panel of so many k stays in the second-level cache.
inline constexpr Int kPanelDepth = 1024;

// A panel of outputs: row k holds w[first .. first + width][k], padded with what is at hand.
template <class T, class Rows>
HWY_INLINE void pack_vector(const Rows& rows, Int k, Int panel_width, T* to) {
  const Machine<T> machine;
  constexpr auto kBlock = static_cast<Int>(Machine<T>::kBlock);
  constexpr std::size_t kWidth = Machine<T>::kWidth;
  Int i = 0;
  for (; i + kBlock <= k; i += kBlock) {
    typename Machine<T>::Value columns[kBlock];
    machine.load_columns([&](std::size_t j) { return rows(j) + i; }, columns);
    for (Int b = 0; b < kBlock; ++b) machine.store(columns[b], to + (i + b) * panel_width);
  }
  for (; i < k; ++i) {
    for (std::size_t j = 0; j < kWidth; ++j) to[i * panel_width + static_cast<Int>(j)] = rows(j)[i];
  }
}

template <class T>
HWY_INLINE void pack_outputs(const T* w, Int stride, Int outputs, Int k, int vectors, T* to) {
  constexpr auto kWidth = static_cast<Int>(Machine<T>::kWidth);
  for (int v = 0; v < vectors; ++v) {
    const Int first = v * kWidth;
    const T* rows = w + first * stride;
    if (first + kWidth <= outputs) {
      pack_vector(WholeRows<T>{rows, stride}, k, vectors * kWidth, to + first);
    } else {
      pack_vector(WeightRows<T>{rows, stride, outputs - first - 1}, k, vectors * kWidth,
                  to + first);
    }
  }
}

// The columns of the last vector that exist, of `columns` in whole and part vectors.
template <class T>
HWY_INLINE std::size_t last_of(Int columns) {
  constexpr auto kWidth = static_cast<Int>(Machine<T>::kWidth);
  return static_cast<std::size_t>((columns - 1) % kWidth + 1);
}

// Pieces of k: one chain is resumed from what y holds. Several are for few outputs, whose panel
// stays small at any depth; they have some depth.
template <int kChains>
Int piece_of(Int k) {
  return kChains == 1 ? kPanelDepth : k;
}

// Panels of columns; within a panel, pieces of k; packed(first, columns, k, depth, vectors) gives b
// and its stride.
template <int kChains, class T, class Pack>
HWY_INLINE void run_panels(const T* x, const T* bias, T* y, Int m, Int n, Int k, const Pack& pack) {
  constexpr auto kWidth = static_cast<Int>(Machine<T>::kWidth);
  constexpr Int kPanel = kTileVectors * kWidth;
  for (Int first = 0; first < n; first += kPanel) {
    const Int columns = n - first < kPanel ? n - first : kPanel;
    const int vectors = static_cast<int>((columns + kWidth - 1) / kWidth);
    const Int piece = piece_of<kChains>(k);
    for (Int from = 0; from == 0 || from < k; from += piece) {
      const Int depth = k - from < piece ? k - from : piece;
      Tile<T> tile{x + from, k,         nullptr, 0,     bias == nullptr ? nullptr : bias + first,
                   from > 0, y + first, n,       depth, last_of<T>(columns)};
      pack(first, columns, from, depth, vectors, tile);
      run_rows<kChains>(tile, m, vectors);
    }
  }
}

template <int kChains, class T>
T* panel_memory(Int k) {
  constexpr std::size_t kPanel = kTileVectors * Machine<T>::kWidth;
  return static_cast<T*>(
      scratch(kPanel * static_cast<std::size_t>(piece_of<kChains>(k)) * sizeof(T)));
}

template <class T>
struct PackWeights {
  const T* w;
  Int k;
  T* memory;
  void operator()(Int first, Int columns, Int from, Int depth, int vectors, Tile<T>& tile) const {
    pack_outputs(w + first * k + from, k, columns, depth, vectors, memory);
    tile.b = memory;
    tile.b_stride = vectors * static_cast<Int>(Machine<T>::kWidth);
  }
};

// Columns of b are used where they are, unless they would be read beyond the end or many times
// over.
template <class T>
struct PackColumns {
  const T* b;
  Int n;
  bool always;
  T* memory;
  void operator()(Int first, Int columns, Int from, Int depth, int vectors, Tile<T>& tile) const {
    constexpr auto kWidth = static_cast<Int>(Machine<T>::kWidth);
    const T* source = b + from * n + first;
    tile.b = source;
    tile.b_stride = n;
    if (!always && columns == vectors * kWidth) return;
    tile.b = memory;
    tile.b_stride = vectors * kWidth;
    for (Int i = 0; i < depth; ++i) {
      T* to = memory + i * tile.b_stride;
      for (Int c = 0; c < columns; ++c) to[c] = source[i * n + c];
      for (Int c = columns; c < tile.b_stride; ++c) to[c] = 0;
    }
  }
};

template <int kChains, int kRows, int kGroups, class T>
void direct_rows(const T* x, const T* w, const T* bias, T* y, Int n, Int k) {
  constexpr auto kWidth = static_cast<Int>(Machine<T>::kWidth);
  Int first = 0;
  for (; first + kGroups * kWidth <= n; first += kGroups * kWidth) {
    WholeRows<T> rows[kGroups];
    for (int g = 0; g < kGroups; ++g) rows[g] = {w + (first + g * kWidth) * k, k};
    run_direct<kChains, kRows, kGroups>(x, rows, bias == nullptr ? nullptr : bias + first,
                                        y + first, n, k, static_cast<std::size_t>(kWidth));
  }
  for (; first < n; first += kWidth) {
    const Int left = n - first < kWidth ? n - first : kWidth;
    const WeightRows<T> rows[1] = {{w + first * k, k, left - 1}};
    run_direct<kChains, kRows, 1>(x, rows, bias == nullptr ? nullptr : bias + first, y + first, n,
                                  k, static_cast<std::size_t>(left));
  }
}

template <int kChains, class T>
void dense_of(const T* x, const T* w, const T* bias, T* y, Int m, Int n, Int k) {
  if (m >= kPackFrom) {
    return run_panels<kChains>(x, bias, y, m, n, k,
                               PackWeights<T>{w, k, panel_memory<kChains, T>(k)});
  }
  // 16 rows of w at a time: more would not fit the sets of the first-level cache.
  constexpr int kWidth = static_cast<int>(Machine<T>::kWidth);
  constexpr int kMost = (kWidth >= 4 ? 16 / kWidth : 4) / kChains;
  constexpr int kGroups = kMost > 1 ? kMost : 1;
  for (Int tiles = (m + 3) / 4; m > 0; --tiles) {
    const Int count = (m + tiles - 1) / tiles;
    switch (count) {
      case 1: direct_rows<kChains, 1, kGroups>(x, w, bias, y, n, k); break;
      case 2: direct_rows<kChains, 2, kGroups>(x, w, bias, y, n, k); break;
      case 3: direct_rows<kChains, 3, 1>(x, w, bias, y, n, k); break;
      default: direct_rows<kChains, 4, 1>(x, w, bias, y, n, k); break;
    }
    x += count * k;
    y += count * n;
    m -= count;
  }
}

template <class T>
void dense(const T* x, const T* w, const T* bias, T* y, Int m, Int n, Int k, int chains) {
  switch (chains) {
    case 1: return dense_of<1>(x, w, bias, y, m, n, k);
    case 2: return dense_of<2>(x, w, bias, y, m, n, k);
    default: return dense_of<4>(x, w, bias, y, m, n, k);
  }
}

template <class T>
void matmul(const T* a, const T* b, T* y, Int m, Int n, Int k) {
  // One column is a vector: its products are those of dense with the matrix as weights.
  if (n == 1) return dense_of<1, T>(b, a, nullptr, y, 1, m, k);
  run_panels<1, T>(a, nullptr, y, m, n, k, PackColumns<T>{b, n, m >= 16, panel_memory<1, T>(k)});
}

// One row of x against kOutputs rows of w, 16 lanes each.
template <int kOutputs, class T>
HWY_INLINE void narrow_row(const T* x, const T* w, const T* bias, T* y, Int k) {
  const Machine<T> machine;
  constexpr std::size_t kWidth = Machine<T>::kWidth;
  using Sum = Lanes<T, SumStep<T>>;
  constexpr std::size_t kVectors = Sum::kVectors;
  constexpr auto kCount = static_cast<Int>(kLanes);
  Sum lanes[kOutputs];
  for (auto& output : lanes) output.start(machine);
  Int i = 0;
  for (; i + kCount <= k; i += kCount) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const Int at = i + static_cast<Int>(v * kWidth);
      const auto element = machine.load(x + at);
      for (int o = 0; o < kOutputs; ++o) {
        auto& lane = lanes[o].vectors[v][0];
        lane = machine.fma(element, machine.load(w + o * k + at), lane);
      }
    }
  }
  const auto rest = static_cast<std::size_t>(k - i);
  for (std::size_t v = 0; v < kVectors && v * kWidth < rest; ++v) {
    const std::size_t part = rest - v * kWidth < kWidth ? rest - v * kWidth : kWidth;
    const Int at = i + static_cast<Int>(v * kWidth);
    for (int o = 0; o < kOutputs; ++o) {
      auto& lane = lanes[o].vectors[v][0];
      const auto taken = machine.fma(machine.load_part(x + at, part),
                                     machine.load_part(w + o * k + at, part), lane);
      lane = machine.first(part, taken, lane);
    }
  }
  for (int o = 0; o < kOutputs; ++o) {
    const T sum = lanes[o].trees(machine, SumStep<T>()).of[0];
    y[o] = bias == nullptr ? sum : sum + bias[o];
  }
}

template <class T>
void dense_narrow(const T* x, const T* w, const T* bias, T* y, Int m, Int n, Int k) {
  for (Int r = 0; r < m; ++r, x += k, y += n) {
    Int o = 0;
    const auto at = [&](const T* base) { return base == nullptr ? nullptr : base + o; };
    for (; o + 4 <= n; o += 4) narrow_row<4>(x, w + o * k, at(bias), y + o, k);
    for (; o + 2 <= n; o += 2) narrow_row<2>(x, w + o * k, at(bias), y + o, k);
    for (; o < n; ++o) narrow_row<1>(x, w + o * k, at(bias), y + o, k);
  }
}

template <class T>
const ContractKernels<T>& contract_table() {
  static constexpr ContractKernels<T> kTable = {dense<T>, dense_narrow<T>, matmul<T>};
  return kTable;
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlpjit::interp {
MLPJIT_KERNEL_TABLES(ContractKernels, contract_kernels, contract_table)
}  // namespace mlpjit::interp
#endif
