// Indices of ONNX's ops: those that are out of their axis are errors, of the model where it has
// them, else of the call; and what else small graphs of such ops have to give.

#include <gtest/gtest.h>

#include "test/onnx/graph_fixture.h"

namespace mlpjit::test {
namespace {

class OnnxIndices : public OnnxGraph {
 protected:
  // An input "i" of integers beside "x".
  void take_indices(std::vector<Dimension> shape) {
    graph().inputs.push_back(value("i", std::move(shape), DataType::i64));
  }
};

Tensor at(const Tensor& indices) {
  return cast(indices, DType::i64);
}

const Tensor kRows = tensor({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}});

TEST_F(OnnxIndices, GatherND) {
  take_indices({{1, ""}, {2, ""}});
  graph().nodes = {node("GatherND", {"x", "i"}, {"y"})};
  nn::SymbolBlock net = read();
  EXPECT_TRUE(identical(net(kRows, at(tensor({{-1, -3}}))), tensor({4.f})));
  EXPECT_THROW(net(kRows, at(tensor({{0, 3}}))), ValueError);
  EXPECT_THROW(net(kRows, at(tensor({{-3, 0}}))), ValueError);
}

TEST_F(OnnxIndices, GatherElements) {
  take_indices({kBatch, {1, ""}});
  graph().nodes = {node("GatherElements", {"x", "i"}, {"y"}, {integer("axis", 1)})};
  nn::SymbolBlock net = read();
  EXPECT_TRUE(identical(net(kRows, at(tensor({{-1}, {0}}))), tensor({{3.f}, {4.f}})));
  EXPECT_THROW(net(kRows, at(tensor({{3}, {0}}))), ValueError);
}

TEST_F(OnnxIndices, ScatterElements) {
  take_indices({{2, ""}, {1, ""}});
  graph().inputs[0] = value("x", {{2, ""}, {3, ""}});
  graph().initializers = {floats("u", {2, 1}, {7, 8})};
  graph().nodes = {node("ScatterElements", {"x", "i", "u"}, {"y"}, {integer("axis", 1)})};
  nn::SymbolBlock net = read();
  EXPECT_TRUE(
      identical(net(kRows, at(tensor({{-1}, {0}}))), tensor({{1.f, 2.f, 7.f}, {8.f, 5.f, 6.f}})));
  EXPECT_THROW(net(kRows, at(tensor({{-4}, {0}}))), ValueError);
}

TEST_F(OnnxIndices, ScatterND) {
  take_indices({{1, ""}, {2, ""}});
  graph().inputs[0] = value("x", {{2, ""}, {3, ""}});
  graph().initializers = {floats("u", {1}, {7})};
  graph().nodes = {node("ScatterND", {"x", "i", "u"}, {"y"})};
  nn::SymbolBlock net = read();
  EXPECT_TRUE(
      identical(net(kRows, at(tensor({{1, -1}}))), tensor({{1.f, 2.f, 3.f}, {4.f, 5.f, 7.f}})));
  EXPECT_THROW(net(kRows, at(tensor({{0, 4}}))), ValueError);
}

TEST_F(OnnxIndices, ThoseOfTheModelAreItsFault) {
  graph().initializers = {integers("i", {9})};
  graph().nodes = {node("GatherND", {"x", "i"}, {"y"})};
  graph().inputs[0] = value("x", {{2, ""}, {3, ""}});
  EXPECT_NE(error<FormatError>().find("GatherND"), std::string::npos);
}

TEST_F(OnnxIndices, ACategoryThatIsNoneIsAnErrorWhereTheModelSaysSo) {
  Node encoder = node("OneHotEncoder", {"x"}, {"y"}, {integer("zeros", 0)});
  encoder.domain = "ai.onnx.ml";
  Attribute categories;
  categories.name = "cats_int64s";
  categories.type = Attribute::Type::ints;
  categories.ints = {1, 2, 3};
  encoder.attributes.push_back(categories);
  model_.opsets["ai.onnx.ml"] = 3;
  graph().nodes = {encoder};
  nn::SymbolBlock net = read();
  EXPECT_TRUE(identical(net(tensor({{3.f, 1.f, 2.f}})),
                        tensor({{{0.f, 0.f, 1.f}, {1.f, 0.f, 0.f}, {0.f, 1.f, 0.f}}})));
  EXPECT_THROW(net(tensor({{3.f, 4.f, 2.f}})), ValueError);
}

// Axes of 1 meet longer ones, of dots and of letters.
TEST_F(OnnxIndices, EinsumTakesAxesOfOne) {
  graph().inputs[0] = value("x", {{2, ""}, {1, ""}, {3, ""}});
  graph().initializers = {floats("w", {4, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1})};
  Attribute equation;
  equation.name = "equation";
  equation.type = Attribute::Type::s;
  equation.s = "...k,...k->...k";
  graph().nodes = {node("Einsum", {"x", "w"}, {"y"}, {equation})};
  const Tensor x = reshape(kRows, {2, 1, 3});
  const Tensor w = tensor({{1.f, 0.f, 0.f}, {0.f, 1.f, 0.f}, {0.f, 0.f, 1.f}, {1.f, 1.f, 1.f}});
  EXPECT_TRUE(identical(read()(x), x * w));
}

// The normal distribution's quantiles, as tables have them, within the formula's 2e-3.
TEST_F(OnnxIndices, ScoresByTheProbit) {
  Node regressor = node("LinearRegressor", {"x"}, {"y"});
  regressor.domain = "ai.onnx.ml";
  Attribute coefficients, transform;
  coefficients.name = "coefficients";
  coefficients.type = Attribute::Type::floats;
  coefficients.floats = {1};
  transform.name = "post_transform";
  transform.type = Attribute::Type::s;
  transform.s = "PROBIT";
  regressor.attributes = {coefficients, transform};
  model_.opsets["ai.onnx.ml"] = 3;
  graph().inputs[0] = value("x", {kBatch, {1, ""}});
  graph().nodes = {regressor};
  const Tensor found = read()(tensor({{0.5f}, {0.975f}, {0.1f}}));
  const Tensor expected = tensor({{0.f}, {1.959964f}, {-1.281552f}});
  EXPECT_LT(max(abs(found - expected)).item<float>(), 5e-3);
}

}  // namespace
}  // namespace mlpjit::test
