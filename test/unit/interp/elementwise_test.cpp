#include "lib/numerics/elementwise.h"
#include "helpers.h"
#include "lib/ir/infer.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"
#include "test/unit/interp/op_attrs.h"

namespace mlpjit::interp {
namespace {

using ir::Opcode;

constexpr std::int64_t kSizes[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 65};

template <class T>
void compare_functions_with_scalar_definitions() {
  Random random(1);
  for (const ir::OpInfo& op : ir::all_ops()) {
    if (!numerics::is_float_function(op.opcode)) continue;
    const numerics::Params params = numerics::params_of(test::float_attrs(op.opcode));
    for (const std::int64_t size : kSizes) {
      std::vector<Array<T>> operands;
      std::vector<View> views;
      for (int k = 0; k < op.arity; ++k) {
        operands.push_back(random.array<T>({size}, true));
        views.push_back(operands.back().view());
      }
      std::vector<T> expected;
      for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
        T values[3] = {};
        for (std::size_t k = 0; k < operands.size(); ++k) values[k] = operands[k][i];
        expected.push_back(
            numerics::apply(numerics::ScalarBackend<T>(), op.opcode, values, params));
      }
      for (const support::Isa isa : isas()) {
        EXPECT_TRUE(same(
            evaluate_one<T>(op.opcode, test::float_attrs(op.opcode), views, {size}, isa), expected))
            << op.name << " of " << size << " on " << to_string(isa);
      }
    }
  }
}

TEST(ElementwiseFloat, F32HasTheBitsOfTheDefinitionOnEveryInstructionSet) {
  compare_functions_with_scalar_definitions<float>();
}

TEST(ElementwiseFloat, F64HasTheBitsOfTheDefinitionOnEveryInstructionSet) {
  compare_functions_with_scalar_definitions<double>();
}

// The element of a broadcast operand that belongs to element `i` of the result.
std::size_t source_index(const Shape& from, const Shape& to, std::size_t i) {
  std::size_t index = 0;
  std::size_t stride = 1;
  for (int axis = 1; axis <= to.rank(); ++axis) {
    const auto size = static_cast<std::size_t>(to[-axis].value());
    const std::size_t position = i % size;
    i /= size;
    if (axis > from.rank()) continue;
    const auto extent = static_cast<std::size_t>(from[-axis].value());
    if (extent != 1) index += position * stride;
    stride *= extent;
  }
  return index;
}

const std::vector<std::vector<std::vector<std::int64_t>>>& broadcasts() {
  static const std::vector<std::vector<std::vector<std::int64_t>>> list = {
      {{}, {}, {}},
      {{5}, {}, {1}},
      {{}, {5}, {5}},
      {{3, 17}, {17}, {3, 1}},
      {{3, 1}, {1, 17}, {}},
      {{2, 3, 4}, {3, 1}, {2, 1, 4}},
      {{2, 1, 3, 1}, {5, 1, 4}, {2, 5, 3, 4}},
      {{0, 3}, {1, 3}, {3}},
      {{1, 1}, {1}, {}},
      {{33, 1}, {33, 1}, {1, 1}},
      {{2, 3, 4, 5}, {2, 1, 1, 5}, {3, 4, 1}},
      {{7, 1, 16}, {1, 3, 1}, {16}}};
  return list;
}

template <class T>
void compare_broadcasts() {
  Random random(2);
  for (const auto& sizes : broadcasts()) {
    const Array<std::uint8_t> condition = random.array<std::uint8_t>(shape_of(sizes[2]));
    const Array<T> a = random.array<T>(shape_of(sizes[0]), true);
    const Array<T> b = random.array<T>(shape_of(sizes[1]), true);
    const Shape two[] = {a.shape(), b.shape()};
    const Shape three[] = {condition.shape(), a.shape(), b.shape()};
    const Shape pair = ir::broadcast("test", two);
    const Shape all = ir::broadcast("test", three);
    std::vector<T> expected_where;
    std::vector<T> expected_difference;
    std::vector<std::uint8_t> expected_less;
    for (std::size_t i = 0; i < static_cast<std::size_t>(all.size()); ++i) {
      expected_where.push_back(condition[source_index(condition.shape(), all, i)] != 0
                                   ? a[source_index(a.shape(), all, i)]
                                   : b[source_index(b.shape(), all, i)]);
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(pair.size()); ++i) {
      const T x = a[source_index(a.shape(), pair, i)];
      const T y = b[source_index(b.shape(), pair, i)];
      expected_less.push_back(x < y);
      if constexpr (std::is_floating_point_v<T>) {
        expected_difference.push_back(x - y);
      } else {
        using U = std::make_unsigned_t<T>;
        expected_difference.push_back(static_cast<T>(static_cast<U>(x) - static_cast<U>(y)));
      }
    }
    for (const support::Isa isa : isas()) {
      const std::vector<View> views = {a.view(), b.view()};
      EXPECT_TRUE(
          same(evaluate_one<T>(Opcode::where, {}, {condition.view(), a.view(), b.view()}, all, isa),
               expected_where));
      EXPECT_TRUE(
          same(evaluate_one<T>(Opcode::subtract, {}, views, pair, isa), expected_difference));
      EXPECT_TRUE(
          same(evaluate_one<std::uint8_t>(Opcode::less, {}, views, pair, isa), expected_less));
    }
  }
}

TEST(Elementwise, OperandsBroadcastAsInNumpy) {
  compare_broadcasts<float>();
  compare_broadcasts<double>();
  compare_broadcasts<std::int32_t>();
  compare_broadcasts<std::int64_t>();
}

TEST(Elementwise, ComparisonsOfFloatsAreFalseOnNaNButNotEqual) {
  Random random(3);
  const Array<float> a = random.array<float>({67}, true);
  const Array<float> b = random.array<float>({67}, true);
  for (const support::Isa isa : isas()) {
    const auto run = [&](Opcode opcode) {
      return evaluate_one<std::uint8_t>(opcode, {}, {a.view(), b.view()}, {67}, isa);
    };
    const auto equal = run(Opcode::equal), unequal = run(Opcode::not_equal);
    const auto greater = run(Opcode::greater), at_least = run(Opcode::greater_equal);
    const auto at_most = run(Opcode::less_equal);
    for (std::size_t i = 0; i < 67; ++i) {
      EXPECT_EQ(equal[i], a[i] == b[i]);
      EXPECT_EQ(unequal[i], a[i] != b[i]);
      EXPECT_EQ(greater[i], a[i] > b[i]);
      EXPECT_EQ(at_least[i], a[i] >= b[i]);
      EXPECT_EQ(at_most[i], a[i] <= b[i]);
    }
  }
}

TEST(Elementwise, AnOpMayWriteOverItsOperand) {
  for (const support::Isa isa : isas()) {
    Array<float> x({19});
    for (std::size_t i = 0; i < 19; ++i) x[i] = static_cast<float>(i);
    const View view = x.view();
    const View operands[] = {view, view};
    evaluate(Opcode::multiply, {}, operands, {&view, 1}, isa);
    for (std::size_t i = 0; i < 19; ++i) EXPECT_EQ(x[i], static_cast<float>(i * i));
  }
}

template <class T>
T binary(Opcode opcode, T a, T b) {
  const Array<T> x({}, {a});
  const Array<T> y({}, {b});
  return evaluate_one<T>(opcode, {}, {x.view(), y.view()}, {}, Isa::baseline)[0];
}

TEST(ElementwiseInteger, DivisionFloorsAndWraps) {
  constexpr std::int32_t kLowest = std::numeric_limits<std::int32_t>::lowest();
  EXPECT_EQ(binary<std::int32_t>(Opcode::floor_divide, 7, -2), -4);
  EXPECT_EQ(binary<std::int32_t>(Opcode::remainder, 7, -2), -1);
  EXPECT_EQ(binary<std::int32_t>(Opcode::floor_divide, -7, 2), -4);
  EXPECT_EQ(binary<std::int32_t>(Opcode::remainder, -7, 2), 1);
  EXPECT_EQ(binary<std::int32_t>(Opcode::floor_divide, -8, 2), -4);
  EXPECT_EQ(binary<std::int32_t>(Opcode::floor_divide, kLowest, -1), kLowest);
  EXPECT_EQ(binary<std::int32_t>(Opcode::remainder, kLowest, -1), 0);
}

TEST(ElementwiseInteger, DivisionByZeroIsAValueError) {
  EXPECT_THROW(binary<std::int64_t>(Opcode::floor_divide, 1, 0), ValueError);
  EXPECT_THROW(binary<std::int32_t>(Opcode::remainder, 1, 0), ValueError);
}

TEST(ElementwiseInteger, PowWrapsAndTakesNegativeExponents) {
  EXPECT_EQ(binary<std::int64_t>(Opcode::pow, -3, 3), -27);
  EXPECT_EQ(binary<std::int32_t>(Opcode::pow, 2, 32), 0);
  EXPECT_EQ(binary<std::int32_t>(Opcode::pow, 0, 0), 1);
  EXPECT_EQ(binary<std::int32_t>(Opcode::pow, 1, -5), 1);
  EXPECT_EQ(binary<std::int32_t>(Opcode::pow, -1, -5), -1);
  EXPECT_EQ(binary<std::int32_t>(Opcode::pow, -1, -4), 1);
  EXPECT_EQ(binary<std::int32_t>(Opcode::pow, 0, -1), 0);
  EXPECT_EQ(binary<std::int32_t>(Opcode::pow, 2, -1), 0);
}

TEST(ElementwiseInteger, AbsAndNegativeOfTheLowestWrap) {
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::lowest();
  const Array<std::int64_t> x({3}, {kLowest, -2, 3});
  EXPECT_EQ(evaluate_one<std::int64_t>(Opcode::abs, {}, {x.view()}, {3}, Isa::baseline).values(),
            (std::vector<std::int64_t>{kLowest, 2, 3}));
  EXPECT_EQ(
      evaluate_one<std::int64_t>(Opcode::negative, {}, {x.view()}, {3}, Isa::baseline).values(),
      (std::vector<std::int64_t>{kLowest, 2, -3}));
}

TEST(Cast, FloatsToIntegersTruncateAndSaturate) {
  const float inf = std::numeric_limits<float>::infinity();
  const Array<float> x({8}, {1.9F, -1.9F, inf, -inf, std::nanf(""), 3e9F, -3e9F, 2147483520.F});
  const ir::Attrs to_i32{{"dtype", DType::i32}};
  EXPECT_EQ(
      evaluate_one<std::int32_t>(Opcode::cast, to_i32, {x.view()}, {8}, Isa::baseline).values(),
      (std::vector<std::int32_t>{1, -1, 2147483647, std::numeric_limits<std::int32_t>::lowest(), 0,
                                 2147483647, std::numeric_limits<std::int32_t>::lowest(),
                                 2147483520}));
}

TEST(Cast, OtherPairs) {
  const Array<std::int64_t> wide({3}, {(1LL << 32) + 5, -1, 0});
  EXPECT_EQ(evaluate_one<std::int32_t>(Opcode::cast, {{"dtype", DType::i32}}, {wide.view()}, {3},
                                       Isa::baseline)
                .values(),
            (std::vector<std::int32_t>{5, -1, 0}));
  EXPECT_EQ(evaluate_one<std::uint8_t>(Opcode::cast, {{"dtype", DType::boolean}}, {wide.view()},
                                       {3}, Isa::baseline)
                .values(),
            (std::vector<std::uint8_t>{1, 1, 0}));
  const Array<std::int64_t> odd({1}, {(1LL << 24) + 1});
  EXPECT_EQ(evaluate_one<float>(Opcode::cast, {{"dtype", DType::f32}}, {odd.view()}, {1},
                                Isa::baseline)[0],
            16777216.F);
  const Array<float> nan({2}, {std::nanf(""), -0.F});
  EXPECT_EQ(evaluate_one<std::uint8_t>(Opcode::cast, {{"dtype", DType::boolean}}, {nan.view()}, {2},
                                       Isa::baseline)
                .values(),
            (std::vector<std::uint8_t>{1, 0}));
}

TEST(Logical, OpsOnBools) {
  const Array<std::uint8_t> a({4}, {0, 0, 1, 1});
  const Array<std::uint8_t> b({4}, {0, 1, 0, 1});
  const auto run = [&](Opcode opcode) {
    return evaluate_one<std::uint8_t>(opcode, {}, {a.view(), b.view()}, {4}, Isa::baseline)
        .values();
  };
  EXPECT_EQ(run(Opcode::logical_and), (std::vector<std::uint8_t>{0, 0, 0, 1}));
  EXPECT_EQ(run(Opcode::logical_or), (std::vector<std::uint8_t>{0, 1, 1, 1}));
  EXPECT_EQ(run(Opcode::logical_xor), (std::vector<std::uint8_t>{0, 1, 1, 0}));
  EXPECT_EQ(run(Opcode::less), (std::vector<std::uint8_t>{0, 1, 0, 0}));
  EXPECT_EQ(
      evaluate_one<std::uint8_t>(Opcode::logical_not, {}, {a.view()}, {4}, Isa::baseline).values(),
      (std::vector<std::uint8_t>{1, 1, 0, 0}));
}

}  // namespace
}  // namespace mlpjit::interp
