#include <cmath>
#include <type_traits>

#include "lib/ir/opcodes.h"
#include "test/differential/reference.h"

namespace mlpjit::reference {
namespace {

template <class T>
T fused(T a, T b, T c) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fma(a, b, c);
  } else {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) * static_cast<U>(b) + static_cast<U>(c));
  }
}

template <class T>
T plus(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a + b;
  } else {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
  }
}

// How many chains a dense layer of n outputs and depth k has, as docs/numerics.md has it.
int chains_of(std::int64_t n, std::int64_t k) {
  if (n > 64 || k < 16) return 1;
  return n > 16 || k < 32 ? 2 : 4;
}

// Element k goes to chain k mod count; the chains are added in a tree.
template <class T>
T chains(const T* x, const T* w, std::int64_t k, T start, int count) {
  T sum[4] = {start, 0, 0, 0};
  for (std::int64_t i = 0; i < k; ++i) sum[i % count] = fused(x[i], w[i], sum[i % count]);
  if (count == 4) {
    sum[0] = plus(sum[0], sum[2]);
    sum[1] = plus(sum[1], sum[3]);
  }
  return count == 1 ? sum[0] : plus(sum[0], sum[1]);
}

// One chain over k; x and w step by their strides.
template <class T>
T chain(const T* x, std::int64_t x_step, const T* w, std::int64_t w_step, std::int64_t k, T start) {
  T acc = start;
  for (std::int64_t i = 0; i < k; ++i) acc = fused(x[i * x_step], w[i * w_step], acc);
  return acc;
}

// Sixteen lanes and the tree.
template <class T>
T lanes(const T* x, const T* w, std::int64_t k) {
  T lane[16] = {};
  for (std::int64_t i = 0; i < k; ++i) lane[i % 16] = fused(x[i], w[i], lane[i % 16]);
  for (int width = 8; width >= 1; width /= 2) {
    for (int j = 0; j < width; ++j) lane[j] = plus(lane[j], lane[j + width]);
  }
  return lane[0];
}

template <class T>
void dense(const std::vector<Array>& in, Array& out) {
  const std::int64_t n = in[1].shape[0], k = in[1].shape[1];
  const std::int64_t rows = n == 0 ? 0 : out.size() / n;
  const bool narrow = n <= 16 && k >= 12 * n;
  for (std::int64_t m = 0; m < rows; ++m) {
    for (std::int64_t j = 0; j < n; ++j) {
      const T* x = in[0].as<T>() + m * k;
      const T* w = in[1].as<T>() + j * k;
      const bool biased = in.size() > 2;
      const T bias = biased ? in[2].as<T>()[j] : T{0};
      T& y = out.as<T>()[m * n + j];
      if (narrow) {
        y = lanes(x, w, k);
        if (biased) y = plus(y, bias);
      } else {
        y = chains(x, w, k, bias, chains_of(n, k));
      }
    }
  }
}

template <class T>
void matmul(const Array& a, const Array& b, Array& out) {
  if (a.shape.size() == 1 && b.shape.size() == 1) {
    out.as<T>()[0] = lanes(a.as<T>(), b.as<T>(), a.shape[0]);
    return;
  }
  // Vectors become a row on the left, a column on the right; then the result has those axes too.
  auto left = a.shape, right = b.shape, full = out.shape;
  if (left.size() == 1) {
    left.insert(left.begin(), 1);
    full.insert(full.end() - 1, 1);
  }
  if (right.size() == 1) {
    right.push_back(1);
    full.push_back(1);
  }
  const std::int64_t k = left.back(), n = right.back();
  for (std::int64_t i = 0; i < out.size(); ++i) {
    if (k == 0) {  // nothing to point to
      out.as<T>()[i] = T{0};
      continue;
    }
    auto at = coordinates(i, full);
    const std::int64_t row = at[at.size() - 2], column = at.back();
    const std::vector<std::int64_t> batch(at.begin(), at.end() - 2);
    const std::int64_t x = broadcast_offset(batch, {left.begin(), left.end() - 2});
    const std::int64_t w = broadcast_offset(batch, {right.begin(), right.end() - 2});
    const std::int64_t m = left[left.size() - 2];
    out.as<T>()[i] =
        chain(a.as<T>() + (x * m + row) * k, 1, b.as<T>() + w * k * n + column, n, k, T{0});
  }
}

}  // namespace

bool contraction(ir::Opcode opcode, const std::vector<Array>& in, std::vector<Array>& out) {
  if (opcode != ir::Opcode::dense && opcode != ir::Opcode::matmul) return false;
  return with_type(out[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, unsigned char>) {
      return false;
    } else {
      if (opcode == ir::Opcode::dense) {
        dense<T>(in, out[0]);
      } else {
        matmul<T>(in[0], in[1], out[0]);
      }
      return true;
    }
  });
}

}  // namespace mlpjit::reference
