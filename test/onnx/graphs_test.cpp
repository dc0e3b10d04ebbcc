// Graphs that exporters and people write, made by the writer: what was found wrong once.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "test/onnx/graph_fixture.h"

namespace mlpjit::test {
namespace {

const Tensor kX = tensor({{1.f, 2.f, 3.f}, {-1.f, -2.f, -3.f}});

// Branches have weights of one name.
TEST_F(OnnxGraph, GraphsWithinHaveWeightsOfTheirOwn) {
  const auto branch = [](const std::string& result, float scale) {
    Graph made;
    made.name = result;
    made.nodes = {node("MatMul", {"x", "W"}, {result})};
    made.initializers = {floats("W", {3, 1}, {scale, scale, scale})};
    made.outputs = {value(result, {})};
    return made;
  };
  graph().initializers = {integers("zero", {0})};
  graph().nodes = {node("ReduceSum", {"x"}, {"sum"}, {integer("keepdims", 0)}),
                   node("Cast", {"zero"}, {"nothing"}, {integer("to", 1)}),
                   node("Squeeze", {"nothing"}, {"none"}), node("Greater", {"sum", "none"}, {"c"}),
                   node("If", {"c"}, {"y"},
                        {graph_attribute("then_branch", branch("t", 1)),
                         graph_attribute("else_branch", branch("e", 10))})};
  nn::SymbolBlock net = read();
  const Tensor one = tensor({{1.f, 2.f, 3.f}});
  EXPECT_TRUE(identical(net(one), tensor({{6.f}})));
  EXPECT_TRUE(identical(net(-one), tensor({{-60.f}})));
}

// One matrix is a weight, turned over and as it is.
TEST_F(OnnxGraph, AWeightIsUsedInTwoLayouts) {
  graph().initializers = {floats("W", {3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9})};
  graph().nodes = {node("Gemm", {"x", "W"}, {"h"}),
                   node("Gemm", {"h", "W"}, {"y"}, {integer("transB", 1)})};
  nn::SymbolBlock net = read();
  const Tensor w = tensor({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}, {7.f, 8.f, 9.f}});
  EXPECT_TRUE(identical(net(kX), matmul(matmul(kX, w), transpose(w))));
}

// As near -1 as near 1.
TEST_F(OnnxGraph, TheInverseOfTanhIsOdd) {
  graph().nodes = {node("Atanh", {"x"}, {"y"})};
  nn::SymbolBlock net = read();
  const Tensor x = tensor({{0.999985f, 0.75f, 0.f}});
  EXPECT_TRUE(identical(net(-x), -net(x)));
  const float found = net(x).data<float>()[0];
  EXPECT_NEAR(found, std::atanh(0.999985f), 1e-5f);
}

TEST_F(OnnxGraph, NodesStandInAnyOrder) {
  graph().nodes = {node("Relu", {"h"}, {"y"}), node("Neg", {"x"}, {"h"})};
  EXPECT_TRUE(identical(read()(kX), relu(-kX)));
}

// A number of rows is known when the network runs.
TEST_F(OnnxGraph, SizesAreComparedWhenTheNetworkRuns) {
  graph().initializers = {integers("zero", {0}), integers("two", {2})};
  graph().nodes = {node("Shape", {"x"}, {"s"}), node("Gather", {"s", "zero"}, {"n"}),
                   node("Equal", {"n", "two"}, {"c"}),
                   node("Cast", {"c"}, {"f"}, {integer("to", 1)}), node("Add", {"x", "f"}, {"y"})};
  nn::SymbolBlock net = read();
  EXPECT_TRUE(identical(net(kX), kX + 1));
  const Tensor one = tensor({{1.f, 2.f, 3.f}});
  EXPECT_TRUE(identical(net(one), one));
}

// What exporters write for expand(-1, ...).
TEST_F(OnnxGraph, SizesThatStayAreChosen) {
  graph().initializers = {integers("asked", {-1, 3}), integers("minus", {-1}),
                          floats("ones", {1, 3}, {1, 1, 1})};
  graph().nodes = {node("Shape", {"x"}, {"s"}), node("Equal", {"asked", "minus"}, {"c"}),
                   node("Where", {"c", "s", "asked"}, {"e"}), node("Expand", {"ones", "e"}, {"o"}),
                   node("Add", {"x", "o"}, {"y"})};
  EXPECT_TRUE(identical(read()(kX), kX + 1));
}

TEST_F(OnnxGraph, WidthsThatTheFileLeavesOutAreTheWeights) {
  graph().inputs = {value("x", {{-1, ""}, {-1, ""}})};
  graph().initializers = {floats("W", {3, 1}, {1, 1, 1})};
  graph().nodes = {node("Identity", {"x"}, {"h"}), node("MatMul", {"h", "W"}, {"y"})};
  const nn::SymbolBlock net = read();
  EXPECT_EQ(net.input_specs()[0], f32({dim("B"), 3}));
}

TEST_F(OnnxGraph, NamesThatAreAlikeAreSizesOfTheirOwn) {
  graph().inputs = {value("x", {{-1, "a b"}, {3, ""}}), value("z", {{-1, "a+b"}, {3, ""}})};
  graph().nodes = {node("Identity", {"x"}, {"y"})};
  const nn::SymbolBlock net = read();
  EXPECT_EQ(net.input_specs()[0], f32({dim("a_b"), 3}));
  EXPECT_EQ(net.input_specs()[1], f32({dim("a_b_2"), 3}));
}

TEST_F(OnnxGraph, ResultsMayBeTheSameAndWeightsOfNobodyOfAnyType) {
  TensorData bytes;
  bytes.name = "nobody's";
  bytes.type = DataType::u8;
  bytes.dims = {1};
  bytes.own = "x";
  graph().initializers = {bytes};
  graph().nodes = {node("Neg", {"x"}, {"y"})};
  graph().outputs = {value("y", {}), value("y", {})};
  const nn::SymbolBlock net = read();
  EXPECT_EQ(net.output_names(), (std::vector<std::string>{"y", "y_1"}));
}

TEST_F(OnnxGraph, LoopsOfFewRoundsMayEndByThemselves) {
  Graph body;
  body.name = "body";
  body.inputs = {value("i", {}, DataType::i64), value("c", {}, DataType::boolean),
                 value("s", {kBatch, {3, ""}})};
  body.nodes = {node("Add", {"s", "s"}, {"twice"}),
                node("ReduceSum", {"twice"}, {"sum"}, {integer("keepdims", 0)}),
                node("Less", {"sum", "limit"}, {"more"})};
  body.outputs = {value("more", {}, DataType::boolean), value("twice", {})};
  graph().initializers = {integers("rounds", {8}), floats("limit", {}, {20})};
  graph().nodes = {node("Loop", {"rounds", "", "x"}, {"y"}, {graph_attribute("body", body)})};
  const Tensor one = tensor({{1.f, 2.f, 3.f}});  // 12, 24: two rounds
  EXPECT_TRUE(identical(read()(one), one * 4));
}

TEST_F(OnnxGraph, WhatIsMissingIsAnError) {
  for (const char* op : {"Concat", "Einsum", "Max", "Relu", "Split"}) {
    graph().nodes = {node(op, {}, {"y"})};
    EXPECT_NE(error<FormatError>().find(path_), std::string::npos) << op;
    graph().nodes = {node(op, {"x"}, {}), node("Neg", {"x"}, {"y"})};
    EXPECT_NE(error<FormatError>().find("no outputs"), std::string::npos) << op;
  }
  graph().nodes = {node("Relu", {"h"}, {"y"}), node("Neg", {"y"}, {"h"})};
  EXPECT_NE(error<FormatError>().find("no earlier node's"), std::string::npos);
}

// Two classes with the score of the second: the first has what that leaves of 1.
TEST_F(OnnxGraph, ABinaryClassifierGivesTheSecondClassItsScore) {
  Attribute coefficients, intercepts, labels, transform;
  coefficients.name = "coefficients";
  coefficients.type = intercepts.type = Attribute::Type::floats;
  coefficients.floats = {1, 0, 0};
  intercepts.name = "intercepts";
  intercepts.floats = {0};
  labels.name = "classlabels_ints";
  labels.type = Attribute::Type::ints;
  labels.ints = {7, 9};
  transform.name = "post_transform";
  transform.type = Attribute::Type::s;
  transform.s = "LOGISTIC";
  model_.opsets["ai.onnx.ml"] = 1;
  graph().nodes = {node("LinearClassifier", {"x"}, {"label", "y"},
                        {coefficients, intercepts, labels, transform})};
  graph().nodes[0].domain = "ai.onnx.ml";
  graph().outputs = {value("label", {}, DataType::i64), value("y", {})};
  nn::SymbolBlock net = read();
  const Tensors results = net(Tensors{kX});  // scores 1 and -1
  EXPECT_EQ(results[0].to_vector<std::int64_t>(), (std::vector<std::int64_t>{9, 7}));
  const Tensor second = sigmoid(tensor({{1.f}, {-1.f}}));
  EXPECT_TRUE(identical(results[1], concat({1.f - second, second}, 1))) << results[1];
  EXPECT_EQ(net.classes(), (std::vector<std::string>{"7", "9"}));
}

// A float attribute of a model in f64 is the decimal that was meant.
TEST_F(OnnxGraph, FloatAttributesAreTheShortestDecimal) {
  Attribute alpha;
  alpha.name = "alpha";
  alpha.type = Attribute::Type::f;
  alpha.f = 0.1F;
  graph().inputs = {value("x", {kBatch}, DataType::f64)};
  graph().nodes = {node("LeakyRelu", {"x"}, {"y"}, {alpha})};
  const Tensor x = tensor({-1.0, 2.0});
  EXPECT_TRUE(identical(read()(x), leaky_relu(x, 0.1)));
}

TEST_F(OnnxGraph, FunctionsAreToldApartByTheirOverload) {
  for (const char* op : {"Neg", "Abs"}) {
    onnx::Function function;
    function.name = "f";
    function.domain = "mine";
    function.overload = op;
    function.inputs = {"a"};
    function.outputs = {"b"};
    function.opsets = {{"", 17}};
    function.nodes = {node(op, {"a"}, {"b"})};
    model_.functions.push_back(function);
  }
  model_.opsets["mine"] = 1;
  graph().nodes = {node("f", {"x"}, {"y"})};
  graph().nodes[0].domain = "mine";
  graph().nodes[0].overload = "Abs";
  EXPECT_TRUE(identical(read()(kX), abs(kX)));
}

// Weights in a file of their own stand beside the model or below, wherever a name or a link leads.
TEST_F(OnnxGraph, ExternalDataStaysInTheFolder) {
  const std::string folder = testing::TempDir() + std::to_string(getpid()) + ".folder";
  const std::string outside = folder + ".secret", model = folder + "/m.onnx";
  std::filesystem::create_directories(folder);
  const float ones[] = {1, 1, 1};
  for (const std::string& file : {outside, folder + "/weights"})
    std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(ones), sizeof ones);
  std::filesystem::create_symlink(outside, folder + "/link");
  const auto import = [&](const std::string& location, const char* length) {
    TensorData weights = floats("W", {3, 1}, {});
    weights.is_external = true;
    weights.external = {{"location", location}, {"offset", "0"}, {"length", length}};
    graph().initializers = {weights};
    graph().nodes = {node("MatMul", {"x", "W"}, {"y"})};
    std::ofstream(model, std::ios::binary) << onnx::write_model(model_);
    return nn::SymbolBlock::imports(model);
  };
  EXPECT_TRUE(identical(import("weights", "12")(tensor({{1.f, 2.f, 3.f}})), tensor({{6.f}})));
  for (const std::string& location :
       {std::string("../") + std::filesystem::path(outside).filename().string(), outside,
        std::string("link")}) {
    try {
      import(location, "12");
      ADD_FAILURE() << location;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find("not in the model's folder"), std::string::npos)
          << error.what();
    }
  }
  EXPECT_THROW(import("weights", "16"), FormatError);
  EXPECT_THROW(import("nothing", "12"), FormatError);
  std::filesystem::remove_all(folder);
  std::filesystem::remove(outside);
}

// Field 99 of ModelProto, a number: of a later version of the format.
TEST_F(OnnxGraph, FieldsThatNobodyKnowsAreListed) {
  graph().nodes = {node("Neg", {"x"}, {"y"})};
  EXPECT_FALSE(read().metadata().contains("onnx.unknown_fields"));
  std::ofstream(path_, std::ios::binary) << onnx::write_model(model_) << "\x98\x06\x01";
  const nn::SymbolBlock net = nn::SymbolBlock::imports(path_);
  EXPECT_EQ(net.metadata().at("onnx.unknown_fields"), "ModelProto field 99");
}

// A few bytes that ask for very much.
TEST_F(OnnxGraph, WhatGrowsWithoutEndIsRefused) {
  for (int i = 0; i < 40; ++i) {
    onnx::Function twice;
    twice.name = "f" + std::to_string(i);
    twice.domain = "mine";
    twice.inputs = {"a"};
    twice.outputs = {"b"};
    twice.opsets = {{"", 17}, {"mine", 1}};
    const std::string inner = "f" + std::to_string(i - 1);
    twice.nodes = {node(i == 0 ? "Neg" : inner, {"a"}, {"m"}),
                   node(i == 0 ? "Neg" : inner, {"m"}, {"b"})};
    if (i > 0) twice.nodes[0].domain = twice.nodes[1].domain = "mine";
    model_.functions.push_back(twice);
  }
  model_.opsets["mine"] = 1;
  graph().nodes = {node("f39", {"x"}, {"y"})};
  graph().nodes[0].domain = "mine";
  EXPECT_NE(error<UnsupportedError>().find("nodes with all functions and loops written out"),
            std::string::npos);
  model_.functions.clear();
  Attribute mode;
  mode.name = "mode";
  mode.type = Attribute::Type::s;
  mode.s = "reflect";
  graph().initializers = {integers("pads", {0, std::int64_t{1} << 39, 0, 0})};
  graph().nodes = {node("Pad", {"x", "pads"}, {"y"}, {mode})};
  EXPECT_NE(error<UnsupportedError>().find("pads of more than 2^24"), std::string::npos);
}

}  // namespace
}  // namespace mlpjit::test
