// Models as their trainers exported them, against the trainers' own outputs: op by op, as a graph,
// compiled, and exported and read again. MLPJIT_ONNX_MODELS names another folder of such models.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>

#include "mlpjit/mlpjit.h"
#include "test/onnx/trained.h"

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

using TrainedModel = testing::TestWithParam<std::string>;

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
