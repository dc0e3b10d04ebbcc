#include "helpers.h"
#include "lib/ir/dense_form.h"
#include "lib/ir/opcodes.h"

namespace mlpjit::interp {
namespace {

using ir::Opcode;

template <class T>
T chain(const T* x, const T* w, std::int64_t step, std::int64_t k, T start) {
  T sum = start;
  for (std::int64_t i = 0; i < k; ++i) sum = std::fma(x[i], w[i * step], sum);
  return sum;
}

// Element i goes to chain i mod count, then the tree; straight from docs/numerics.md.
template <class T>
T chains(const T* x, const T* w, std::int64_t k, T start, std::int64_t count) {
  std::vector<T> sums(static_cast<std::size_t>(count));
  sums[0] = start;
  for (std::int64_t i = 0; i < k; ++i) {
    T& sum = sums[static_cast<std::size_t>(i % count)];
    sum = std::fma(x[i], w[i], sum);
  }
  for (std::size_t half = sums.size() / 2; half > 0; half /= 2) {
    for (std::size_t j = 0; j < half; ++j) sums[j] += sums[j + half];
  }
  return sums[0];
}

// S: 4 up to 16 outputs, 2 up to 64, else 1, and 8 S <= K.
std::int64_t chains_of(std::int64_t n, std::int64_t k) {
  std::int64_t count = n <= 16 ? 4 : n <= 64 ? 2 : 1;
  while (count > 1 && 8 * count > k) count /= 2;
  return count;
}

template <class T>
T lanes_dot(const T* x, const T* w, std::int64_t k) {
  T lanes[16] = {};
  for (std::int64_t i = 0; i < k; ++i) lanes[i % 16] = std::fma(x[i], w[i], lanes[i % 16]);
  for (int half : {8, 4, 2, 1}) {
    for (int j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  }
  return lanes[0];
}

template <class T>
void compare_dense(std::int64_t m, std::int64_t n, std::int64_t k, bool bias, Random& random) {
  const Array<T> x = random.array<T>({m, k});
  const Array<T> w = random.array<T>({n, k});
  const Array<T> b = random.array<T>({n});
  const bool narrow = n <= 16 && k >= 12 * n;
  std::vector<T> expected;
  for (std::int64_t i = 0; i < m * n; ++i) {
    const T* row = &x[0] + i / n * k;
    const T* weights = &w[0] + i % n * k;
    const T start = bias ? b[static_cast<std::size_t>(i % n)] : T(0);
    if (!narrow)
      expected.push_back(chains(row, weights, k, start, chains_of(n, k)));
    else if (bias)
      expected.push_back(lanes_dot(row, weights, k) + start);
    else
      expected.push_back(lanes_dot(row, weights, k));
  }
  std::vector<View> operands = {x.view(), w.view()};
  if (bias) operands.push_back(b.view());
  for (const support::Isa isa : isas()) {
    EXPECT_TRUE(same(evaluate_one<T>(Opcode::dense, {}, operands, {m, n}, isa), expected))
        << m << " " << n << " " << k << " on " << to_string(isa);
  }
}

TEST(Dense, HasTheBitsOfTheChainsAtEverySize) {
  Random random(7);
  for (const std::int64_t m : {0, 1, 2, 3, 4, 5, 8, 9, 13, 20}) {
    for (const std::int64_t n : {1, 3, 16, 17, 31, 33, 64, 65, 100}) {
      for (const std::int64_t k : {0, 1, 3, 4, 7, 8, 15, 16, 17, 18, 19, 31, 32, 33, 62}) {
        compare_dense<float>(m, n, k, (m + n + k) % 2 == 0, random);
        compare_dense<double>(m, n, k, (m + n + k) % 2 == 0, random);
      }
    }
  }
}

TEST(Dense, TheFormDependsOnOutputsAndDepthAlone) {
  EXPECT_EQ(ir::dense_form(1, 11).chains, 1);
  EXPECT_TRUE(ir::dense_form(1, 12).lanes);
  EXPECT_EQ(ir::dense_form(16, 15).chains, 1);
  EXPECT_EQ(ir::dense_form(16, 16).chains, 2);
  EXPECT_EQ(ir::dense_form(16, 31).chains, 2);
  EXPECT_EQ(ir::dense_form(16, 32).chains, 4);
  EXPECT_EQ(ir::dense_form(16, 191).chains, 4);
  EXPECT_TRUE(ir::dense_form(16, 192).lanes);
  EXPECT_EQ(ir::dense_form(17, 15).chains, 1);
  EXPECT_EQ(ir::dense_form(17, 16).chains, 2);
  EXPECT_EQ(ir::dense_form(17, 1000).chains, 2);
  EXPECT_EQ(ir::dense_form(64, 1000).chains, 2);
  EXPECT_EQ(ir::dense_form(65, 1000).chains, 1);
  EXPECT_EQ(ir::dense_form(16, 0).chains, 1);
}

TEST(Dense, FewOutputsHaveTheBitsOfTheLaneForm) {
  Random random(8);
  for (const std::int64_t n : {1, 2, 3, 5, 10, 16}) {
    for (const std::int64_t k : {12 * n - 1, 12 * n, 12 * n + 5, std::int64_t{200}}) {
      compare_dense<float>(3, n, k, n % 2 == 0, random);
      compare_dense<double>(3, n, k, n % 2 == 1, random);
    }
  }
}

TEST(Dense, ALongChainIsNotCut) {
  Random random(9);
  for (const std::int64_t n : {35, 70}) {
    compare_dense<float>(10, n, 2501, true, random);
    compare_dense<double>(10, n, 2501, false, random);
  }
}

// Denormal products that round to -0 must not be lost in the lanes that a short tail leaves alone.
TEST(Dense, LanesBeyondTheTailKeepTheirSign) {
  const std::int64_t k = 17;
  Array<float> x({1, k}), w({1, k});
  for (std::size_t i = 0; i < 17; ++i) {
    x[i] = 1e-30F;
    w[i] = -1e-30F;
  }
  for (const support::Isa isa : isas()) {
    const Array<float> y =
        evaluate_one<float>(Opcode::dense, {}, {x.view(), w.view()}, {1, 1}, isa);
    EXPECT_TRUE(same(y[0], lanes_dot(&x[0], &w[0], k)));
    EXPECT_TRUE(std::signbit(y[0]));
  }
}

struct Product {
  std::vector<std::int64_t> a, b, y;
};

template <class T>
void compare_matmul(const Product& p, Random& random) {
  const Array<T> a = random.array<T>(shape_of(p.a));
  const Array<T> b = random.array<T>(shape_of(p.b));
  const std::int64_t k = p.a.back();
  const std::int64_t m = p.a.size() > 1 ? p.a[p.a.size() - 2] : 1;
  const std::int64_t n = p.b.size() > 1 ? p.b.back() : 1;
  std::vector<std::int64_t> batch = p.y;
  if (p.a.size() > 1) batch.pop_back();
  if (p.b.size() > 1) batch.pop_back();
  const std::int64_t count = shape_of(batch).size();
  const auto matrix = [&](const std::vector<std::int64_t>& sizes, std::int64_t i) {
    std::int64_t index = 0, stride = 1;
    for (std::size_t axis = 1; axis <= batch.size(); ++axis) {
      const std::int64_t size = batch[batch.size() - axis];
      if (sizes.size() > axis + 1) {
        const std::int64_t own = sizes[sizes.size() - 2 - axis];
        if (own != 1) index += i % size * stride;
        stride *= own;
      }
      i /= size;
    }
    return index;
  };
  std::vector<T> expected;
  for (std::int64_t i = 0; i < count; ++i) {
    const T* left = &a[0] + matrix(p.a, i) * m * k;
    const T* right = &b[0] + matrix(p.b, i) * k * n;
    for (std::int64_t r = 0; r < m; ++r) {
      for (std::int64_t c = 0; c < n; ++c) {
        expected.push_back(p.a.size() == 1 && p.b.size() == 1
                               ? lanes_dot(left, right, k)
                               : chain(left + r * k, right + c, n, k, T(0)));
      }
    }
  }
  for (const support::Isa isa : isas()) {
    EXPECT_TRUE(same(evaluate_one<T>(Opcode::matmul, {}, {a.view(), b.view()}, shape_of(p.y), isa),
                     expected))
        << a.shape() << " " << b.shape() << " on " << to_string(isa);
  }
}

TEST(Matmul, HasTheBitsOfTheChainForEveryRankAndBatch) {
  Random random(10);
  const Product products[] = {{{3}, {3}, {}},
                              {{40}, {40}, {}},
                              {{0}, {0}, {}},
                              {{5}, {5, 18}, {18}},
                              {{7, 5}, {5}, {7}},
                              {{20, 33}, {33}, {20}},
                              {{3, 4}, {4, 5}, {3, 5}},
                              {{17, 9}, {9, 33}, {17, 33}},
                              {{20, 70}, {70, 100}, {20, 100}},
                              {{5, 0}, {0, 3}, {5, 3}},
                              {{2, 3, 4}, {4, 5}, {2, 3, 5}},
                              {{2, 3, 4}, {2, 4, 5}, {2, 3, 5}},
                              {{2, 1, 3, 4}, {5, 4, 2}, {2, 5, 3, 2}},
                              {{4}, {2, 4, 5}, {2, 5}},
                              {{2, 3, 4}, {4}, {2, 3}},
                              {{3, 4}, {2, 4, 1}, {2, 3, 1}},
                              {{20, 1200}, {1200, 17}, {20, 17}}};
  for (const Product& product : products) {
    compare_matmul<float>(product, random);
    compare_matmul<double>(product, random);
  }
}

TEST(Matmul, IntegersWrap) {
  const Array<std::int32_t> a({1, 2}, {2147483647, 1});
  const Array<std::int32_t> b({2, 2}, {2, 1, 3, 4});
  EXPECT_EQ(
      evaluate_one<std::int32_t>(Opcode::matmul, {}, {a.view(), b.view()}, {1, 2}, Isa::baseline)
          .values(),
      (std::vector<std::int32_t>{1, -2147483645}));
  const Array<std::int32_t> bias({2}, {10, 20});
  EXPECT_EQ(evaluate_one<std::int32_t>(Opcode::dense, {}, {a.view(), b.view(), bias.view()}, {1, 2},
                                       Isa::baseline)
                .values(),
            (std::vector<std::int32_t>{9, -2147483627}));
}

}  // namespace
}  // namespace mlpjit::interp
