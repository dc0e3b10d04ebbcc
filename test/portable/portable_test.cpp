// Models read by a process that has none of the C++ they were made with, and models of the past.

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <functional>
#include <optional>
#include <sstream>

#include "test/portable/networks.h"
#include "test/unit/model/temporary_folder.h"
#include "test/unit/nn/modes.h"

namespace mlpjit {
namespace {

using Portable = test::TemporaryFolder;

std::vector<std::string> modes() {
  std::vector<std::string> all{"imperative", "graph"};
  if (test::built_with_llvm()) all.emplace_back("compiled");
  return all;
}

// The exit status of run_model; what it says goes to `log`.
int run_model(const std::string& arguments, const std::string& log) {
  const std::string command = std::string(MLPJIT_RUN_MODEL) + " " + arguments + " 2> " + log;
  return std::system(command.c_str());
}

template <class Net>
void expect_same_elsewhere(const Net& net, const std::vector<std::string>& names,
                           const Tensors& inputs, const std::filesystem::path& folder) {
  const auto path = [&](const char* name) { return (folder / name).string(); };
  net.export_model(path("net"));
  TensorMap given;
  for (std::size_t i = 0; i < inputs.size(); ++i) given[names[i]] = inputs[i];
  save_safetensors(path("in"), given);
  const auto again = nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"));
  random::seed(7);
  const Tensors expected = again(inputs);
  for (const std::string& mode : modes()) {
    SCOPED_TRACE(mode);
    const int status = run_model(path("net-symbol.json") + " " + path("net-0000.params") + " " +
                                     path("in") + " " + path("out") + " " + mode,
                                 path("log"));
    ASSERT_EQ(status, 0) << test::bytes_of(path("log"));
    const TensorMap results = load_safetensors(path("out"));
    ASSERT_EQ(results.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_TRUE(identical(results.at("y" + std::to_string(i)), expected[i])) << i;
  }
  // The first call of the network itself, after what tracing did to nothing.
  random::seed(7);
  const Tensors original = net(inputs);
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(identical(original[i], expected[i])) << i;
}

TEST_F(Portable, AnMlpRunsInAnotherProcess) {
  nn::HybridSequential net;
  net.add(nn::Dense(256, {.activation = "relu", .in_units = 512}),
          nn::Dense(128, {.activation = "relu"}), nn::Dense(2));
  net.initialize();
  const Tensor x = random::normal({1, 512});
  net(x);
  expect_same_elsewhere(net, {"x0"}, {x}, folder_);
  expect_same_elsewhere(net, {"x0"}, {random::normal({17, 512})}, folder_);
}

TEST_F(Portable, StateDrawsAndControlFlowRunInAnotherProcess) {
  const test::Everything net;
  auto made = net;
  made.initialize();
  made(test::everything_inputs(3));
  made.calls.assign(zeros({1}, DType::i64));
  expect_same_elsewhere(made, {"x0", "x1"}, test::everything_inputs(5), folder_);
}

TEST_F(Portable, AForeignFileIsRefusedInOrder) {
  test::write_bytes(path("a"), "PK\x03\x04 not a model");
  test::write_bytes(path("in"), "");
  EXPECT_NE(
      run_model(path("a") + " " + path("a") + " " + path("in") + " " + path("out") + " imperative",
                path("log")),
      0);
  test::expect_mentions(test::bytes_of(path("log")), {path("a"), "byte"});
  EXPECT_THROW(nn::SymbolBlock::imports(path("none"), path("none")), FormatError);
}

void write_golden(const std::string& golden) {
  test::Everything net;
  random::seed(1);
  net.initialize(nn::Normal(0.5));
  net(test::everything_inputs(2));
  net.calls.assign(zeros({1}, DType::i64));
  std::filesystem::create_directories(golden);
  net.export_model(golden + "net", {.input_names = {"features", "words"},
                                    .output_names = {"p", "best", "calls", "clipped"},
                                    .classes = {"a", "b", "c", "d", "e", "f"},
                                    .metadata = {{"made by", "test/portable"}}});
  const Tensors inputs = test::everything_inputs(4);
  random::seed(7);
  const Tensors out = net(inputs);
  save_safetensors(golden + "example.safetensors", {{"features", inputs[0]},
                                                    {"words", inputs[1]},
                                                    {"p", out[0]},
                                                    {"best", out[1]},
                                                    {"calls", out[2]},
                                                    {"clipped", out[3]}});
}

// What the library warns of while f runs.
std::string warnings_of(const std::function<void()>& f) {
  std::ostringstream text;
  const auto before = spdlog::get("mlpjit");
  spdlog::drop("mlpjit");
  spdlog::register_logger(std::make_shared<spdlog::logger>(
      "mlpjit", std::make_shared<spdlog::sinks::ostream_sink_mt>(text)));
  f();
  spdlog::drop("mlpjit");
  if (before) spdlog::register_logger(before);
  return text.str();
}

// On the bits where the numerics are those of the file, else within what they may differ by.
void expect_golden(const Tensor& result, const Tensor& expected, bool same_numerics) {
  if (same_numerics || !is_floating(expected.dtype())) {
    EXPECT_TRUE(identical(result, expected)) << result << "\nexpected " << expected;
    return;
  }
  ASSERT_EQ(result.shape(), expected.shape());
  const Tensor equal = logical_or(result == expected, abs(result - expected) <= 1e-5);
  EXPECT_EQ(sum(equal).item<std::int64_t>(), equal.size()) << result << "\nexpected " << expected;
}

// The files of one folder were written once, by this test, and never change: a later version still
// gives these outputs.
void expect_stays_loadable(const std::string& folder, int numerics, const std::string& again) {
  const std::string golden = MLPJIT_SOURCE_DIR "/test/portable/" + folder + "/";
  const bool same_numerics = numerics == kNumericsVersion;
  if (same_numerics && std::getenv("MLPJIT_BLESS") != nullptr &&
      !std::filesystem::exists(golden + "net-symbol.json")) {
    write_golden(golden);
  }
  const TensorMap example = load_safetensors(golden + "example.safetensors");
  for (const std::string& mode : modes()) {
    SCOPED_TRACE(folder + " " + mode);
    std::optional<nn::SymbolBlock> read;
    const std::string warnings = warnings_of([&] {
      read = nn::SymbolBlock::imports(golden + "net-symbol.json", golden + "net-0000.params");
    });
    nn::SymbolBlock& net = *read;
    if (same_numerics) {
      EXPECT_EQ(warnings, "");
    } else {
      test::expect_mentions(warnings, {"net-symbol.json", "version 1 of the numerics", "bounds"});
      EXPECT_EQ(warnings.find("numerics"), warnings.rfind("numerics")) << warnings;  // once
    }
    if (mode != "imperative")
      net.hybridize({.backend = mode == "graph" ? Backend::graph : Backend::native});
    EXPECT_EQ(net.classes().size(), 6U);
    EXPECT_EQ(net.metadata().at("made by"), "test/portable");
    random::seed(7);
    const Tensors results = net(example.at("features"), example.at("words"));
    ASSERT_EQ(results.size(), 4U);
    for (std::size_t i = 0; i < results.size(); ++i) {
      SCOPED_TRACE(net.output_names()[i]);
      expect_golden(results[i], example.at(net.output_names()[i]), same_numerics);
    }
    net.export_model(again);
    EXPECT_EQ(
        nn::SymbolBlock::imports(again + "-symbol.json", again + "-0000.params").graph().to_text(),
        net.graph().to_text());
  }
}

TEST_F(Portable, FilesOfSchemaVersion1StayLoadable) {
  expect_stays_loadable("schema-1", 1, path("again"));
}

// The same network, written by version 2 of the numerics: its outputs are there on the bits.
TEST_F(Portable, FilesOfNumericsVersion2StayLoadable) {
  expect_stays_loadable("numerics-2", 2, path("again"));
}

// Whether a folder's files are to be written, once.
bool to_write(const std::string& golden) {
  return std::getenv("MLPJIT_BLESS") != nullptr && !std::filesystem::exists(golden);
}

// "in.NAME" and "out.NAME" of a call.
void write_example(const nn::SymbolBlock& net, const Tensors& inputs, const std::string& file) {
  TensorMap example;
  for (std::size_t i = 0; i < inputs.size(); ++i) example["in." + net.input_names()[i]] = inputs[i];
  const Tensors results = net(inputs);
  for (std::size_t i = 0; i < results.size(); ++i)
    example["out." + net.output_names()[i]] = results[i];
  save_safetensors(file, example);
}

void expect_example(nn::SymbolBlock net, const std::string& file) {
  const TensorMap example = load_safetensors(file);
  Tensors inputs;
  for (const std::string& name : net.input_names()) inputs.push_back(example.at("in." + name));
  for (const std::string& mode : modes()) {
    SCOPED_TRACE(mode);
    if (mode != "imperative")
      net.hybridize({.backend = mode == "graph" ? Backend::graph : Backend::native});
    const Tensors results = net(inputs);
    for (std::size_t i = 0; i < results.size(); ++i)
      expect_golden(results[i], example.at("out." + net.output_names()[i]), kNumericsVersion == 2);
  }
}

// A model of another trainer, with columns of strings: skl_columns_logreg_diabetes.onnx of
// test/onnx/models, exported without checks.
TEST_F(Portable, FilesOfSchemaVersion2StayLoadable) {
  const std::string golden = MLPJIT_SOURCE_DIR "/test/portable/schema-2/";
  const auto net = nn::SymbolBlock::imports(golden + "net-symbol.json", golden + "net-0000.params");
  test::expect_mentions(test::bytes_of(golden + "net-symbol.json"), {"\"schema_version\": 2"});
  EXPECT_TRUE(net.is_coded("sex"));
  EXPECT_FALSE(net.is_coded("bmi"));
  EXPECT_EQ(net.strings().at(static_cast<std::size_t>(net.code("obese"))), "obese");
  expect_example(net, golden + "example.safetensors");
}

// With checks, as two files and as one.
TEST_F(Portable, FilesOfSchemaVersion3StayLoadable) {
  const std::string golden = MLPJIT_SOURCE_DIR "/test/portable/schema-3/";
  if (to_write(golden)) {
    std::filesystem::create_directories(golden);
    nn::HybridSequential net;
    net.add(nn::Dense(20, {.activation = "gelu", .in_units = 40}), nn::BatchNorm(),
            nn::Dense(3, {.activation = "softmax"}));
    random::seed(5);
    net.initialize(nn::Normal(0.5));
    const Tensor x = random::normal({4, 40});
    net(x);
    const nn::ExportOptions options{.output_names = {"p"}, .classes = {"a", "b", "c"}};
    const nn::ExportedModel files = net.export_model(golden + "net", options);
    net.save(golden + "net.mlpjit", options);
    write_example(nn::SymbolBlock::imports(files.symbol, files.params), {x},
                  golden + "example.safetensors");
  }
  const auto two = nn::SymbolBlock::imports(golden + "net-symbol.json", golden + "net-0000.params");
  const auto one = nn::SymbolBlock::load(golden + "net.mlpjit");
  test::expect_mentions(test::bytes_of(golden + "net-symbol.json"),
                        {"\"schema_version\": 3", "\"checks\"", "\"elements\"", "\"hash\""});
  EXPECT_EQ(one.classes().size(), 3U);
  expect_example(two, golden + "example.safetensors");
  expect_example(one, golden + "example.safetensors");
}

}  // namespace
}  // namespace mlpjit
