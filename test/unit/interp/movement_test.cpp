#include <iostream>
#include <sstream>

#include "helpers.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::interp {
namespace {

using ir::Opcode;
using Ints = std::vector<std::int64_t>;

template <class T>
Array<T> counting(Shape shape) {
  Array<T> x(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i);
  return x;
}

// Where element i of the result comes from, given how its index maps to the operand's.
template <class T, class Map>
std::vector<T> moved(const Array<T>& x, const Shape& to, Map map) {
  std::vector<T> result;
  const std::span<const std::int64_t> from = x.shape().sizes();
  for (std::int64_t i = 0; i < to.size(); ++i) {
    Ints index(static_cast<std::size_t>(to.rank()));
    std::int64_t rest = i;
    for (int axis = to.rank() - 1; axis >= 0; --axis) {
      index[static_cast<std::size_t>(axis)] = rest % to[axis].value();
      rest /= to[axis].value();
    }
    const Ints source = map(index);
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < from.size(); ++axis) at = at * from[axis] + source[axis];
    result.push_back(x[static_cast<std::size_t>(at)]);
  }
  return result;
}

template <class T>
void compare_transposes() {
  const std::vector<std::pair<Ints, Ints>> cases = {{{}, {}},
                                                    {{3}, {0}},
                                                    {{3, 5}, {1, 0}},
                                                    {{33, 70}, {1, 0}},
                                                    {{2, 3, 4}, {2, 0, 1}},
                                                    {{2, 3, 4}, {0, 2, 1}},
                                                    {{2, 3, 4}, {1, 0, 2}},
                                                    {{2, 17, 1, 19}, {0, 3, 2, 1}},
                                                    {{2, 3, 4, 5}, {3, 1, 0, 2}},
                                                    {{0, 3}, {1, 0}}};
  for (const auto& [sizes, permutation] : cases) {
    const Array<T> x = Random(1).array<T>(shape_of(sizes));
    Shape to;
    for (const std::int64_t axis : permutation) to.push_back(sizes[static_cast<std::size_t>(axis)]);
    const Ints& p = permutation;
    const auto expected = moved(x, to, [&](const Ints& index) {
      Ints source(index.size());
      for (std::size_t i = 0; i < p.size(); ++i) source[static_cast<std::size_t>(p[i])] = index[i];
      return source;
    });
    EXPECT_TRUE(same(evaluate_one<T>(Opcode::transpose, {{"permutation", permutation}}, {x.view()},
                                     to, Isa::baseline),
                     expected))
        << x.shape();
  }
}

TEST(Movement, TransposePermutesAxes) {
  compare_transposes<float>();
  compare_transposes<double>();
  compare_transposes<std::uint8_t>();
}

TEST(Movement, BroadcastToRepeats) {
  const std::vector<std::pair<Ints, Ints>> cases = {{{}, {2, 3}},
                                                    {{3}, {2, 3}},
                                                    {{2, 1}, {2, 3}},
                                                    {{1, 3, 1}, {4, 2, 3, 5}},
                                                    {{3, 1}, {0, 3, 2}}};
  for (const auto& [from, to] : cases) {
    const Array<float> x = counting<float>(shape_of(from));
    const auto offset = to.size() - from.size();
    const auto expected = moved(x, shape_of(to), [&, f = from](const Ints& index) {
      Ints source(f.size());
      for (std::size_t i = 0; i < f.size(); ++i) source[i] = f[i] == 1 ? 0 : index[i + offset];
      return source;
    });
    EXPECT_TRUE(same(evaluate_one<float>(Opcode::broadcast_to, {{"shape", shape_of(to)}},
                                         {x.view()}, shape_of(to), Isa::baseline),
                     expected));
  }
}

TEST(Movement, SliceStepsAndClamps) {
  const Array<std::int32_t> x = counting<std::int32_t>({2, 7, 3});
  const ir::Attrs attrs{{"axis", std::int64_t{1}},
                        {"begin", std::int64_t{-6}},
                        {"end", std::int64_t{100}},
                        {"step", std::int64_t{2}}};
  const auto expected =
      moved(x, {2, 3, 3}, [](const Ints& i) { return Ints{i[0], 1 + 2 * i[1], i[2]}; });
  const auto part =
      evaluate_one<std::int32_t>(Opcode::slice, attrs, {x.view()}, {2, 3, 3}, Isa::baseline);
  EXPECT_TRUE(same(part, expected));

  const Array<std::int32_t> zeros({2, 3, 3}, std::vector<std::int32_t>(18, 0));
  std::vector<std::int32_t> updated = x.values();
  for (const std::int32_t i : expected) updated[static_cast<std::size_t>(i)] = 0;
  EXPECT_TRUE(same(evaluate_one<std::int32_t>(Opcode::slice_update, attrs, {x.view(), zeros.view()},
                                              {2, 7, 3}, Isa::baseline),
                   updated));
}

TEST(Movement, ConcatAndSplitAreInverse) {
  for (const std::int64_t axis : {0, 1, 2}) {
    Ints sizes[] = {{2, 3, 4}, {2, 3, 4}, {2, 3, 4}};
    sizes[0][static_cast<std::size_t>(axis)] = 1;
    sizes[1][static_cast<std::size_t>(axis)] = 0;
    Ints whole = sizes[2];
    whole[static_cast<std::size_t>(axis)] += 1;
    Random random(2);
    std::vector<Array<double>> parts;
    std::vector<View> views;
    for (const Ints& s : sizes) {
      parts.push_back(random.array<double>(shape_of(s)));
      views.push_back(parts.back().view());
    }
    const ir::Attrs attrs{{"axis", axis}};
    const auto joined =
        evaluate_one<double>(Opcode::concat, attrs, views, shape_of(whole), Isa::baseline);
    const auto a = static_cast<std::size_t>(axis);
    EXPECT_EQ(joined[0], parts[0][0]);
    EXPECT_EQ(joined[joined.size() - 1], parts[2][parts[2].size() - 1]);
    std::vector<Array<double>> pieces;
    std::vector<View> results;
    for (const Ints& s : sizes) {
      pieces.emplace_back(shape_of(s));
      results.push_back(pieces.back().view());
    }
    const View whole_view = joined.view();
    evaluate(Opcode::split, {{"axis", axis}, {"sizes", Ints{sizes[0][a], 0, sizes[2][a]}}},
             {&whole_view, 1}, results, Isa::baseline);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(same(pieces[i], parts[i].values()));
  }
}

TEST(Movement, GatherCountsNegativeIndicesFromTheEnd) {
  const Array<float> x = counting<float>({2, 3, 2});
  const Array<std::int64_t> indices({2, 2}, {0, -1, 2, -3});
  const auto expected = moved(x, {2, 2, 2, 2}, [&](const Ints& i) {
    const std::int64_t index = indices[static_cast<std::size_t>(i[1] * 2 + i[2])];
    return Ints{i[0], index < 0 ? index + 3 : index, i[3]};
  });
  EXPECT_TRUE(same(evaluate_one<float>(Opcode::gather, {{"axis", std::int64_t{1}}},
                                       {x.view(), indices.view()}, {2, 2, 2, 2}, Isa::baseline),
                   expected));
}

TEST(Movement, IndicesOutOfRangeAreValueErrors) {
  const Array<float> x = counting<float>({3});
  const ir::Attrs axis{{"axis", std::int64_t{0}}};
  for (const std::int32_t bad : {3, -4}) {
    const Array<std::int32_t> index({1}, {bad});
    EXPECT_THROW(
        evaluate_one<float>(Opcode::gather, axis, {x.view(), index.view()}, {1}, Isa::baseline),
        ValueError);
  }
  const ir::Attrs depth{{"depth", std::int64_t{3}}, {"dtype", DType::f32}};
  for (const std::int64_t bad : {3, -1}) {
    const Array<std::int64_t> index({1}, {bad});
    EXPECT_THROW(evaluate_one<float>(Opcode::one_hot, depth, {index.view()}, {1, 3}, Isa::baseline),
                 ValueError);
  }
}

TEST(Movement, OneHot) {
  const Array<std::int32_t> index({2}, {2, 0});
  const ir::Attrs attrs{{"depth", std::int64_t{3}}, {"dtype", DType::boolean}};
  EXPECT_EQ(
      evaluate_one<std::uint8_t>(Opcode::one_hot, attrs, {index.view()}, {2, 3}, Isa::baseline)
          .values(),
      (std::vector<std::uint8_t>{0, 0, 1, 1, 0, 0}));
}

TEST(Print, WritesTextTensorAndNewline) {
  const Array<std::int64_t> x({}, {10});
  const View operands[] = {View{}, x.view()};
  const View token{};
  std::ostringstream out;
  std::streambuf* const old = std::cout.rdbuf(out.rdbuf());
  evaluate(Opcode::print, {{"text", std::string("x = ")}}, operands, {&token, 1}, Isa::baseline);
  evaluate(Opcode::print, {{"text", std::string("done")}}, {operands, 1}, {&token, 1},
           Isa::baseline);
  std::cout.rdbuf(old);
  EXPECT_EQ(out.str(), "x = 10\ndone\n");
}

}  // namespace
}  // namespace mlpjit::interp
