// Models as their trainers exported them, against the trainers' own outputs: op by op, as a graph,
// compiled, and exported and read again. MLPJIT_ONNX_MODELS names another folder of such models.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <set>

#include "mlpjit/mlpjit.h"
#include "test/onnx/npz.h"

namespace mlpjit::test {
namespace {

std::string folder() {
  const char* named = std::getenv("MLPJIT_ONNX_MODELS");
  return named != nullptr ? named : MLPJIT_SOURCE_DIR "/test/onnx/models";
}

std::vector<std::string> models() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() == ".onnx") files.push_back(entry.path().filename().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// NAME.EXPORTER.onnx and NAME.EXPORTER.f64.onnx have NAME.npz and NAME.f64.npz.
std::string outputs_of(const std::string& file) {
  std::string name = file.substr(0, file.find('.'));
  name = std::regex_replace(name, std::regex("_op[0-9]+$|_external$"), "");
  for (const char* kind : {".f64", ".f16"}) {
    if (file.find(kind) != std::string::npos) return folder() + "/" + name + kind + ".npz";
  }
  if (file.find("keras_export") != std::string::npos) {
    const std::string own = folder() + "/" + name + ".export.npz";
    if (std::filesystem::exists(own)) return own;
  }
  return folder() + "/" + name + ".npz";
}

class TrainedModel : public testing::TestWithParam<std::string> {
 protected:
  // The first thing that differs from the trainer's by more than the bound; "" where nothing does.
  static std::string difference(const nn::SymbolBlock& net, const Tensor& actual,
                                const Array& expected) {
    const double bound = actual.dtype() == DType::f64 ? 1e-11 : 2e-5;
    if (!expected.texts.empty()) {
      const std::vector<std::int64_t> labels = actual.to_vector<std::int64_t>();
      for (std::size_t i = 0; i < labels.size(); ++i) {
        if (net.classes().at(static_cast<std::size_t>(labels[i])) != expected.texts[i])
          return "label " + std::to_string(i);
      }
      return "";
    }
    if (!identical(actual.shape(), expected.shape))
      return "shape " + to_string(actual.shape()) + ", expected " + to_string(expected.shape);
    const std::vector<double> a = cast(actual, DType::f64).to_vector<double>();
    const std::vector<double> e = cast(expected.numbers, DType::f64).to_vector<double>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double difference = std::abs(a[i] - e[i]);
      if (!(difference <= bound * std::max(1.0, std::abs(e[i]))))
        return "element " + std::to_string(i) + ": " + std::to_string(a[i]) + ", expected " +
               std::to_string(e[i]);
    }
    return "";
  }
};

// What the model in the file gives for the inputs of one batch.
Tensors inputs_of(const nn::SymbolBlock& net, const std::map<std::string, Array>& arrays,
                  const std::string& batch) {
  Tensors inputs;
  for (const std::string& name : net.input_names()) {
    const Array& array = arrays.at(batch + ".in." + name);
    if (array.texts.empty()) {
      inputs.push_back(array.numbers);
      continue;
    }
    Tensor codes = zeros(array.shape, DType::i64);
    for (std::size_t i = 0; i < array.texts.size(); ++i)
      codes.mutable_data<std::int64_t>()[i] = net.code(array.texts[i]);
    inputs.push_back(codes);
  }
  return inputs;
}

std::set<std::string> batches_of(const std::map<std::string, Array>& arrays) {
  std::set<std::string> batches;
  for (const auto& [name, array] : arrays) batches.insert(name.substr(0, name.find('.')));
  return batches;
}

TEST_P(TrainedModel, GivesTheOutputsOfItsTrainerInEveryMode) {
  const std::string path = folder() + "/" + GetParam();
  if (GetParam().find("int8") != std::string::npos) {
    try {
      nn::SymbolBlock::imports(path);
      FAIL() << "quantised arithmetic was read";
    } catch (const UnsupportedError& error) {
      EXPECT_NE(std::string(error.what()).find("DynamicQuantizeLinear"), std::string::npos)
          << error.what();
    }
    return;
  }
  const bool half = GetParam().find(".f16.") != std::string::npos;
  const auto arrays = read_npz(outputs_of(GetParam()));
  nn::SymbolBlock net = nn::SymbolBlock::imports(path, {.cast = half});
  nn::SymbolBlock compiled = net.clone(), graph = net.clone();
  compiled.hybridize();
  graph.hybridize({.backend = Backend::graph});
  const std::string copy = testing::TempDir() + "onnx." + GetParam();
  const nn::ExportedModel files = net.export_model(copy);
  nn::SymbolBlock again = nn::SymbolBlock::imports(files.symbol, files.params);
  for (const std::string& batch : batches_of(arrays)) {
    const Tensors inputs = inputs_of(net, arrays, batch);
    const Tensors results = net(inputs);
    ASSERT_EQ(results.size(), net.output_names().size());
    const Tensors native = compiled(inputs), interpreted = graph(inputs), reread = again(inputs);
    for (std::size_t i = 0; i < results.size(); ++i) {
      const std::string name = net.output_names()[i];
      EXPECT_TRUE(identical(results[i], native[i])) << name << ", compiled, " << batch;
      EXPECT_TRUE(identical(results[i], interpreted[i])) << name << ", as a graph, " << batch;
      EXPECT_TRUE(identical(results[i], reread[i]))
          << name << ", exported and read again, " << batch;
      // Where the exporter changed the shape, as ONNX Runtime has it.
      const auto own = arrays.find(batch + ".ort." + GetParam() + "." + name);
      const auto expected = arrays.find(batch + ".out." + name);
      ASSERT_NE(expected, arrays.end()) << name;
      const bool shaped = identical(results[i].shape(), expected->second.shape);
      if (half) continue;
      EXPECT_EQ(difference(net, results[i],
                           shaped || own == arrays.end() ? expected->second : own->second),
                "")
          << name << ", " << batch;
    }
  }
  std::filesystem::remove(files.symbol);
  std::filesystem::remove(files.params);
}

INSTANTIATE_TEST_SUITE_P(Files, TrainedModel, testing::ValuesIn(models()), [](const auto& info) {
  return std::regex_replace(info.param, std::regex("[^A-Za-z0-9]"), "_");
});

}  // namespace
}  // namespace mlpjit::test
