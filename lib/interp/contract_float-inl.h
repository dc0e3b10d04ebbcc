// Tiles of products of matrices over Machine<T>. Included once per target.

#if defined(MLPJIT_INTERP_CONTRACT_FLOAT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MLPJIT_INTERP_CONTRACT_FLOAT_INL_H_
#undef MLPJIT_INTERP_CONTRACT_FLOAT_INL_H_
#else
#define MLPJIT_INTERP_CONTRACT_FLOAT_INL_H_
#endif

#include "lib/interp/reduce_float-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

using Int = std::int64_t;

// A rectangle of results: `rows` of x against some columns of b, whose row k starts at b + k *
// b_stride.
template <class T>
struct Tile {
  const T* x;
  Int x_stride;
  const T* b;
  Int b_stride;
  const T* bias;  // null: from 0
  bool resume;    // from what y holds: an earlier part of the chain
  T* y;
  Int y_stride;
  Int k;
  std::size_t last;  // columns of the last vector that exist
};

template <int kVectors, class T, class Value>
HWY_INLINE void load_row(const Machine<T>& machine, const T* from, std::size_t last,
                         Value (&row)[kVectors]) {
  constexpr std::size_t kWidth = Machine<T>::kWidth;
  for (int v = 0; v + 1 < kVectors; ++v) row[v] = machine.load(from + v * kWidth);
  const T* end = from + (kVectors - 1) * kWidth;
  row[kVectors - 1] = last == kWidth ? machine.load(end) : machine.load_part(end, last);
}

// Each result is one chain of fma over k, kept in a register; the columns are vectors, the rows are
// broadcast.
template <int kRows, int kVectors, class T>
void run_tile(const Tile<T>& tile) {
  const Machine<T> machine;
  using Value = typename Machine<T>::Value;
  constexpr std::size_t kWidth = Machine<T>::kWidth;
  Value sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    if (tile.resume) {
      load_row<kVectors>(machine, tile.y + r * tile.y_stride, tile.last, sums[r]);
    } else if (tile.bias != nullptr) {
      load_row<kVectors>(machine, tile.bias, tile.last, sums[r]);
    } else {
      for (int v = 0; v < kVectors; ++v) sums[r][v] = machine.constant(0);
    }
  }
  const T* x = tile.x;
  const T* b = tile.b;
  for (Int k = 0; k < tile.k; ++k, ++x, b += tile.b_stride) {
    Value columns[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) columns[v] = machine.load(b + v * kWidth);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Value element = machine.constant(x[r * tile.x_stride]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = machine.fma(element, columns[v], sums[r][v]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    T* y = tile.y + r * tile.y_stride;
    for (int v = 0; v + 1 < kVectors; ++v) machine.store(sums[r][v], y + v * kWidth);
    store_columns(machine, sums[r][kVectors - 1], y + (kVectors - 1) * kWidth, tile.last);
  }
}

// Vectors per tile and rows per tile: as many sums as leave registers for a row of b and one
// element of x.
inline constexpr int kTileVectors = HWY_TARGET == HWY_AVX3 ? 4 : 2;
inline constexpr int kTileRows = HWY_TARGET == HWY_SCALAR ? 4 : 6;

template <int kRows, class T>
void run_vectors(const Tile<T>& tile, int vectors) {
  switch (vectors) {
    case 1: return run_tile<kRows, 1>(tile);
    case 2: return run_tile<kRows, 2>(tile);
    case 3:
      if constexpr (kTileVectors >= 3) return run_tile<kRows, 3>(tile);
      break;
    default:
      if constexpr (kTileVectors >= 4) return run_tile<kRows, 4>(tile);
      break;
  }
}

// All rows of x against `vectors` vectors of columns.
template <class T>
void run_rows(Tile<T> tile, Int rows, int vectors) {
  // Rows are split evenly: 7 as 4 and 3, not 6 and 1.
  Int tiles = (rows + kTileRows - 1) / kTileRows;
  for (; rows > 0; --tiles) {
    const Int count = (rows + tiles - 1) / tiles;
    switch (count) {
      case 1: run_vectors<1>(tile, vectors); break;
      case 2: run_vectors<2>(tile, vectors); break;
      case 3: run_vectors<3>(tile, vectors); break;
      case 4: run_vectors<4>(tile, vectors); break;
      case 5:
        if constexpr (kTileRows >= 5) run_vectors<5>(tile, vectors);
        break;
      default:
        if constexpr (kTileRows >= 6) run_vectors<6>(tile, vectors);
        break;
    }
    tile.x += count * tile.x_stride;
    tile.y += count * tile.y_stride;
    rows -= count;
  }
}

// Rows of w from `first` on, up to the last one that exists: those beyond it are read again, their
// sums dropped.
template <class T>
struct WeightRows {
  const T* w;
  Int stride;
  Int last;
  HWY_INLINE const T* operator()(std::size_t i) const {
    const auto row = static_cast<Int>(i);
    return w + (row < last ? row : last) * stride;
  }
};

// The same where all rows exist.
template <class T>
struct WholeRows {
  const T* w;
  Int stride;
  HWY_INLINE const T* operator()(std::size_t i) const { return w + static_cast<Int>(i) * stride; }
};

// kBlock steps of the chains of one group.
template <int kRows, int kGroups, class Rows, class T, class Value>
HWY_INLINE void add_block(const Machine<T>& machine, const T* x, Int x_stride, const Rows& rows,
                          Int at, int g, Value (&sums)[kRows][kGroups]) {
  constexpr auto kBlock = static_cast<Int>(Machine<T>::kBlock);
  Value columns[kBlock];
  machine.load_columns([&](std::size_t j) { return rows(j) + at; }, columns);
#pragma GCC unroll 8
  for (Int b = 0; b < kBlock; ++b) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Value element = machine.constant(x[r * x_stride + b]);
      sums[r][g] = machine.fma(element, columns[b], sums[r][g]);
    }
  }
}

// Up to kRows rows of x against kGroups vectors of outputs, w read row-major and turned in
// registers: for few rows of x, where packing w would cost more than the product.
template <int kRows, int kGroups, class Rows, class T>
void run_direct(const T* x, const Rows (&rows)[kGroups], const T* bias, T* y, Int n, Int k,
                std::size_t last) {
  const Machine<T> machine;
  using Value = typename Machine<T>::Value;
  constexpr std::size_t kWidth = Machine<T>::kWidth;
  constexpr auto kBlock = static_cast<Int>(Machine<T>::kBlock);
  Value sums[kRows][kGroups];
  for (int r = 0; r < kRows; ++r) {
    if (bias != nullptr) {
      load_row<kGroups>(machine, bias, last, sums[r]);
    } else {
      for (int g = 0; g < kGroups; ++g) sums[r][g] = machine.constant(0);
    }
  }
  // All of a cache line of each row before the next row group: rows a power of two apart share a
  // few sets of the cache, and would push each other's lines out before they are used up.
  constexpr Int kLine = 64 / static_cast<Int>(sizeof(T));
  Int i = 0;
  for (; i + kLine <= k; i += kLine) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      for (Int at = i; at < i + kLine; at += kBlock) {
        add_block<kRows, kGroups>(machine, x + at, k, rows[g], at, g, sums);
      }
    }
  }
  for (; i + kBlock <= k; i += kBlock) {
    for (int g = 0; g < kGroups; ++g) {
      add_block<kRows, kGroups>(machine, x + i, k, rows[g], i, g, sums);
    }
  }
  for (; i < k; ++i) {
    for (int g = 0; g < kGroups; ++g) {
      T column[kWidth];
      for (std::size_t j = 0; j < kWidth; ++j) column[j] = rows[g](j)[i];
      for (int r = 0; r < kRows; ++r) {
        const Value element = machine.constant(x[r * k + i]);
        sums[r][g] = machine.fma(element, machine.load(column), sums[r][g]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int g = 0; g < kGroups; ++g) {
      store_columns(machine, sums[r][g], y + r * n + static_cast<Int>(g * kWidth),
                    g + 1 == kGroups ? last : kWidth);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();
#endif
