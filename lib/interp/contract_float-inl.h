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

// The sums of a tile: of each chain, rows of vectors.
template <class T, int kChains, int kRows, int kVectors>
struct Sums {
  typename Machine<T>::Value of[kChains][kRows][kVectors];

  // Chain 0 starts at the bias, or at +0 as the others do.
  HWY_INLINE void start(const Machine<T>& machine, const T* bias, std::size_t last) {
    for (int c = 0; c < kChains; ++c) {
      for (int r = 0; r < kRows; ++r) {
        if (c == 0 && bias != nullptr) {
          load_row<kVectors>(machine, bias, last, of[c][r]);
        } else {
          for (int v = 0; v < kVectors; ++v) of[c][r][v] = machine.constant(0);
        }
      }
    }
  }
  // The tree: chain j takes chain j + kChains / 2, then a quarter, down to one.
  HWY_INLINE void join(const Machine<T>& machine) {
#pragma GCC unroll 4
    for (int half = kChains / 2; half > 0; half /= 2) {
#pragma GCC unroll 4
      for (int c = 0; c < half; ++c) {
        for (int r = 0; r < kRows; ++r) {
          for (int v = 0; v < kVectors; ++v)
            of[c][r][v] = machine.add(of[c][r][v], of[c + half][r][v]);
        }
      }
    }
  }
  HWY_INLINE void store(const Machine<T>& machine, T* y, Int stride, std::size_t last) const {
    constexpr std::size_t kWidth = Machine<T>::kWidth;
    for (int r = 0; r < kRows; ++r, y += stride) {
      for (int v = 0; v + 1 < kVectors; ++v) machine.store(of[0][r][v], y + v * kWidth);
      store_columns(machine, of[0][r][kVectors - 1], y + (kVectors - 1) * kWidth, last);
    }
  }
};

// Step k of one chain of every result: the columns are vectors, the rows are broadcast.
template <int kRows, int kVectors, class T>
HWY_INLINE void add_step(const Machine<T>& machine, const T* x, Int x_stride, const T* b,
                         typename Machine<T>::Value (&sums)[kRows][kVectors]) {
  constexpr std::size_t kWidth = Machine<T>::kWidth;
  typename Machine<T>::Value columns[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) columns[v] = machine.load(b + v * kWidth);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const auto element = machine.constant(x[r * x_stride]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[r][v] = machine.fma(element, columns[v], sums[r][v]);
  }
}

// Each result is kChains chains of fma over k, kept in registers.
template <int kChains, int kRows, int kVectors, class T>
void run_tile(const Tile<T>& tile) {
  const Machine<T> machine;
  Sums<T, kChains, kRows, kVectors> sums;
  if (kChains == 1 && tile.resume) {
    for (int r = 0; r < kRows; ++r)
      load_row<kVectors>(machine, tile.y + r * tile.y_stride, tile.last, sums.of[0][r]);
  } else {
    sums.start(machine, tile.bias, tile.last);
  }
  const T* x = tile.x;
  const T* b = tile.b;
  Int k = 0;
  for (; k + kChains <= tile.k; k += kChains) {
#pragma GCC unroll 4
    for (int c = 0; c < kChains; ++c, ++x, b += tile.b_stride)
      add_step<kRows, kVectors>(machine, x, tile.x_stride, b, sums.of[c]);
  }
#pragma GCC unroll 4
  for (int c = 0; c + 1 < kChains; ++c, ++x, b += tile.b_stride) {
    if (k + c < tile.k) add_step<kRows, kVectors>(machine, x, tile.x_stride, b, sums.of[c]);
  }
  sums.join(machine);
  sums.store(machine, tile.y, tile.y_stride, tile.last);
}

// Vectors per tile and rows per tile: as many sums as leave registers for a row of b and one
// element of x. More chains leave fewer rows.
inline constexpr int kTileVectors = HWY_TARGET == HWY_AVX3 ? 4 : 2;
template <int kChains>
constexpr int tile_rows() {
  if (kChains == 1) return HWY_TARGET == HWY_SCALAR ? 4 : 6;
  return kChains == 2 || HWY_TARGET == HWY_AVX3 ? 3 : 1;
}

template <int kChains, int kRows, class T>
void run_vectors(const Tile<T>& tile, int vectors) {
  switch (vectors) {
    case 1: return run_tile<kChains, kRows, 1>(tile);
    case 2: return run_tile<kChains, kRows, 2>(tile);
    case 3:
      if constexpr (kTileVectors >= 3) return run_tile<kChains, kRows, 3>(tile);
      break;
    default:
      if constexpr (kTileVectors >= 4) return run_tile<kChains, kRows, 4>(tile);
      break;
  }
}

// `count` rows, kRows at most.
template <int kChains, int kRows, class T>
void run_count(const Tile<T>& tile, Int count, int vectors) {
  if constexpr (kRows > 1) {
    if (count < kRows) return run_count<kChains, kRows - 1>(tile, count, vectors);
  }
  run_vectors<kChains, kRows>(tile, vectors);
}

// All rows of x against `vectors` vectors of columns.
template <int kChains, class T>
void run_rows(Tile<T> tile, Int rows, int vectors) {
  constexpr int kTileRows = tile_rows<kChains>();
  // Rows are split evenly: 7 as 4 and 3, not 6 and 1.
  Int tiles = (rows + kTileRows - 1) / kTileRows;
  for (; rows > 0; --tiles) {
    const Int count = (rows + tiles - 1) / tiles;
    run_count<kChains, kTileRows>(tile, count, vectors);
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

// kBlock steps of one group of outputs; the first belongs to chain `first` mod kChains.
template <int kChains, int kRows, int kGroups, class Rows, class T>
HWY_INLINE void add_block(const Machine<T>& machine, const T* x, Int x_stride, const Rows& rows,
                          Int at, int first, int g, Sums<T, kChains, kRows, kGroups>& sums) {
  constexpr auto kBlock = static_cast<int>(Machine<T>::kBlock);
  typename Machine<T>::Value columns[kBlock];
  machine.load_columns([&](std::size_t j) { return rows(j) + at; }, columns);
#pragma GCC unroll 8
  for (int b = 0; b < kBlock; ++b) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const auto element = machine.constant(x[r * x_stride + at + b]);
      auto& sum = sums.of[(first + b) % kChains][r][g];
      sum = machine.fma(element, columns[b], sum);
    }
  }
}

// The same for the last steps, fewer than kBlock.
template <int kChains, int kRows, int kGroups, class Rows, class T>
HWY_INLINE void add_last(const Machine<T>& machine, const T* x, Int x_stride, const Rows& rows,
                         Int at, Int count, int first, int g,
                         Sums<T, kChains, kRows, kGroups>& sums) {
  constexpr std::size_t kWidth = Machine<T>::kWidth;
#pragma GCC unroll 8
  for (int b = 0; b + 1 < static_cast<int>(Machine<T>::kBlock); ++b) {
    if (b >= count) return;
    T column[kWidth];
    for (std::size_t j = 0; j < kWidth; ++j) column[j] = rows(j)[at + b];
    for (int r = 0; r < kRows; ++r) {
      const auto element = machine.constant(x[r * x_stride + at + b]);
      auto& sum = sums.of[(first + b) % kChains][r][g];
      sum = machine.fma(element, machine.load(column), sum);
    }
  }
}

// Up to kRows rows of x against kGroups vectors of outputs, w read row-major and turned in
// registers: for few rows of x, where packing w would cost more than the product.
template <int kChains, int kRows, int kGroups, class Rows, class T>
void run_direct(const T* x, const Rows (&rows)[kGroups], const T* bias, T* y, Int n, Int k,
                std::size_t last) {
  const Machine<T> machine;
  constexpr auto kBlock = static_cast<int>(Machine<T>::kBlock);
  Sums<T, kChains, kRows, kGroups> sums;
  sums.start(machine, bias, last);
  // All of a cache line of each row before the next row group: rows a power of two apart share a
  // few sets of the cache, and would push each other's lines out before they are used up.
  constexpr int kLine = 64 / static_cast<int>(sizeof(T));
  static_assert(kLine % kChains == 0);
  Int i = 0;
  for (; i + kLine <= k; i += kLine) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 16
      for (int at = 0; at < kLine; at += kBlock)
        add_block(machine, x, k, rows[g], i + at, at, g, sums);
    }
  }
  const Int left = k - i;
#pragma GCC unroll 8
  for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 16
    for (int at = 0; at < kLine; at += kBlock) {
      if (at + kBlock <= left)
        add_block(machine, x, k, rows[g], i + at, at, g, sums);
      else if (at < left)
        add_last(machine, x, k, rows[g], i + at, left - at, at, g, sums);
    }
  }
  sums.join(machine);
  sums.store(machine, y, n, last);
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();
#endif
