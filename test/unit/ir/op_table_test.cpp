#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "lib/ir/attr.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

TEST(OpTable, EveryOpIsFoundByItsNameAndKnowsItsNumber) {
  std::set<std::string_view> names;
  for (const OpInfo& op : all_ops()) {
    EXPECT_EQ(&info(op.opcode), &op);
    EXPECT_EQ(opcode_from_name(op.name), op.opcode);
    EXPECT_TRUE(names.insert(op.name).second) << op.name;
  }
  EXPECT_GT(names.size(), 70u);
  EXPECT_FALSE(opcode_from_name("plus").has_value());
  EXPECT_FALSE(opcode_from_name("").has_value());
}

TEST(OpTable, AttributesAreReadFromTheTable) {
  const OpInfo& slice = info(Opcode::slice);
  ASSERT_EQ(slice.attrs.size(), 4u);
  EXPECT_EQ(slice.attrs[0].name, "axis");
  EXPECT_EQ(slice.attrs[3].name, "step");
  EXPECT_EQ(slice.attrs[3].kind, AttrKind::integer);
  const OpInfo& sum = info(Opcode::sum);
  ASSERT_EQ(sum.attrs.size(), 2u);
  EXPECT_EQ(sum.attrs[0].kind, AttrKind::integers);
  EXPECT_EQ(sum.attrs[1].kind, AttrKind::boolean);
  EXPECT_TRUE(info(Opcode::add).attrs.empty());
}

TEST(OpTable, TraitsAreThoseOfTheTable) {
  EXPECT_TRUE(info(Opcode::add).has(kCommutative));
  EXPECT_FALSE(info(Opcode::subtract).has(kCommutative));
  EXPECT_TRUE(info(Opcode::gather).has(kMayFail));
  EXPECT_TRUE(info(Opcode::print).has(kEffect));
  EXPECT_TRUE(info(Opcode::scan).has(kRegion));
}

TEST(Attrs, AreFoundByNameAndReplaced) {
  Attrs attrs{{"axis", std::int64_t{1}}, {"alpha", 0.5}};
  EXPECT_EQ(attrs.integer("axis"), 1);
  attrs.set("axis", std::int64_t{2});
  EXPECT_EQ(attrs.integer("axis"), 2);
  EXPECT_EQ(attrs.find("nothing"), nullptr);
  EXPECT_THROW(attrs.integer("nothing"), InternalError);
  EXPECT_THROW(attrs.integer("alpha"), InternalError);
}

TEST(Attrs, AreEqualOnTheBits) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ((Attrs{{"alpha", nan}}), (Attrs{{"alpha", -nan}}));
  EXPECT_FALSE((Attrs{{"alpha", 0.0}}) == (Attrs{{"alpha", -0.0}}));
  EXPECT_FALSE((Attrs{{"alpha", 1.0}}) == (Attrs{{"alpha", std::int64_t{1}}}));
  EXPECT_FALSE((Attrs{{"alpha", 1.0}}) == (Attrs{{"beta", 1.0}}));
}

template <class T>
T element(const Literal& literal) {
  T value;
  std::memcpy(&value, literal.data(), sizeof value);
  return value;
}

TEST(Literals, ScalarsAreConvertedByTheContractsCast) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(element<std::int32_t>(scalar_literal(DType::i32, -2.9)), -2);
  EXPECT_EQ(element<std::int32_t>(scalar_literal(DType::i32, 1e20)), 2147483647);
  EXPECT_EQ(element<std::int32_t>(scalar_literal(DType::i32, -1e20)), -2147483647 - 1);
  EXPECT_EQ(element<std::int64_t>(scalar_literal(DType::i64, 1e30)),
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(element<std::int64_t>(scalar_literal(DType::i64, nan)), 0);
  EXPECT_EQ(element<std::uint8_t>(scalar_literal(DType::boolean, nan)), 1);
  EXPECT_EQ(element<std::uint8_t>(scalar_literal(DType::boolean, -0.0)), 0);
  EXPECT_EQ(element<float>(scalar_literal(DType::f32, 0.1)), 0.1f);
  EXPECT_EQ(element<std::int32_t>(scalar_literal(DType::i32, std::int64_t{1} << 32)), 0);
  EXPECT_EQ(element<float>(scalar_literal(DType::f32, (std::int64_t{1} << 24) + 1)), 16777216.0f);
}

TEST(Literals, AreEqualOnTheBits) {
  const float zero = 0.0f, minus_zero = -0.0f;
  EXPECT_FALSE(make_literal(DType::f32, {}, &zero) == make_literal(DType::f32, {}, &minus_zero));
  EXPECT_EQ(make_literal(DType::f32, {}, &zero), make_literal(DType::f32, {}, &zero));
  EXPECT_FALSE(make_literal(DType::f32, {}, &zero) == make_literal(DType::i32, {}, &zero));
  EXPECT_EQ(make_literal(DType::f32, Shape{0, 3}, nullptr).bytes->size(), 0u);
}

}  // namespace
}  // namespace mlpjit::ir
