// Symbol files that nobody exported: written by hand after docs/formats.md, wrong, or damaged.

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "src/model/symbol_program.h"
#include "test/unit/model/round_trip.h"

namespace mlpjit {
namespace {

using test::error_of;
using test::expect_mentions;
using Files = test::TemporaryFolder;

constexpr const char* kBegin =
    R"({"format": "mlpjit-symbol", "schema_version": 1, "numerics_version": 2, )";

nn::SymbolBlock model(const std::string& text, const TensorMap& tensors = {},
                      const nn::LoadOptions& options = {}) {
  return detail::import_model({"m.json", text}, {tensors, "m.params"}, options);
}
// A file with these members besides the versions.
std::string file(const std::string& members) {
  return kBegin + members + "}";
}
// A file of one argument x f32[B, 2] and one head, the value y.
std::string with_nodes(const std::string& nodes) {
  return file(R"("inputs": [{"name": "x", "dtype": "f32", "shape": ["B", 2]}],
 "nodes": [)" +
              nodes + R"(],
 "heads": [{"name": "y", "value": "y"}])");
}
void expect_file_refused(const std::string& text, const std::vector<std::string>& parts,
                         const TensorMap& tensors = {}) {
  expect_mentions(error_of<FormatError>([&] { model(text, tensors); }), parts);
}

TEST(SymbolFile, CodesStandForStrings) {
  const std::string members = R"("inputs": [{"name": "x", "dtype": "i64", "shape": ["B"]}],
 "nodes": [{"op": "negative", "name": "y", "inputs": ["x"]}],
 "heads": [{"name": "y", "value": "y"}], "strings": ["red", "blue"], "coded": )";
  const auto versioned = [&](int version, const std::string& coded) {
    return R"({"format": "mlpjit-symbol", "schema_version": )" + std::to_string(version) +
           R"(, "numerics_version": 2, )" + members + coded + "}";
  };
  const nn::SymbolBlock net = model(versioned(2, R"(["x"])"));
  EXPECT_EQ(net.strings(), (std::vector<std::string>{"red", "blue"}));
  EXPECT_TRUE(net.is_coded("x"));
  EXPECT_FALSE(net.is_coded("y"));
  EXPECT_EQ(net.code("blue"), 1);
  EXPECT_EQ(net.code("green"), -1);
  expect_file_refused(versioned(1, R"(["x"])"), {"'strings' and 'coded'", "version 2"});
  expect_file_refused(versioned(2, R"(["z"])"), {"no input or head 'z'"});
}

TEST(SymbolFile, AFewLinesByHandAreAModel) {
  const Tensor w = tensor({{1.f, -2.f}, {0.5f, 1.f}, {3.f, 0.f}}), b = tensor({1.f, 2.f, 3.f});
  const auto net = model(file(R"("inputs": [
    {"name": "x", "dtype": "f32", "shape": ["B", 2]},
    {"name": "w", "kind": "parameter", "path": "fc.weight", "dtype": "f32", "shape": [3, 2]},
    {"name": "fc.bias", "kind": "parameter", "dtype": "f32", "shape": [3]}],
  "nodes": [
    {"op": "constant", "name": "mean",
      "attributes": {"value": {"dtype": "f32", "shape": [2], "data": [1, 2.5]}}},
    {"op": "subtract", "name": "centred", "inputs": ["x", "mean"]},
    {"op": "dense", "name": "h", "inputs": ["centred", "w", "fc.bias"]},
    {"op": "leaky_relu", "name": "a", "inputs": ["h"]},
    {"op": "softmax", "name": "p", "inputs": ["a"]}],
  "heads": [{"name": "probabilities", "value": "p"}])"),
                         {{"fc.weight", w}, {"fc.bias", b}});
  const Tensor x = random::normal({4, 2});
  EXPECT_TRUE(identical(net(x), softmax(leaky_relu(dense(x - tensor({1.f, 2.5f}), w, b)))));
  EXPECT_EQ(net.output_names(), std::vector<std::string>{"probabilities"});
}

TEST(SymbolFile, MayBeginWithAByteOrderMark) {
  const std::string text = with_nodes(R"({"op": "relu", "name": "y", "inputs": ["x"]})");
  const Tensor x = tensor({{1.f, -2.f}});
  EXPECT_TRUE(identical(model("\xef\xbb\xbf" + text)(x), relu(x)));
  expect_file_refused("\xff\xfe" + text, {"m.json:1:1", "UTF-16", "save it as UTF-8"});
  expect_file_refused("\xef\xbb\xbf{\n oops", {"m.json:2:2"});
}

TEST(SymbolFile, FunctionsCallEachOther) {
  const auto net = model(file(R"("inputs": [{"name": "x", "dtype": "f32", "shape": [2]}],
  "nodes": [{"op": "call", "results": [{"name": "a"}, {"name": "b"}], "inputs": ["x"],
      "attributes": {"callee": "twice"}}],
  "heads": [{"name": "a", "value": "a"}, {"name": "b", "value": "b", "dtype": "f32", "shape": [2]}],
  "functions": [
    {"name": "twice", "inputs": [{"name": "t", "dtype": "f32", "shape": [2]}],
     "nodes": [{"op": "call", "name": "s", "inputs": ["t"], "attributes": {"callee": "square"}},
               {"op": "print", "inputs": ["s"], "attributes": {"text": "square"}, "results": []},
               {"op": "call", "name": "q", "inputs": ["s"], "attributes": {"callee": "square"}}],
     "results": ["s", "q"]},
    {"name": "square", "inputs": [{"name": "t", "dtype": "f32", "shape": [2]}],
     "nodes": [{"op": "multiply", "name": "tt", "inputs": ["t", "t"]}], "results": ["tt"]}])"));
  const Tensor x = tensor({2.f, 3.f});
  ::testing::internal::CaptureStdout();
  const Tensors y = net(Tensors{x});
  EXPECT_NE(::testing::internal::GetCapturedStdout().find("square"), std::string::npos);
  EXPECT_TRUE(identical(y[0], tensor({4.f, 9.f})));
  EXPECT_TRUE(identical(y[1], tensor({16.f, 81.f})));
}

TEST(SymbolFile, LoopsAndDrawsByHand) {
  auto net = model(file(R"("inputs": [
    {"name": "n", "dtype": "i64", "shape": []},
    {"name": "random", "kind": "state", "dtype": "i64", "shape": [2]}],
  "nodes": [
    {"op": "constant", "name": "zero",
      "attributes": {"value": {"dtype": "i64", "shape": [], "data": [0]}}},
    {"op": "constant", "name": "one",
      "attributes": {"value": {"dtype": "i64", "shape": [], "data": [1]}}},
    {"op": "constant", "name": "start",
      "attributes": {"value": {"dtype": "f32", "shape": [2], "data": [0, "-inf"]}}},
    {"op": "while_loop", "inputs": ["n", "start", "random"],
      "results": [{"name": "m"}, {"name": "y"}, {"name": "after"}],
     "regions": [
       {"arguments": [{"name": "i"}, {"name": "c"}, {"name": "s"}],
        "nodes": [{"op": "greater", "name": "more", "inputs": ["i", "zero"]}], "results": ["more"]},
       {"arguments": [{"name": "j"}, {"name": "d"}, {"name": "t"}],
        "nodes": [
          {"op": "random_uniform", "inputs": ["t"], "attributes": {"shape": [2], "dtype": "f32"},
           "results": [{"name": "u"}, {"name": "t2"}]},
          {"op": "maximum", "name": "d2", "inputs": ["d", "u"]},
          {"op": "subtract", "name": "j2", "inputs": ["j", "one"]}],
        "results": ["j2", "d2", "t2"]}]}],
  "heads": [{"name": "y", "value": "y"}],
  "updates": [{"input": "random", "value": "after"}])"));
  random::seed(3);
  const Tensor expected = maximum(maximum(zeros({2}), random::uniform({2})), random::uniform({2}));
  random::seed(3);
  EXPECT_TRUE(identical(net(tensor(std::int64_t{2})), expected));
  EXPECT_EQ(random::state().draw, 2U);
}

TEST(SymbolFile, FaultsAreNamedWithTheirPlace) {
  const std::string relu = R"({"op": "relu", "name": "y", "inputs": ["x"]})";
  model(with_nodes(relu));
  expect_file_refused("", {"m.json:1:1"});
  expect_file_refused("[]", {"m.json:1:1", "an object", "an array"});
  expect_file_refused("{", {"m.json:1:2"});
  expect_file_refused(with_nodes(relu) + " x", {"m.json:3:", "followed"});
  expect_file_refused(with_nodes(relu) + std::string(1, '\0'), {"m.json:3:"});
  expect_file_refused(R"({"format": "onnx", "schema_version": 1, "numerics_version": 2})",
                      {"mlpjit-symbol", "onnx"});
  expect_file_refused(
      R"({"format": "mlpjit-symbol", "schema_version": 4, "numerics_version": 1, "new": 1})",
      {"schema version 4", "versions 1 to 3"});
  expect_file_refused(R"({"format": "mlpjit-symbol", "numerics_version": 1})", {"schema_version"});
  expect_file_refused(file(R"("nodes": [], "heads": [], "nodes": [])"), {"'nodes' appears twice"});
  expect_file_refused(file(R"("nodes": [], "heads": [], "node": [])"),
                      {"unknown member 'node'", "nodes"});
  expect_file_refused(file(R"("nodes": [])"), {"'heads'"});
  expect_file_refused(file(R"("nodes": 3, "heads": [])"), {"nodes", "an array", "a number"});
  expect_file_refused(file(R"("nodes": [], "heads": [], "metadata": {"a": 1})"),
                      {"metadata", "'a'"});
  expect_file_refused(file("\"nodes\": [], \"heads\": [], \"metadata\": {\"a\": \"\xff\"}"),
                      {"m.json:1:"});
  expect_file_refused(file(R"("nodes": [], "heads": [], "metadata": {"a": NaN})"), {"m.json:1:"});
}

TEST(SymbolFile, NodesThatDoNotFitAreRefused) {
  const auto node = [](const std::string& members) { return with_nodes("{" + members + "}"); };
  expect_file_refused(node(R"("op": "rleu", "name": "y", "inputs": ["x"])"),
                      {"m.json:2:", "'rleu'"});
  expect_file_refused(node(R"("op": "fusion", "name": "y", "inputs": ["x"])"), {"'fusion'"});
  expect_file_refused(node(R"("op": "relu", "name": "y", "inputs": ["z"])"), {"m.json:2:", "%z"});
  expect_file_refused(node(R"("op": "relu", "name": "x", "inputs": ["x"])"), {"already defined"});
  expect_file_refused(node(R"("op": "relu", "name": "y", "inputs": ["x", "x"])"), {"1 operand"});
  expect_file_refused(
      node(R"("op": "relu", "name": "y", "inputs": ["x"], "shape": ["B", 3], "dtype": "f32")"),
      {"f32[B, 2]", "f32[B, 3]"});
  expect_file_refused(node(R"("op": "relu", "name": "y", "inputs": ["x"], "dtype": "f32")"),
                      {"'dtype' and 'shape'"});
  expect_file_refused(node(R"("op": "relu", "name": "y", "inputs": ["x"], "results": [])"),
                      {"not both"});
  expect_file_refused(node(R"("op": "relu", "name": "", "inputs": ["x"])"), {"1 name"});
  expect_file_refused(
      node(R"("op": "relu", "name": "y", "inputs": ["x"], "attributes": {"alpha": 1})"),
      {"'y' (relu)", "'alpha'", "none"});
  expect_file_refused(
      node(R"("op": "elu", "name": "y", "inputs": ["x"], "attributes": {"alpha": "one"})"),
      {"'alpha'", "\"nan\""});
  expect_file_refused(
      node(R"("op": "elu", "name": "y", "inputs": ["x"], "attributes": {"alpha": 1e999})"),
      {"m.json:2:"});
  expect_file_refused(
      node(R"("op": "softmax", "name": "y", "inputs": ["x"], "attributes": {"axis": 1.5})"),
      {"'axis'", "an integer", "1.5"});
  expect_file_refused(
      node(R"("op": "softmax", "name": "y", "inputs": ["x"], "attributes": {"axis": 2})"),
      {"softmax", "axis"});
  expect_file_refused(
      node(R"("op": "cast", "name": "y", "inputs": ["x"], "attributes": {"dtype": "f16"})"),
      {"f16", "bool"});
  expect_file_refused(node(R"("op": "cast", "name": "y", "inputs": ["x"])"), {"dtype"});
  expect_file_refused(
      node(R"("op": "reshape", "name": "y", "inputs": ["x"], "attributes": {"shape": ["B*B"]})"),
      {"B*B"});
  expect_file_refused(
      node(R"("op": "reshape", "name": "y", "inputs": ["x"], "attributes": {"shape": [-1]})"),
      {"-1"});
  expect_file_refused(node(
                          R"("op": "reshape", "name": "y", "inputs": ["x"],
      "attributes": {"shape": ["9223372036854775808*B"]})"),
                      {"size"});
  expect_file_refused(node(
                          R"("op": "reshape", "name": "y", "inputs": ["x"],
      "attributes": {"shape": ["--9223372036854775808"]})"),
                      {"size"});
  expect_file_refused(node(
                          R"("op": "reshape", "name": "y", "inputs": ["x"],
      "attributes": {"shape": [1,1,1,1,1,1,1,1,1]})"),
                      {"8 sizes"});
  expect_file_refused(
      node(R"("op": "call", "name": "y", "inputs": ["x"], "attributes": {"callee": "f"})"), {"@f"});
  expect_file_refused(
      node(R"("op": "call", "name": "y", "inputs": ["x"], "attributes": {"callee": "main"})"),
      {"recursion"});
  expect_file_refused(
      node(R"("op": "relu", "name": "y", "inputs": ["x"], "regions": [{"nodes": []}])"),
      {"region"});
  expect_file_refused(with_nodes(
                          R"({"op": "constant", "name": "c",
      "attributes": {"value": {"dtype": "f32", "shape": [], "data": [1]}}},
    {"op": "broadcast_to", "name": "y", "inputs": ["c"], "attributes": {"shape": ["C"]}})"),
                      {"'C'", "argument"});
}

TEST(SymbolFile, ConstantsAreWhatTheySay) {
  const auto constant = [](const std::string& value) {
    return file(R"("nodes": [{"op": "constant", "name": "y", "attributes": {"value": )" + value +
                R"(}}], "heads": [{"name": "y", "value": "y"}])");
  };
  const auto value_of = [&](const std::string& value) {
    return model(constant(value))(Tensors{})[0];
  };
  EXPECT_TRUE(identical(value_of(R"({"dtype": "f64", "shape": [2], "data": [-0, 1e-320]})"),
                        tensor({-0.0, 1e-320})));
  EXPECT_TRUE(
      identical(value_of(R"({"dtype": "i64", "shape": [], "data": [-9223372036854775808]})"),
                tensor(std::numeric_limits<std::int64_t>::min())));
  EXPECT_TRUE(identical(value_of(R"({"dtype": "bool", "shape": [0, 7], "data": []})"),
                        zeros({0, 7}, DType::boolean)));
  expect_file_refused(constant(R"({"dtype": "i32", "shape": [1], "data": [2147483648]})"),
                      {"an i32"});
  expect_file_refused(constant(R"({"dtype": "f32", "shape": [1], "data": [1e39]})"),
                      {"range of f32"});
  expect_file_refused(constant(R"({"dtype": "bool", "shape": [1], "data": [1]})"),
                      {"true or false"});
  expect_file_refused(constant(R"({"dtype": "f32", "shape": [2], "data": [1]})"),
                      {"f32[2]", "found 1"});
  expect_file_refused(constant(R"({"dtype": "f32", "shape": ["B"], "data": [1]})"),
                      {"known sizes"});
  expect_file_refused(
      constant(R"({"dtype": "f32", "shape": [281474976710656, 281474976710656], "data": []})"),
      {"elements"});
  expect_file_refused(constant(R"({"dtype": "f32", "shape": [281474976710656], "tensor": "t"})"),
                      {"'t'"});
  expect_file_refused(constant(R"({"dtype": "f32", "shape": [2], "tensor": "t"})"),
                      {"f32[2]", "f32[3]"}, {{"t", ones({3})}});
  expect_file_refused(constant(R"({"dtype": "f32", "shape": [2]})"), {"'data' or 'tensor'"});
}

TEST(SymbolFile, ParametersAreMatchedByName) {
  const std::string text = file(R"("inputs": [
    {"name": "x", "dtype": "f32", "shape": ["B", 2]},
    {"name": "w", "kind": "parameter", "dtype": "f32", "shape": [3, 2]}],
    "nodes": [{"op": "dense", "name": "y", "inputs": ["x", "w"]}],
      "heads": [{"name": "y", "value": "y"}])");
  const Tensor w = random::normal({3, 2}), x = random::normal({1, 2});
  expect_mentions(error_of<ParameterError>([&] { model(text); }), {"m.params", "w"});
  expect_mentions(error_of<ParameterError>([&] { model(text, {{"w", w}, {"v", w}}); }),
                  {"m.params", "has no v"});
  expect_mentions(error_of<ShapeError>([&] { model(text, {{"w", ones({2, 3})}}); }),
                  {"'w'", "[3, 2]", "[2, 3]"});
  expect_mentions(error_of<DTypeError>([&] { model(text, {{"w", cast(w, DType::f64)}}); }),
                  {"'w'", "f32", "f64"});
  const Tensor y = model(text, {{"w", w}})(x);
  EXPECT_TRUE(identical(model(text, {{"w", cast(w, DType::f64)}}, {.cast = true})(x), y));
  EXPECT_TRUE(identical(model(text, {{"w", transpose(w)}}, {.transpose = true})(x), y));
  EXPECT_TRUE(identical(model(text, {{"net.w", w}}, {.rename = {{"net.", ""}}})(x), y));
  auto partial = model(text, {}, {.strict = false});
  expect_mentions(error_of<ParameterError>([&] { partial(x); }), {"'w'", "initialize()"});
  partial.collect_params()["w"].set_data(w);
  EXPECT_TRUE(identical(partial(x), y));
}

TEST(SymbolFile, LimitsHold) {
  const std::string deep(100'000, '[');
  expect_file_refused(deep, {"512"});
  expect_file_refused(file("\"nodes\": " + deep), {"512"});
  std::string chain =
      R"({"op": "constant", "name": "p",
      "attributes": {"value": {"dtype": "bool", "shape": [], "data": [true]}}},)";
  std::string close;
  for (int i = 0; i < 66; ++i) {
    chain += R"({"op": "cond", "name": "y)" + std::to_string(i) +
             R"(", "inputs": ["p"], "regions": [{"nodes": [], "results": ["p"]}, {"nodes": [)";
    close = R"(], "results": ["p"]}]})" + close;
  }
  expect_file_refused(file("\"nodes\": [" + chain + close + "], \"heads\": []"), {"64"});
  // Functions that call each other twice: 2^40 ops when written out, or 2^40 calls of nothing.
  for (const char* leaf :
       {R"("nodes": [{"op": "exp", "name": "y", "inputs": ["t"]}], "results": ["y"]})",
        R"("nodes": [], "results": ["t"]})"}) {
    std::string functions =
        std::string(R"({"name": "f0", "inputs": [{"name": "t", "dtype": "f32", "shape": []}], )") +
        leaf;
    for (int i = 1; i <= 40; ++i) {
      const std::string callee = R"("attributes": {"callee": "f)" + std::to_string(i - 1) + "\"}}";
      functions += R"(, {"name": "f)" + std::to_string(i) +
                   R"(", "inputs": [{"name": "t", "dtype": "f32", "shape": []}],
      "nodes": [{"op": "call", "name": "a", "inputs": ["t"], )" +
                   callee + R"(, {"op": "call", "name": "y", "inputs": ["a"], )" + callee +
                   R"(], "results": ["y"]})";
    }
    expect_file_refused(file(
                            R"("inputs": [{"name": "x", "dtype": "f32", "shape": []}],
      "nodes": [{"op": "call", "name": "y", "inputs": ["x"], "attributes": {"callee": "f40"}}],
      "heads": [{"name": "y", "value": "y"}], "functions": [)" +
                            functions + "]"),
                        {"written out"});
  }
}

// Sixty regions in each function are allowed, twenty such functions that call each other are not.
TEST(SymbolFile, RegionsNestedThroughCallsAreCounted) {
  const auto body = [](const std::string& innermost, int depth) {
    std::string nodes, close;
    for (int i = 0; i < depth; ++i) {
      const std::string name = "r" + std::to_string(i);
      nodes += R"({"op": "cond", "name": ")" + name +
               R"(", "inputs": ["p"], "regions": [{"nodes": [], "results": ["p"]}, {"nodes": [)";
      close = R"(], "results": [")" + (i + 1 < depth ? "r" + std::to_string(i + 1) : "c") +
              R"("]}]})" + close;
    }
    return R"("nodes": [)" + nodes + innermost + close + "]";
  };
  const std::string input = R"("inputs": [{"name": "p", "dtype": "bool", "shape": []}], )";
  const auto text = [&](int count, int depth) {
    std::string functions;
    for (int i = 0; i < count; ++i) {
      const std::string innermost =
          i == 0 ? R"({"op": "logical_not", "name": "c", "inputs": ["p"]})"
                 : R"({"op": "call", "name": "c", "inputs": ["p"], "attributes": {"callee": "f)" +
                       std::to_string(i - 1) + "\"}}";
      functions += (i > 0 ? ", " : "") + (R"({"name": "f)" + std::to_string(i) + "\", ") + input +
                   body(innermost, depth) + R"(, "results": ["r0"]})";
    }
    return file(
        input +
        R"("nodes": [{"op": "call", "name": "y", "inputs": ["p"], "attributes": {"callee": "f)" +
        std::to_string(count - 1) + R"("}}], "heads": [{"name": "y", "value": "y"}],
      "functions": [)" +
        functions + "]");
  };
  const Tensor no = tensor(false);
  EXPECT_TRUE(identical(model(text(2, 32))(no), tensor(true)));
  expect_file_refused(text(2, 33), {"m.json:", "regions nested at most 64 deep", "@f0", "66"});
  expect_file_refused(text(20, 60), {"regions nested at most 64 deep"});
}

// 2^17 nodes when all calls are written out: run op by op, too much for a trace.
TEST(SymbolFile, CallsThatCannotBeWrittenOutAreAnErrorOfTracingOnly) {
  std::string functions, callee = "f0";
  for (int i = 0; i <= 17; ++i) {
    const std::string name = "f" + std::to_string(i);
    const std::string call = R"("attributes": {"callee": ")" + callee + "\"}}";
    functions += R"({"name": ")" + name +
                 R"(", "inputs": [{"name": "t", "dtype": "f32", "shape": []}], "nodes": [)";
    functions += i == 0 ? R"({"op": "negative", "name": "y", "inputs": ["t"]})"
                        : R"({"op": "call", "name": "a", "inputs": ["t"], )" + call +
                              R"(, {"op": "call", "name": "y", "inputs": ["a"], )" + call;
    functions += i == 17 ? R"(], "results": ["y"]})" : R"(], "results": ["y"]}, )";
    callee = name;
  }
  auto net = model(file(R"("inputs": [{"name": "x", "dtype": "f32", "shape": []}],
      "nodes": [{"op": "call", "name": "y", "inputs": ["x"], "attributes": {"callee": "f17"}}],
      "heads": [{"name": "y", "value": "y"}], "functions": [)" +
                        functions + "]"));
  const Tensor x = tensor(3.f);
  EXPECT_TRUE(identical(net(x), x));
  net.hybridize({.backend = Backend::graph});
  expect_mentions(error_of<TraceError>([&] { net(x); }), {"too large", "@f", "written out"});
}

// 2^48 bytes between the argument and the result.
TEST(SymbolFile, IntermediatesThatDoNotFitMemoryAreAMemoryError) {
  auto net = model(file(R"("inputs": [{"name": "x", "dtype": "f32", "shape": []}],
    "nodes": [{"op": "broadcast_to", "name": "a", "inputs": ["x"],
        "attributes": {"shape": [70368744177664]}, "layer": "wide"},
      {"op": "exp", "name": "b", "inputs": ["a"]},
      {"op": "argmax", "name": "y", "inputs": ["b"], "attributes": {"axes": [0]}}],
    "heads": [{"name": "y", "value": "y"}])"));
  const Tensor x = tensor(1.f);
  expect_mentions(error_of<MemoryError>([&] { net(x); }),
                  {"layer 'wide'", "broadcast_to", "bytes"});
  for (const Backend backend : test::backends()) {
    net.hybridize({.backend = backend});
    expect_mentions(error_of<MemoryError>([&] { net(x); }), {"no memory", "bytes"});
  }
}

// Whatever the bytes: a model, or an error of the user's.
void expect_orderly(const std::function<nn::SymbolBlock()>& load) {
  try {
    auto net = load();
    const Tensor x = ones({2, 3});
    static_cast<void>(net(x));
  } catch (const UserError&) {  // said what is wrong
  }
}

TEST_F(Files, OfTheParameterFileOnlyWhatTheProgramNeedsIsRead) {
  nn::HybridSequential net;
  net.add(nn::Dense(2, {.in_units = 3}));
  net.initialize();
  const nn::ExportedModel files = net.export_model(path("net"));
  // The same file with three bytes more, which are a tensor of a dtype that tensors do not have.
  const std::string bytes = test::bytes_of(files.params);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  std::string header = bytes.substr(8, length);
  const std::size_t data = bytes.size() - 8 - length;
  header.erase(header.rfind('}'));
  header += ",\"step\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[" + std::to_string(data) +
            "," + std::to_string(data + 3) + "]}}";
  length = header.size();
  std::string longer(reinterpret_cast<const char*>(&length), sizeof length);
  longer += header + bytes.substr(bytes.size() - data) + "abc";
  test::write_bytes(files.params, longer);
  const auto same = nn::SymbolBlock::imports(files.symbol, files.params, {.strict = false});
  const Tensor x = ones({2, 3});
  EXPECT_TRUE(identical(Tensor(same(x)), net(x)));
  EXPECT_THROW(nn::SymbolBlock::imports(files.symbol, files.params), ParameterError);
}

TEST_F(Files, EveryTruncationAndEveryChangeOfAByte) {
  nn::HybridSequential net;
  net.add(nn::Dense(2, {.activation = "relu", .in_units = 3}));
  net.initialize();
  const nn::ExportedModel files = net.export_model(path("net"));
  const std::string symbol = test::bytes_of(files.symbol), params = test::bytes_of(files.params);
  const TensorMap tensors = load_safetensors(files.params);
  const auto with_symbol = [&](const std::string& text) {
    expect_orderly([&] { return detail::import_model({"s", text}, {tensors, "p"}, {}); });
  };
  const auto with_params = [&](const std::string& bytes) {
    expect_orderly([&] {
      const detail::SafetensorsFile read(std::as_bytes(std::span(bytes)), "p");
      return detail::import_model({"s", symbol}, {read, false}, {});
    });
  };
  for (std::size_t i = 0; i < symbol.size(); ++i) with_symbol(symbol.substr(0, i));
  for (std::size_t i = 0; i < params.size(); ++i) with_params(params.substr(0, i));
  // All values on request, else each bit and what means something in JSON.
  std::string values = "\"{}[],:0123456789-.eE\\/BntfuN \n";
  values += {'\0', '\x01', '\x7f', '\x80', '\xc3', '\xff'};
  const bool all = std::getenv("MLPJIT_LONG_TESTS") != nullptr;
  const auto change = [&](const std::string& bytes, const auto& load) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      std::string changed = bytes;
      for (int value = 0; value < 256; ++value) {
        const char byte = static_cast<char>(value);
        const bool one_bit = ((byte ^ bytes[i]) & ((byte ^ bytes[i]) - 1)) == 0;
        if (!all && !one_bit && values.find(byte) == std::string::npos) continue;
        changed[i] = byte;
        load(changed);
      }
    }
  };
  change(symbol, with_symbol);
  change(params, with_params);
}

}  // namespace
}  // namespace mlpjit
