// Every element-wise op, compiled, gives the interpreter's bits: all dtypes, tails, broadcasting,
// fusion.

#include <gtest/gtest.h>

#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"
#include "test/programs/compiled.h"
#include "test/unit/interp/op_attrs.h"

namespace mlpjit::test {
namespace {

using ir::Opcode;

const DType kAll[] = {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean};

// Appends an op where its type rule takes these dtypes; false where not.
bool add_op(Builder& b, Opcode opcode, DType dtype, const std::vector<Shape>& shapes) {
  const ir::OpInfo& info = ir::info(opcode);
  std::vector<ir::ValueId> operands;
  for (int i = 0; i < info.arity; ++i) {
    const bool condition = opcode == Opcode::where && i == 0;
    operands.push_back(b.input(condition ? DType::boolean : dtype,
                               shapes[static_cast<std::size_t>(i) % shapes.size()]));
  }
  try {
    b.result(b.op(opcode, operands, float_attrs(opcode)));
    return true;
  } catch (const UserError&) {
    return false;
  }
}

bool divides_integers(Opcode opcode, DType dtype) {
  return (opcode == Opcode::floor_divide || opcode == Opcode::remainder) && is_integer(dtype);
}

TEST(CompiledElementwise, EveryOpOnEveryDtypeGivesTheInterpretersBits) {
  int tried = 0;
  for (const ir::OpInfo& info : ir::all_ops()) {
    if (info.family != ir::Family::elementwise || info.opcode == Opcode::cast) continue;
    for (const DType dtype : kAll) {
      if (divides_integers(info.opcode, dtype))
        continue;  // zeros among the values: an error of its own
      Builder b;
      if (!add_op(b, info.opcode, dtype, {Shape({3, 37})})) continue;
      ++tried;
      for (const support::Isa isa : runnable_isas()) {
        EXPECT_EQ(compare(b.graph, isa), "")
            << info.name << " " << to_string(dtype) << " " << to_string(isa);
      }
    }
  }
  EXPECT_GT(tried, 90);
}

TEST(CompiledElementwise, CastsSaturateWrapAndRoundAsTheInterpreterDoes) {
  for (const DType from : kAll) {
    for (const DType to : kAll) {
      Builder b;
      b.result(b.op(Opcode::cast, {b.input(from, Shape({211}))}, {{"dtype", to}}));
      for (const support::Isa isa : runnable_isas()) {
        EXPECT_EQ(compare(b.graph, isa), "")
            << to_string(from) << " " << to_string(to) << " " << to_string(isa);
      }
    }
  }
}

TEST(CompiledElementwise, TailsOfEverySizeStayInsideTheirBuffers) {
  for (const std::int64_t n : {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65}) {
    for (const Opcode opcode : {Opcode::add, Opcode::pow}) {  // a short body and a long one
      for (const DType dtype : {DType::f32, DType::f64, DType::i32}) {
        Builder b;
        if (!add_op(b, opcode, dtype, {Shape({n})})) continue;
        for (const support::Isa isa : runnable_isas()) {
          EXPECT_EQ(compare(b.graph, isa), "") << ir::to_string(opcode) << n << to_string(isa);
        }
      }
    }
  }
}

TEST(CompiledElementwise, BroadcastingReadsEveryOperandByItsOwnStrides) {
  const std::vector<std::vector<Shape>> cases = {
      {Shape({4, 5}), Shape({5})},       {Shape({4, 1}), Shape({1, 5})},
      {Shape({}), Shape({3, 2})},        {Shape({2, 3, 4}), Shape({3, 1})},
      {Shape({2, 1, 4}), Shape({3, 4})}, {Shape({7, 1}), Shape({7, 18})},
      {Shape({1}), Shape({1})},          {Shape({}), Shape({})},
      {Shape({2, 0, 3}), Shape({3})},    {Shape({2, 1, 3, 1}), Shape({4, 1, 17})}};
  for (const auto& shapes : cases) {
    for (const DType dtype : {DType::f32, DType::i64}) {
      Builder b;
      ASSERT_TRUE(add_op(b, Opcode::subtract, dtype, shapes));
      for (const support::Isa isa : runnable_isas()) {
        EXPECT_EQ(compare(b.graph, isa), "")
            << to_string(shapes[0]) << to_string(shapes[1]) << to_string(isa);
      }
    }
  }
}

TEST(CompiledElementwise, AFusedChainOfMixedDtypesIsOneStep) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, Shape({5, 33})), y = b.input(DType::i32, Shape({33}));
  const ir::ValueId as_float = b.op(Opcode::cast, {y}, {{"dtype", DType::f32}});
  const ir::ValueId scaled =
      b.op(Opcode::multiply, {b.op(Opcode::tanh, {x}), b.scalar(DType::f32, 0.1)});
  const ir::ValueId sum = b.op(Opcode::add, {scaled, as_float});
  const ir::ValueId positive = b.op(Opcode::greater, {sum, x});
  b.result(b.op(Opcode::where, {positive, sum, b.op(Opcode::exp, {x})}));
  b.result(positive);
  for (const support::Isa isa : runnable_isas()) {
    EXPECT_EQ(compare(b.graph, isa), "") << to_string(isa);
    EXPECT_EQ(compare(b.graph, isa, Numbers::mixed, false), "")
        << "without passes " << to_string(isa);
    const Compiled program(b.graph, isa);
    EXPECT_LE(program.plan().steps.size(), 2u) << plan::to_string(program.plan());
  }
}

}  // namespace
}  // namespace mlpjit::test
