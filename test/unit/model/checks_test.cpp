// Models that know what their layers gave: checks of an import, and the one file of save().

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <thread>

#include "src/model/checks.h"
#include "test/unit/model/round_trip.h"

namespace mlpjit {
namespace {

using test::bytes_of;
using test::error_of;
using test::expect_mentions;
using test::write_bytes;
using Checks = test::RoundTrip;

nn::HybridSequential checked_net() {
  nn::HybridSequential net;
  net.add(nn::Dense(5, {.activation = "relu", .in_units = 4}), nn::LayerNorm(), nn::Dense(3));
  random::seed(3);
  net.initialize();
  net(ones({1, 4}));
  return net;
}

// The file with the elements of one parameter a little greater.
void change(const std::string& file, const std::string& name, float factor = 1.001F) {
  TensorMap tensors = load_safetensors(file);
  tensors[name] = tensors.at(name) * factor + (name.ends_with("bias") ? 0.01F : 0.F);
  save_safetensors(file, tensors);
}

TEST_F(Checks, AnExportHoldsItsLayersAndItsResults) {
  const auto net = checked_net();
  const nn::ExportedModel files = net.export_model(path("net"));
  expect_mentions(symbol_text(), {"\"schema_version\": 3", "\"checks\"", "\"0.relu\"",
                                  "\"1.layer_norm\"", "\"2.dense\"", "\"elements\""});
  nn::SymbolBlock::imports(files.symbol, files.params);
}

TEST_F(Checks, AnImportNamesTheFirstLayerThatDiffers) {
  const auto net = checked_net();
  for (const auto& [parameter, layer] : std::vector<std::pair<std::string, std::string>>{
           {"0.bias", "'0'"}, {"1.gamma", "'1'"}, {"2.weight", "'2'"}}) {
    SCOPED_TRACE(parameter);
    const nn::ExportedModel files = net.export_model(path("net"));
    change(files.params, parameter);
    expect_mentions(
        error_of<FormatError>([&] { nn::SymbolBlock::imports(files.symbol, files.params); }),
        {files.symbol, "layer " + layer, "expected norm", "hash", ".verify = false"});
    nn::SymbolBlock::imports(files.symbol, files.params, {.verify = false});
  }
}

TEST_F(Checks, ExamplesAreTheCallers) {
  const auto net = checked_net();
  const Tensor x = random::normal({7, 4});
  net.export_model(path("net"), {.examples = {{x}, {ones({1, 4})}}});
  const TensorMap stored = load_safetensors(path("net-0000.params"));
  EXPECT_TRUE(stored.contains("2.weight"));
  EXPECT_EQ(stored.size(), 6U) << "28 numbers are written out";
  const std::string text = symbol_text();
  EXPECT_NE(text.find("[7, 4]"), std::string::npos) << text;
  // What is read and written again is the same, examples included.
  const auto again = nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"));
  again.export_model(path("net"));
  EXPECT_EQ(symbol_text(), text);
  EXPECT_THROW(net.export_model(path("net"), {.examples = {{ones({1, 5})}}}), ShapeError);
  EXPECT_THROW(net.export_model(path("net"), {.examples = {{ones({1, 4}), ones({1})}}}), UserError);
  EXPECT_THROW(net.export_model(path("net"), {.examples = {{ones({1, 4}, DType::i32)}}}),
               DTypeError);
  EXPECT_EQ(symbol_text(), text) << "nothing is written";
}

TEST_F(Checks, LargeInputsStandInTheParameterFile) {
  nn::HybridSequential net;
  net.add(nn::Dense(2, {.in_units = 100}));
  net.initialize();
  const auto again = there_and_back(net);
  const TensorMap stored = load_safetensors(path("net-0000.params"));
  EXPECT_EQ(stored.at("check.0").shape(), (Shape{2, 100}));
  const Tensor x = random::normal({3, 100});
  EXPECT_TRUE(identical(again(x), net(x)));
}

TEST_F(Checks, AreLeftOutByOptionAndWithFilesThatLackParameters) {
  const auto net = checked_net();
  net.export_model(path("net"), {.checks = false});
  expect_mentions(symbol_text(), {"\"schema_version\": 1"});
  net.export_model(path("net"));
  TensorMap tensors;
  for (const auto& [name, tensor] : load_safetensors(path("net-0000.params"))) {
    if (name != "0.bias") tensors[name] = tensor;
  }
  save_safetensors(path("net-0000.params"), tensors);
  nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"), {.strict = false});
}

// Programs that say something else at each call, or may never end, are not run.
TEST_F(Checks, ArePrudent) {
  const auto exported = [&](std::function<Tensor(const Tensor&)> body) {
    nn::HybridSequential net;
    net.add(nn::HybridLambda(std::move(body)));
    net.export_model(path("net"), {.inputs = {f32({dim("B"), 4})}});
    return symbol_text();
  };
  EXPECT_EQ(exported([](const Tensor& x) { return x + random::normal({4}); }).find("checks"),
            std::string::npos);
  EXPECT_EQ(exported([](const Tensor& x) {
              return while_loop([](const Tensor& t) { return max(t) < 1; },
                                [](const Tensor& t) { return Tensors{t + t * 0.F}; }, {x})[0];
            }).find("checks"),
            std::string::npos);
  EXPECT_NE(exported([](const Tensor& x) { return x * 2.F; }).find("checks"), std::string::npos);
}

TEST_F(Checks, AProgramThatRefusesDrawnInputsHasNone) {
  nn::HybridSequential net;
  net.add(nn::HybridLambda([](const Tensor& x) { return gather(ones({1, 3}), x); }));
  net.export_model(path("net"), {.inputs = {TensorSpec{DType::i64, {8}}}});
  EXPECT_EQ(symbol_text().find("checks"), std::string::npos);
}

TEST_F(Checks, OtherNumericsAreCloseEnough) {
  const auto net = checked_net();
  const nn::ExportedModel files = net.export_model(path("net"));
  change(files.params, "0.weight", 1.0000002F);
  std::string text = symbol_text();
  const std::string version = "\"numerics_version\": 2";
  text.replace(text.find(version), version.size(), "\"numerics_version\": 1");
  write_bytes(files.symbol, text);
  nn::SymbolBlock::imports(files.symbol, files.params);  // an ULP is within bounds
  change(files.params, "0.weight", 1.01F);
  EXPECT_THROW(nn::SymbolBlock::imports(files.symbol, files.params), FormatError);
}

TEST_F(Checks, MalformedOnesAreRefused) {
  const auto net = checked_net();
  const nn::ExportedModel files = net.export_model(path("net"), {.examples = {{ones({20, 4})}}});
  const std::string good = symbol_text();
  const auto fault = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from, text.find("\"checks\""));
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    write_bytes(files.symbol, text);
    return error_of<FormatError>([&] { nn::SymbolBlock::imports(files.symbol, files.params); });
  };
  expect_mentions(fault("\"2.dense\"", "\"nobody\""), {"nobody", "a value that a node"});
  expect_mentions(fault("\"hash\": \"", "\"hash\": \"0"), {"16 hexadecimal digits"});
  expect_mentions(fault("\"norm\"", "\"elements\""), {"expected either 'elements'"});
  expect_mentions(fault("20, 4", "20, 5"), {"check.0", "[20, 5]"});
  std::string text = good;
  const std::string version = "\"schema_version\": 3";
  text.replace(text.find(version), version.size(), "\"schema_version\": 2");
  write_bytes(files.symbol, text);
  expect_mentions(
      error_of<FormatError>([&] { nn::SymbolBlock::imports(files.symbol, files.params); }),
      {"'checks'", "version 3"});
}

TEST_F(Checks, OneFileHoldsTheModel) {
  auto net = checked_net();
  const nn::ExportedModel written = net.save(path("net.mlpjit"), {.classes = {"a", "b", "c"}});
  EXPECT_EQ(written.symbol, written.params);
  EXPECT_EQ(file_count(), 1U);
  const auto again = nn::SymbolBlock::load(path("net.mlpjit"));
  EXPECT_EQ(again.classes(), (std::vector<std::string>{"a", "b", "c"}));
  const Tensor x = random::normal({5, 4});
  EXPECT_TRUE(identical(again(x), net(x)));
  const std::string bytes = bytes_of(path("net.mlpjit"));
  again.save(path("net.mlpjit"));
  EXPECT_EQ(bytes_of(path("net.mlpjit")), bytes);
  // It is a safetensors file: other networks take its parameters.
  auto other = checked_net();
  other.initialize(nn::Zeros());
  other.load_parameters(path("net.mlpjit"));
  EXPECT_TRUE(identical(other(x), net(x)));
}

TEST_F(Checks, OneFileIsVerifiedToo) {
  checked_net().save(path("net.mlpjit"));
  change(path("net.mlpjit"), "2.bias");
  expect_mentions(error_of<FormatError>([&] { nn::SymbolBlock::load(path("net.mlpjit")); }),
                  {path("net.mlpjit"), "layer '2'"});
}

// What a program has beside its parameters is in nobody's way: the inputs of a check, say.
TEST_F(Checks, TheNetworkReadsTheParametersOfItsExport) {
  nn::HybridSequential net;
  net.add(nn::Dense(2, {.in_units = 100}));
  net.initialize();
  net.export_model(path("net"));
  ASSERT_TRUE(load_safetensors(path("net-0000.params")).contains("check.0"));
  const nn::LoadReport report = net.load_parameters(path("net-0000.params"));
  EXPECT_EQ(report.ignored, (std::vector<std::string>{"check.0"}));
}

TEST_F(Checks, AValueStandsOnceInACheck) {
  const nn::ExportedModel files = checked_net().export_model(path("net"));
  std::string text = symbol_text();
  const std::size_t at = text.find("\"0.relu\"", text.find("\"checks\""));
  ASSERT_NE(at, std::string::npos);
  write_bytes(files.symbol, text.replace(at, 8, "\"2.dense\""));
  expect_mentions(
      error_of<FormatError>([&] { nn::SymbolBlock::imports(files.symbol, files.params); }),
      {"2.dense", "each once"});
}

TEST_F(Checks, ParametersAloneAreNoModel) {
  checked_net().save_parameters(path("net.safetensors"));
  expect_mentions(error_of<FormatError>([&] { nn::SymbolBlock::load(path("net.safetensors")); }),
                  {"safetensors", "load_parameters"});
}

// The sign and the payload of NaN are no part of the contract: instruction sets differ in them.
TEST_F(Checks, EveryNaNIsOne) {
  const float numbers[] = {1, NAN}, others[] = {1, -NAN};
  const auto value = [](const float* data) {
    return detail::checked_value({}, ir::make_literal(DType::f32, {2}, data));
  };
  EXPECT_EQ(value(numbers).hash, value(others).hash);
  EXPECT_FALSE(value(numbers).elements);
  nn::HybridSequential net;
  net.add(nn::HybridLambda([](const Tensor& x) { return sqrt(x); }));
  net.export_model(path("net"), {.inputs = {f32({dim("B"), 4})}});
  nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"));
}

TEST_F(Checks, MoreExamplesThanAReaderTakesAreRefused) {
  const auto net = checked_net();
  EXPECT_THROW(
      net.export_model(path("net"), {.examples = std::vector<Tensors>(65, {ones({1, 4})})}),
      UserError);
  net.export_model(path("net"), {.examples = std::vector<Tensors>(64, {ones({1, 4})})});
  nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"));
}

// Inputs that the program refuses are a fault of the file, and there is a way out.
TEST_F(Checks, AreFaultsWhereTheyCannotBeRun) {
  nn::HybridSequential net;
  net.add(nn::HybridLambda([](const Tensor& x) { return gather(ones({3, 3}), x); }));
  const Tensor indices = tensor({std::int64_t{1}, std::int64_t{2}});
  net.export_model(path("net"),
                   {.inputs = {TensorSpec{DType::i64, {dim("B")}}}, .examples = {{indices}}});
  std::string text = symbol_text();
  const std::size_t at = text.find("[1, 2]", text.find("\"checks\""));
  ASSERT_NE(at, std::string::npos);
  write_bytes(path("net-symbol.json"), text.replace(at, 6, "[1, 7]"));
  expect_mentions(error_of<FormatError>([&] {
                    nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"));
                  }),
                  {"net-symbol.json", "check", ".verify = false"});
}

// A file of a few bytes cannot claim memory or time by what it says of itself.
TEST_F(Checks, AreBoundedInMemory) {
  nn::HybridSequential net;
  net.add(nn::HybridLambda([](const Tensor& x) { return sum(broadcast_to(x, {1 << 25})); }));
  net.export_model(path("net"), {.inputs = {f32({1})}, .examples = {{ones({1})}}});
  nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"));
  EXPECT_EQ(symbol_text().find("checks"), std::string::npos);
}

// What is written beside a writer of parameters is of one moment.
TEST_F(Checks, AreOfOneMoment) {
  nn::HybridSequential net;
  net.add(nn::Dense(300, {.in_units = 300}), nn::Dense(300));
  net.initialize();
  net(ones({1, 300}));
  const Tensor a = random::normal({300, 300}), b = random::normal({300, 300});
  std::atomic<bool> done{false};
  std::thread writer([&] {
    while (!done) {
      net.collect_params()["0.weight"].set_data(a);
      net.collect_params()["0.weight"].set_data(b);
    }
  });
  for (int i = 0; i < 100; ++i) {
    net.save(path("net.mlpjit"));
    EXPECT_NO_THROW(nn::SymbolBlock::load(path("net.mlpjit")));
  }
  done = true;
  writer.join();
}

}  // namespace
}  // namespace mlpjit
