#include "helpers.h"
#include "lib/ir/opcodes.h"
#include "lib/numerics/elementwise.h"
#include "mlpjit/error.h"

namespace mlpjit::interp {
namespace {

using ir::Opcode;

// The lane form, straight from docs/numerics.md.
template <class T, class Take, class Join>
T lane_form(const std::vector<T>& x, T start, Take take, Join join) {
  T lanes[16];
  for (T& lane : lanes) lane = start;
  for (std::size_t i = 0; i < x.size(); ++i) lanes[i % 16] = take(lanes[i % 16], x[i]);
  for (int half : {8, 4, 2, 1}) {
    for (int j = 0; j < half; ++j) lanes[j] = join(lanes[j], lanes[j + half]);
  }
  return lanes[0];
}

// Sums of more than 1,024 elements, likewise.
template <class T, class Take>
T long_sum(const std::vector<T>& x, Take take) {
  std::vector<T> stack;
  for (std::size_t i = 0; i == 0 || i * 1024 < x.size(); ++i) {
    const std::size_t first = i * 1024, size = std::min<std::size_t>(1024, x.size() - first);
    const std::vector<T> block(x.data() + first, x.data() + first + size);
    T r = lane_form<T>(block, 0, take, std::plus<T>());
    for (std::size_t n = i + 1; n % 2 == 0; n /= 2) {
      r = stack.back() + r;
      stack.pop_back();
    }
    stack.push_back(r);
  }
  T r = stack.back();
  stack.pop_back();
  while (!stack.empty()) {
    r = stack.back() + r;
    stack.pop_back();
  }
  return r;
}

template <class T>
T naive_sum(const std::vector<T>& x) {
  return long_sum(x, std::plus<T>());
}

template <class T>
struct Spread {
  T mean, correction, variance;
};

template <class T>
Spread<T> naive_spread(const std::vector<T>& x) {
  const T n = static_cast<T>(x.size());
  const T mean = naive_sum(x) / n;
  const T s1 = long_sum(x, [&](T lane, T v) { return lane + (v - mean); });
  const T s2 = long_sum(x, [&](T lane, T v) { return std::fma(v - mean, v - mean, lane); });
  const T c = s1 / n;
  if (std::isinf(s2)) return {mean, c, s2};
  const T v = std::fma(-c, s1, s2) / n;
  return {mean, c, v <= 0 ? T(0) : v};
}

template <class T>
T naive(Opcode opcode, const std::vector<T>& x) {
  const numerics::ScalarBackend<T> b;
  const T n = static_cast<T>(x.size());
  if (opcode == Opcode::sum) return naive_sum(x);
  if (opcode == Opcode::prod) {
    return lane_form<T>(x, 1, std::multiplies<T>(), std::multiplies<T>());
  }
  if (opcode == Opcode::mean) return naive_sum(x) / n;
  if (opcode == Opcode::var) return naive_spread(x).variance;
  T best = x[0];
  for (const T v : x) {
    best = opcode == Opcode::max ? numerics::maximum(b, best, v) : numerics::minimum(b, best, v);
  }
  return best;
}

template <class T>
std::int64_t naive_arg(Opcode opcode, const std::vector<T>& x) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[best] != x[best]) break;
    const bool beats = opcode == Opcode::argmax ? x[i] > x[best] : x[i] < x[best];
    if (x[i] != x[i] || beats) best = i;
  }
  return static_cast<std::int64_t>(best);
}

// The elements of each result, in row-major order over the reduced axes.
template <class T>
std::vector<std::vector<T>> groups(const Array<T>& x, const std::vector<std::int64_t>& axes,
                                   Shape& kept) {
  const std::span<const std::int64_t> sizes = x.shape().sizes();
  std::vector<bool> reduced(sizes.size());
  for (const std::int64_t axis : axes) reduced[static_cast<std::size_t>(axis)] = true;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!reduced[i]) kept.push_back(Dim(sizes[i]));
  }
  std::vector<std::vector<T>> result(static_cast<std::size_t>(kept.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::size_t rest = i;
    std::size_t group = 0;
    std::size_t stride = 1;
    for (std::size_t axis = sizes.size(); axis-- > 0;) {
      const auto size = static_cast<std::size_t>(sizes[axis]);
      if (!reduced[axis]) {
        group += rest % size * stride;
        stride *= size;
      }
      rest /= size;
    }
    result[group].push_back(x[i]);
  }
  return result;
}

struct Case {
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> axes;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {{{}, {}},
                                         {{1}, {0}},
                                         {{7}, {0}},
                                         {{16}, {0}},
                                         {{33}, {0}},
                                         {{1000}, {0}},
                                         {{5}, {}},
                                         {{3, 4}, {}},
                                         {{3, 17}, {1}},
                                         {{3, 31}, {0}},
                                         {{17, 33}, {0}},
                                         {{40, 5}, {0}},
                                         {{17, 9}, {0, 1}},
                                         {{2, 19, 5}, {1}},
                                         {{2, 19, 16}, {1}},
                                         {{5, 3, 7}, {0, 2}},
                                         {{5, 3, 7}, {0, 1}},
                                         {{5, 1, 7}, {1}},
                                         {{2, 3, 4, 5}, {1, 3}},
                                         {{2, 3, 4, 5}, {0, 2}},
                                         {{4, 0}, {0}},
                                         {{0}, {}},
                                         {{1, 1}, {0}},
                                         {{2, 1, 3}, {0, 2}},
                                         {{1023}, {0}},
                                         {{1024}, {0}},
                                         {{1025}, {0}},
                                         {{2, 2048}, {1}},
                                         {{3077}, {0}},
                                         {{3, 7173}, {1}},
                                         {{1024, 3}, {0}},
                                         {{1025, 3}, {0}},
                                         {{3077, 17}, {0}},
                                         {{41, 2, 50}, {0, 2}},
                                         {{2, 2049, 5}, {1}}};
  return list;
}

template <class T>
void compare_reductions() {
  Random random(4);
  for (const bool special : {false, true}) {
    for (const Case& c : cases()) {
      const Array<T> x = random.array<T>(shape_of(c.sizes), special);
      const ir::Attrs attrs{{"axes", c.axes}, {"keepdims", false}};
      Shape kept;
      const auto rows = groups(x, c.axes, kept);
      for (const Opcode opcode :
           {Opcode::sum, Opcode::prod, Opcode::mean, Opcode::var, Opcode::max, Opcode::min}) {
        std::vector<T> expected;
        for (const auto& row : rows) expected.push_back(naive(opcode, row));
        for (const support::Isa isa : isas()) {
          EXPECT_TRUE(same(evaluate_one<T>(opcode, attrs, {x.view()}, kept, isa), expected))
              << ir::to_string(opcode) << " of " << x.shape() << " on " << to_string(isa);
        }
      }
      for (const Opcode opcode : {Opcode::argmax, Opcode::argmin}) {
        std::vector<std::int64_t> expected;
        for (const auto& row : rows) expected.push_back(naive_arg(opcode, row));
        for (const support::Isa isa : isas()) {
          EXPECT_TRUE(
              same(evaluate_one<std::int64_t>(opcode, attrs, {x.view()}, kept, isa), expected))
              << ir::to_string(opcode) << " of " << x.shape() << " on " << to_string(isa);
        }
      }
    }
  }
}

TEST(Reduction, F32HasTheBitsOfItsDefinitionOverAnyAxes) {
  compare_reductions<float>();
}
TEST(Reduction, F64HasTheBitsOfItsDefinitionOverAnyAxes) {
  compare_reductions<double>();
}

// A lane that takes every sixteenth of them is wrong by hundreds.
TEST(Reduction, SumsOfManyElementsLoseLittle) {
  const std::int64_t n = 3'000'001;
  const Array<float> x({n}, std::vector<float>(static_cast<std::size_t>(n), 0.1F));
  const ir::Attrs attrs{{"axes", std::vector<std::int64_t>{0}}, {"keepdims", false}};
  for (const support::Isa isa : isas()) {
    const float sum = evaluate_one<float>(Opcode::sum, attrs, {x.view()}, {}, isa)[0];
    EXPECT_NEAR(sum, 0.1F * static_cast<double>(n), 1);
    EXPECT_NEAR(evaluate_one<float>(Opcode::mean, attrs, {x.view()}, {}, isa)[0], 0.1F, 1e-6);
  }
}

template <class T>
T variance_of(const std::vector<T>& values, support::Isa isa) {
  const Array<T> x({static_cast<std::int64_t>(values.size())}, values);
  const ir::Attrs attrs{{"axes", std::vector<std::int64_t>{0}}, {"keepdims", false}};
  return evaluate_one<T>(Opcode::var, attrs, {x.view()}, {}, isa)[0];
}

TEST(Reduction, TheVarianceKnowsThatTheMeanWasRounded) {
  for (const support::Isa isa : isas()) {
    EXPECT_EQ(variance_of<float>({10000001, 10000002, 10000003, 10000004}, isa), 1.25F);
    EXPECT_EQ(variance_of<double>(
                  {4503599627370497, 4503599627370498, 4503599627370499, 4503599627370500}, isa),
              1.25);
  }
}

TEST(Reduction, TheVarianceAtItsLimits) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const support::Isa isa : isas()) {
    EXPECT_TRUE(same(variance_of<float>({3}, isa), 0.F));
    EXPECT_TRUE(same(variance_of<float>({-0.F}, isa), 0.F));
    EXPECT_TRUE(std::isnan(variance_of<float>({inf}, isa)));
    EXPECT_TRUE(std::isnan(variance_of<float>({1, -inf, 2}, isa)));
    EXPECT_TRUE(std::isnan(variance_of<float>({1, std::nanf(""), 2}, isa)));
    EXPECT_TRUE(std::isnan(variance_of<float>({}, isa)));
    EXPECT_EQ(variance_of<float>({3e38F, 3e38F}, isa), inf);   // the mean overflows
    EXPECT_EQ(variance_of<float>({-2e19F, 2e19F}, isa), inf);  // the squares do
    EXPECT_EQ(variance_of<float>({0, 3e38F}, isa), inf);
    // Distances near 1e23: their sum squared would overflow, the mean of the squares does not.
    EXPECT_TRUE(std::isfinite(variance_of<double>({1e153, 3e153}, isa)));
    EXPECT_TRUE(same(variance_of<float>(std::vector<float>(37, 1e-45F), isa), 0.F));
    EXPECT_TRUE(same(variance_of<float>(std::vector<float>(3000, 0.1F), isa), 0.F));
  }
}

TEST(Reduction, IntegersWrapInI64) {
  const std::int64_t big = std::numeric_limits<std::int64_t>::max();
  const Array<std::int64_t> x({2, 2}, {big, 1, 2, 3});
  const ir::Attrs rows{{"axes", std::vector<std::int64_t>{1}}, {"keepdims", false}};
  EXPECT_EQ(evaluate_one<std::int64_t>(Opcode::sum, rows, {x.view()}, {2}, Isa::baseline).values(),
            (std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::lowest(), 5}));
  const Array<std::int32_t> narrow({2, 2}, {2147483647, 1, -2, 3});
  const ir::Attrs columns{{"axes", std::vector<std::int64_t>{0}}, {"keepdims", false}};
  EXPECT_EQ(
      evaluate_one<std::int64_t>(Opcode::sum, rows, {narrow.view()}, {2}, Isa::baseline).values(),
      (std::vector<std::int64_t>{2147483648, 1}));
  EXPECT_EQ(evaluate_one<std::int64_t>(Opcode::prod, columns, {narrow.view()}, {2}, Isa::baseline)
                .values(),
            (std::vector<std::int64_t>{-4294967294, 3}));
  EXPECT_EQ(evaluate_one<std::int32_t>(Opcode::max, columns, {narrow.view()}, {2}, Isa::baseline)
                .values(),
            (std::vector<std::int32_t>{2147483647, 3}));
  EXPECT_EQ(evaluate_one<float>(Opcode::mean, columns, {narrow.view()}, {2}, Isa::baseline)[1], 2);
  const Array<std::uint8_t> flags({3}, {1, 0, 1});
  EXPECT_EQ(evaluate_one<std::int64_t>(Opcode::sum, columns, {flags.view()}, {}, Isa::baseline)[0],
            2);
}

TEST(Reduction, OfNothingGivesTheIdentityOrAnError) {
  const Array<float> empty({2, 0});
  const ir::Attrs last{{"axes", std::vector<std::int64_t>{1}}, {"keepdims", false}};
  for (const support::Isa isa : isas()) {
    EXPECT_EQ(evaluate_one<float>(Opcode::sum, last, {empty.view()}, {2}, isa)[1], 0);
    EXPECT_EQ(evaluate_one<float>(Opcode::prod, last, {empty.view()}, {2}, isa)[1], 1);
    EXPECT_TRUE(std::isnan(evaluate_one<float>(Opcode::mean, last, {empty.view()}, {2}, isa)[0]));
    EXPECT_THROW(evaluate_one<float>(Opcode::max, last, {empty.view()}, {2}, isa), ValueError);
    EXPECT_THROW(evaluate_one<std::int64_t>(Opcode::argmin, last, {empty.view()}, {2}, isa),
                 ValueError);
  }
}

template <class T>
void compare_rows() {
  Random random(5);
  const numerics::ScalarBackend<T> b;
  const Case shapes[] = {{{1}, {0}},       {{5}, {0}},       {{3, 16}, {1}},    {{3, 37}, {1}},
                         {{37, 3}, {0}},   {{20, 17}, {0}},  {{2, 18, 5}, {1}}, {{4, 1}, {1}},
                         {{2, 0, 3}, {0}}, {{2, 3, 0}, {1}}, {{2, 1024}, {1}},  {{2, 1025}, {1}},
                         {{3077, 3}, {0}}};
  for (const Case& c : shapes) {
    const Array<T> x = random.array<T>(shape_of(c.sizes));
    const std::int64_t axis = c.axes[0];
    Shape kept;
    const auto rows = groups(x, c.axes, kept);
    std::int64_t inner = 1;
    for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < c.sizes.size(); ++i) {
      inner *= c.sizes[i];
    }
    for (const bool log : {false, true}) {
      std::vector<T> expected(x.size());
      for (std::size_t g = 0; g < rows.size(); ++g) {
        if (rows[g].empty()) continue;
        const T max = naive(Opcode::max, rows[g]);
        std::vector<T> e;
        for (const T v : rows[g]) e.push_back(numerics::exp(b, v - max));
        const T sum = naive_sum(e);
        const auto n = rows[g].size();
        const auto w = static_cast<std::size_t>(inner);
        for (std::size_t i = 0; i < n; ++i) {
          expected[(g / w * n + i) * w + g % w] =
              log ? (rows[g][i] - max) - numerics::log(b, sum) : e[i] / sum;
        }
      }
      for (const support::Isa isa : isas()) {
        const Opcode opcode = log ? Opcode::log_softmax : Opcode::softmax;
        EXPECT_TRUE(
            same(evaluate_one<T>(opcode, {{"axis", axis}}, {x.view()}, x.shape(), isa), expected))
            << ir::to_string(opcode) << " of " << x.shape() << " on " << to_string(isa);
      }
    }
  }
}

TEST(Softmax, HasTheBitsOfItsDefinitionAlongAnyAxis) {
  compare_rows<float>();
  compare_rows<double>();
}

template <class T>
void compare_layer_norm() {
  Random random(6);
  for (const std::int64_t n : {1, 3, 16, 37, 1023, 1024, 1025, 2048, 3077}) {
    Array<T> x = random.array<T>({3, n});
    // Far from 0, where the mean is rounded coarsely.
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) x[i] += T(1e4);
    const Array<T> gamma = random.array<T>({n});
    const Array<T> beta = random.array<T>({n});
    const double epsilon = 1e-5;
    std::vector<T> expected;
    for (std::size_t r = 0; r < 3; ++r) {
      const auto size = static_cast<std::size_t>(n);
      const std::vector<T> row(&x[r * size], &x[r * size] + size);
      const auto [mean, correction, variance] = naive_spread(row);
      const T scale = T(1) / std::sqrt(variance + static_cast<T>(epsilon));
      for (std::size_t i = 0; i < size; ++i)
        expected.push_back(std::fma(((row[i] - mean) - correction) * scale, gamma[i], beta[i]));
    }
    for (const support::Isa isa : isas()) {
      EXPECT_TRUE(same(evaluate_one<T>(Opcode::layer_norm, {{"epsilon", epsilon}},
                                       {x.view(), gamma.view(), beta.view()}, {3, n}, isa),
                       expected));
    }
  }
}

TEST(LayerNorm, HasTheBitsOfItsDefinition) {
  compare_layer_norm<float>();
  compare_layer_norm<double>();
}

}  // namespace
}  // namespace mlpjit::interp
