// Sizes, places and strings of ONNX models in odd forms: what was found wrong once.

#include <gtest/gtest.h>

#include <cmath>

#include "test/onnx/graph_fixture.h"

namespace mlpjit::test {
namespace {

using OnnxSizes = OnnxGraph;

const Tensor kRows = tensor({{1.F, 2.F, 3.F}, {-1.F, -2.F, -3.F}});

Attribute text(const std::string& name, std::vector<std::string> strings) {
  Attribute attribute;
  attribute.name = name;
  attribute.type = Attribute::Type::strings;
  attribute.strings = std::move(strings);
  return attribute;
}

// Sizes that are added need not be equal.
TEST_F(OnnxSizes, LengthsThatAreJoinedStayApart) {
  graph().inputs = {value("a", {kBatch, {-1, "n"}}), value("b", {kBatch, {-1, "m"}})};
  graph().nodes = {node("Concat", {"a", "b"}, {"y"}, {integer("axis", 1)})};
  nn::SymbolBlock net = read();
  const Tensor a = ones({2, 3}), b = zeros({2, 2});
  for (const bool compiled : {false, true}) {
    net.hybridize(compiled);
    EXPECT_TRUE(identical(net(Tensors{a, b})[0], concat({a, b}, 1)));
    EXPECT_TRUE(identical(net(Tensors{b, a})[0], concat({b, a}, 1)));
  }
  EXPECT_THROW(net.export_model(testing::TempDir() + "none"), UnsupportedError);
}

TEST_F(OnnxSizes, MoreSizesThanProgramsAreKept) {
  graph().inputs = {value("x", {kBatch, {-1, "n"}})};
  graph().initializers = {integers("k", {2})};
  graph().nodes = {node("TopK", {"x", "k"}, {"y", "i"})};
  nn::SymbolBlock net = read();
  for (std::int64_t n = 2; n < 300; ++n)
    ASSERT_EQ(net(reshape(arange(0, n) * 1.0F, {1, n})).shape(), (Shape{1, 2})) << n;
  EXPECT_TRUE(identical(net(tensor({{1.F, 5.F, 3.F}})), tensor({{5.F, 3.F}})));
}

TEST_F(OnnxSizes, TheLargestOfNaNStandWhereTheyAre) {
  graph().inputs = {value("x", {kBatch, {4, ""}})};
  graph().initializers = {integers("k", {3})};
  graph().nodes = {node("TopK", {"x", "k"}, {"values", "y"})};
  graph().outputs = {value("y", {}, DataType::i64)};
  EXPECT_TRUE(identical(read()(tensor({{1.F, NAN, 3.F, 2.F}})),
                        tensor({{std::int64_t{1}, std::int64_t{2}, std::int64_t{3}}})));
}

// Arithmetic on sizes with nothing, and with the least number.
TEST_F(OnnxSizes, OddOperandsAreNoCrash) {
  for (const char* op : {"Add", "Div", "Mul", "Max"}) {
    graph().initializers = {integers("none", {}), integers("zero", {0}), integers("less", {-1}),
                            integers("least", {INT64_MIN})};
    for (const char* other : {"none", "less", "least"}) {
      graph().nodes = {node("Shape", {"x"}, {"s"}), node("Gather", {"s", "zero"}, {"n"}),
                       node(op, {"n", other}, {"m"}),
                       node("Cast", {"m"}, {"y"}, {integer("to", 1)})};
      try {
        read();
      } catch (const UserError&) {  // whatever it says
      }
    }
  }
}

TEST_F(OnnxSizes, AStepMayBeTheLargestNumber) {
  graph().inputs = {value("x", {kBatch, {-1, "n"}})};
  graph().initializers = {integers("begin", {1}), integers("end", {3}), integers("axis", {1}),
                          integers("step", {INT64_MAX})};
  graph().nodes = {node("Slice", {"x", "begin", "end", "axis", "step"}, {"y"})};
  EXPECT_TRUE(identical(read()(kRows), tensor({{2.F}, {-2.F}})));
}

TEST_F(OnnxSizes, StringsThatAreComparedAreNoClasses) {
  model_.opsets["ai.onnx.ml"] = 3;
  TensorData male;
  male.name = "male";
  male.type = DataType::string;
  male.strings = {"male"};
  graph().initializers = {male};
  graph().inputs = {value("sex", {kBatch}, DataType::string)};
  graph().nodes = {node("Equal", {"sex", "male"}, {"is"}),
                   node("Cast", {"is"}, {"y"}, {integer("to", 1)})};
  nn::SymbolBlock net = read();
  EXPECT_TRUE(net.classes().empty());
  const std::int64_t known = net.code("male"), other = net.code("female");
  EXPECT_TRUE(identical(net(tensor({known, other})), tensor({1.F, 0.F})));
}

TEST_F(OnnxSizes, StringsThatOnlyACallKnowsAreNotCompared) {
  graph().inputs = {value("a", {kBatch}, DataType::string), value("b", {kBatch}, DataType::string)};
  graph().nodes = {node("Equal", {"a", "b"}, {"y"})};
  EXPECT_NE(error<UnsupportedError>().find("only a call knows"), std::string::npos);
}

TEST_F(OnnxSizes, LabelsOfStringsAreClassesWhereverTheyStand) {
  model_.opsets["ai.onnx.ml"] = 3;
  graph().inputs = {value("x", {kBatch}, DataType::i64)};
  Attribute keys;
  keys.name = "keys_int64s";
  keys.type = Attribute::Type::ints;
  keys.ints = {0, 1};
  graph().nodes = {
      node("LabelEncoder", {"x"}, {"l"}, {keys, text("values_strings", {"no", "yes"})}),
      node("Identity", {"l"}, {"y"})};
  graph().nodes[0].domain = "ai.onnx.ml";
  graph().outputs = {value("y", {}, DataType::string)};
  nn::SymbolBlock net = read();
  EXPECT_EQ(net.classes(), (std::vector<std::string>{"no", "yes"}));
  EXPECT_TRUE(identical(net(tensor({std::int64_t{1}, std::int64_t{0}})),
                        tensor({std::int64_t{1}, std::int64_t{0}})));
}

// A sequence that a loop carries ends with the loop's own condition, or not at all.
TEST_F(OnnxSizes, ALoopOfASequenceUnderAComputedConditionIsRefused) {
  Graph body;
  body.name = "body";
  body.inputs = {value("i", {}, DataType::i64), value("go", {}, DataType::boolean), value("s", {})};
  body.nodes = {node("ReduceSum", {"x"}, {"sum"}, {integer("keepdims", 0)}),
                node("Greater", {"sum", "sum"}, {"on"}), node("SequenceInsert", {"s", "x"}, {"t"})};
  body.outputs = {value("on", {}, DataType::boolean), value("t", {})};
  graph().initializers = {integers("rounds", {3})};
  graph().nodes = {node("SequenceEmpty", {}, {"empty"}),
                   node("Loop", {"rounds", "", "empty"}, {"all"}, {graph_attribute("body", body)}),
                   node("ConcatFromSequence", {"all"}, {"y"}, {integer("axis", 0)})};
  EXPECT_FALSE(error<UnsupportedError>().empty());
}

TEST_F(OnnxSizes, SmallIntegersDoNotWrapInSilence) {
  graph().inputs = {value("x", {kBatch}, DataType::u8)};
  graph().outputs = {value("y", {}, DataType::u8)};
  for (const char* op : {"Add", "Mul", "Max"}) {
    graph().nodes = {node(op, {"x", "x"}, {"y"})};
    EXPECT_NE(error<UnsupportedError>().find("8 or 16 bits"), std::string::npos) << op;
  }
  graph().nodes = {node("Cast", {"x"}, {"f"}, {integer("to", 1)}),
                   node("Cast", {"f"}, {"y"}, {integer("to", 2)})};
  EXPECT_TRUE(identical(read()(cast(tensor({1, 255, 256, -1}), DType::i32)),
                        cast(tensor({1, 255, 0, 255}), DType::i32)));
}

TEST_F(OnnxSizes, RoundedIntegersAreWhatTheyAre) {
  nn::HybridSequential net;
  net.add(nn::HybridLambda([](const Tensor& x) { return floor(x) + round(x); }));
  net.export_onnx(path_, {.inputs = {TensorSpec{DType::i64, {dim("B")}}}});
  const Tensor x = tensor({std::int64_t{3}, std::int64_t{-4}});
  EXPECT_TRUE(identical(nn::SymbolBlock::imports(path_)(x), x + x));
}

TEST_F(OnnxSizes, ARoundTripKeepsNumbersThatWereFloats) {
  nn::HybridSequential net;
  net.add(nn::HybridLambda([](const Tensor& x) { return x * static_cast<double>(0.1F); }));
  net.export_onnx(path_, {.inputs = {TensorSpec{DType::f64, {dim("B")}}}});
  const Tensor x = tensor({3.0});
  EXPECT_TRUE(identical(nn::SymbolBlock::imports(path_)(x), net(x)));
}

}  // namespace
}  // namespace mlpjit::test
