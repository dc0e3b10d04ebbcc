#include "lib/ir/infer.h"
#include "lib/ir/opcodes.h"

#include <gtest/gtest.h>

#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

Type type_of(TensorSpec spec) {
  return {spec.dtype, spec.shape, false};
}

std::string inferred(Opcode opcode, std::vector<TensorSpec> operands, Attrs attrs = {}) {
  std::vector<Type> types;
  for (const TensorSpec& spec : operands) types.push_back(type_of(spec));
  std::string text;
  for (const Type& type : infer(opcode, types, attrs)) {
    text += (text.empty() ? "" : " ") + to_string(type);
  }
  return text;
}

const Dim kB = dim("B");

TEST(Infer, BroadcastsAsNumpyDoes) {
  EXPECT_EQ(inferred(Opcode::add, {f32({2, 3}), f32({2, 3})}), "f32[2, 3]");
  EXPECT_EQ(inferred(Opcode::add, {f32({}), f32({2, 3})}), "f32[2, 3]");
  EXPECT_EQ(inferred(Opcode::add, {f32({2, 1}), f32({3})}), "f32[2, 3]");
  EXPECT_EQ(inferred(Opcode::add, {f32({0, 1}), f32({1, 5})}), "f32[0, 5]");
  EXPECT_EQ(inferred(Opcode::clip, {i32({4, 1}), i32({}), i32({1, 3})}), "i32[4, 3]");
  EXPECT_EQ(inferred(Opcode::where, {boolean({3, 1}), f64({}), f64({2})}), "f64[3, 2]");
  EXPECT_THROW(inferred(Opcode::add, {f32({2}), f32({0})}), ShapeError);
}

TEST(Infer, BroadcastsSymbolicSizesWithThemselvesAndOne) {
  EXPECT_EQ(inferred(Opcode::add, {f32({kB, 3}), f32({kB, 1})}), "f32[B, 3]");
  EXPECT_EQ(inferred(Opcode::add, {f32({1, 3}), f32({kB, 3})}), "f32[B, 3]");
  EXPECT_EQ(inferred(Opcode::add, {f32({kB * 2 + 1}), f32({kB * 2 + 1})}), "f32[2*B+1]");
  EXPECT_THROW(inferred(Opcode::add, {f32({kB}), f32({2})}), ShapeError);
  EXPECT_THROW(inferred(Opcode::add, {f32({kB}), f32({dim("C")})}), ShapeError);
  EXPECT_THROW(inferred(Opcode::add, {f32({kB}), f32({kB + 1})}), ShapeError);
}

TEST(Infer, MatmulFollowsNumpysRanks) {
  EXPECT_EQ(inferred(Opcode::matmul, {f32({3}), f32({3})}), "f32[]");
  EXPECT_EQ(inferred(Opcode::matmul, {f32({2, 3}), f32({3})}), "f32[2]");
  EXPECT_EQ(inferred(Opcode::matmul, {f32({3}), f32({3, 4})}), "f32[4]");
  EXPECT_EQ(inferred(Opcode::matmul, {f32({5, 1, 2, 3}), f32({7, 3, 4})}), "f32[5, 7, 2, 4]");
  EXPECT_EQ(inferred(Opcode::matmul, {f32({3}), f32({6, 3, 4})}), "f32[6, 4]");
  EXPECT_EQ(inferred(Opcode::matmul, {f32({6, 2, 3}), f32({3})}), "f32[6, 2]");
  EXPECT_EQ(inferred(Opcode::matmul, {i32({kB, 0}), i32({0, 4})}), "i32[B, 4]");
}

TEST(Infer, DenseTakesAnyLeadingSizes) {
  EXPECT_EQ(inferred(Opcode::dense, {f32({512}), f32({256, 512}), f32({256})}), "f32[256]");
  EXPECT_EQ(inferred(Opcode::dense, {f32({kB, 7, 512}), f32({256, 512})}), "f32[B, 7, 256]");
}

Attrs axes(std::vector<std::int64_t> list, bool keepdims) {
  return {{"axes", std::move(list)}, {"keepdims", keepdims}};
}

TEST(Infer, ReductionsDropOrKeepTheirAxes) {
  EXPECT_EQ(inferred(Opcode::sum, {f32({2, 3, 4})}, axes({0, 2}, false)), "f32[3]");
  EXPECT_EQ(inferred(Opcode::sum, {f32({2, 3, 4})}, axes({0, 2}, true)), "f32[1, 3, 1]");
  EXPECT_EQ(inferred(Opcode::sum, {f32({2, 3})}, axes({}, false)), "f32[2, 3]");
  EXPECT_EQ(inferred(Opcode::sum, {boolean({2})}, axes({0}, false)), "i64[]");
  EXPECT_EQ(inferred(Opcode::prod, {i32({2})}, axes({0}, false)), "i64[]");
  EXPECT_EQ(inferred(Opcode::mean, {i64({2})}, axes({0}, false)), "f32[]");
  EXPECT_EQ(inferred(Opcode::var, {f64({2})}, axes({0}, false)), "f64[]");
  EXPECT_EQ(inferred(Opcode::max, {i32({kB, 2})}, axes({0}, false)), "i32[2]");
  EXPECT_EQ(inferred(Opcode::argmin, {f32({kB, 2})}, axes({1}, false)), "i64[B]");
}

TEST(Infer, ReshapeComparesProductsOfSymbolicSizes) {
  const auto reshape = [](Shape from, Shape to) {
    return inferred(Opcode::reshape, {f32(std::move(from))}, {{"shape", std::move(to)}});
  };
  EXPECT_EQ(reshape({2, 3}, {6}), "f32[6]");
  EXPECT_EQ(reshape({}, {1, 1}), "f32[1, 1]");
  EXPECT_EQ(reshape({0, 3}, {5, 0}), "f32[5, 0]");
  EXPECT_EQ(reshape({kB, 6}, {kB * 2, 3}), "f32[2*B, 3]");
  EXPECT_EQ(reshape({kB * 2 + 2, 3}, {kB + 1, 6}), "f32[B+1, 6]");
  EXPECT_EQ(reshape({kB, kB}, {kB, 1, kB}), "f32[B, 1, B]");
  EXPECT_EQ(reshape({kB, dim("C")}, {dim("C"), kB}), "f32[C, B]");
  EXPECT_THROW(reshape({kB, 6}, {kB, 5}), ShapeError);
  EXPECT_THROW(reshape({kB + 1, 2}, {kB, 2}), ShapeError);
  EXPECT_THROW(reshape({kB, kB}, {kB, dim("C")}), ShapeError);
}

TEST(Infer, SlicesCountFromTheEndAndClamp) {
  const auto slice = [](Dim size, std::int64_t begin, std::int64_t end, std::int64_t step) {
    return inferred(Opcode::slice, {f32({std::move(size)})},
                    {{"axis", std::int64_t{0}}, {"begin", begin}, {"end", end}, {"step", step}});
  };
  EXPECT_EQ(slice(10, 2, 8, 1), "f32[6]");
  EXPECT_EQ(slice(10, 2, 9, 3), "f32[3]");
  EXPECT_EQ(slice(10, -3, INT64_MAX, 1), "f32[3]");
  EXPECT_EQ(slice(10, 8, 2, 1), "f32[0]");
  EXPECT_EQ(slice(10, INT64_MIN, INT64_MAX, 1), "f32[10]");
  EXPECT_EQ(slice(kB, 0, INT64_MAX, 1), "f32[B]");
  EXPECT_EQ(slice(kB + 4, 1, -1, 1), "f32[B+2]");
  EXPECT_EQ(slice(kB + 4, 0, 4, 2), "f32[2]");
  EXPECT_THROW(slice(kB, 0, 1, 1), ShapeError);
  EXPECT_THROW(slice(kB, 0, INT64_MAX, 2), ShapeError);
  EXPECT_THROW(slice(10, 0, 10, 0), ShapeError);
  EXPECT_THROW(slice(10, 0, 10, -1), ShapeError);
}

TEST(Infer, SliceRangeAgreesWithPythonsSlices) {
  // range(10)[begin:end:step] has len() elements from [0].
  const struct {
    std::int64_t begin, end, step, first, count;
  } cases[] = {
      {0, 10, 3, 0, 4}, {-4, -1, 2, 6, 2}, {5, 3, 1, 5, 0}, {20, 30, 1, 10, 0}, {-20, 2, 1, 0, 2}};
  for (const auto& c : cases) {
    const SliceRange range = slice_range(10, c.begin, c.end, c.step);
    EXPECT_EQ(range.begin, c.first);
    EXPECT_EQ(range.count, c.count);
  }
}

TEST(Infer, ConcatSumsSymbolicSizes) {
  const Attrs axis{{"axis", std::int64_t{0}}};
  EXPECT_EQ(inferred(Opcode::concat, {f32({kB, 2}), f32({3, 2}), f32({kB, 2})}, axis),
            "f32[2*B+3, 2]");
  EXPECT_EQ(inferred(Opcode::concat, {f32({4})}, axis), "f32[4]");
  const std::int64_t half = std::int64_t{1} << 62;
  EXPECT_THROW(inferred(Opcode::concat, {f32({half}), f32({half})}, axis), ShapeError);
}

TEST(Infer, GatherPutsTheIndicesInPlaceOfTheAxis) {
  EXPECT_EQ(inferred(Opcode::gather, {f32({2, 3, 4}), i32({5, 6})}, {{"axis", std::int64_t{1}}}),
            "f32[2, 5, 6, 4]");
  EXPECT_EQ(inferred(Opcode::gather, {f32({2, 3}), i64({})}, {{"axis", std::int64_t{0}}}),
            "f32[3]");
}

template <class E>
std::string message(Opcode opcode, std::vector<TensorSpec> operands, Attrs attrs = {}) {
  try {
    inferred(opcode, std::move(operands), std::move(attrs));
  } catch (const E& error) {
    return error.what();
  }
  return "no error";
}

TEST(Infer, ErrorsAreTypedAndNameTheWayOut) {
  EXPECT_EQ(message<DTypeError>(Opcode::add, {f32({2}), i32({2})}),
            "add: expected operands of one dtype, got f32[2] and i32[2]; use cast on one of them");
  EXPECT_EQ(message<DTypeError>(Opcode::divide, {i64({}), i64({})}),
            "divide: expected f32 or f64, got i64[] and i64[]; use floor_divide for the integer "
            "quotient, or cast to f32 or f64 first");
  EXPECT_EQ(
      message<ShapeError>(Opcode::multiply, {f32({2, 3}), f32({4})}),
      "multiply: expected shapes that broadcast, got [2, 3] and [4]: 3 against 4; sizes must be "
      "equal or 1, counted from the last axis; use reshape, expand_dims or transpose");
}

TEST(Infer, RefusesTokensAmongTensors) {
  const Type operands[] = {Type::make_token(), Type::make_token()};
  EXPECT_THROW(infer(Opcode::add, operands, {}), DTypeError);
  EXPECT_THROW(infer(Opcode::equal, operands, {}), DTypeError);
  EXPECT_EQ(infer(Opcode::print, std::span(operands, 1), {{"text", std::string()}}).at(0),
            Type::make_token());
}

}  // namespace
}  // namespace mlpjit::ir
