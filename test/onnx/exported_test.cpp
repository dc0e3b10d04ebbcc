// Small models as exporters and optimisers write them, each for something that it does its own way:
// sizes that are computed, axes that are cut and counted by them, norms of channels, ops that tf2onnx
// and ONNX Runtime have for themselves. Against their trainers' outputs, in every mode.

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "test/onnx/trained.h"

namespace mlpjit::test {
namespace {

const std::string kExported = MLPJIT_SOURCE_DIR "/test/onnx/exported/";

std::vector<std::string> exported_models() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kExported)) {
    if (entry.path().extension() == ".onnx") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

using ExportedModel = testing::TestWithParam<std::string>;

// Those of which one program cannot say the sizes; all others are one.
const std::set<std::string> kPerSize = {"tf_dense3.op13",
                                        "torch_diff_dyn.legacy17",
                                        "torch_embbag_mean.legacy17",
                                        "torch_flatten_bn.legacy17",
                                        "torch_flatten_view.legacy17",
                                        "torch_sh_setitem.legacy17",
                                        "torch_topk_set_dyn.legacy17"};

bool is_one_network(const nn::SymbolBlock& net) {
  try {
    net.graph();
    return true;
  } catch (const UnsupportedError&) {
    return false;
  }
}

TEST_P(ExportedModel, GivesTheOutputsOfItsTrainerInEveryMode) {
  const nn::SymbolBlock net = nn::SymbolBlock::imports(kExported + GetParam() + ".onnx");
  EXPECT_EQ(is_one_network(net), !kPerSize.contains(GetParam()));
  nn::SymbolBlock compiled = net.clone(), graph = net.clone();
  compiled.hybridize();
  graph.hybridize({.backend = Backend::graph});
  const auto arrays = read_npz(kExported + GetParam() + ".npz");
  for (const std::string& batch : batches_of(arrays)) {
    SCOPED_TRACE(batch);
    const Tensors inputs = inputs_of(net, arrays, batch);
    const Tensors results = net(inputs);
    const Tensors native = compiled(inputs), interpreted = graph(inputs);
    ASSERT_EQ(results.size(), net.output_names().size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      const std::string name = net.output_names()[i];
      SCOPED_TRACE(name);
      EXPECT_TRUE(identical(results[i], native[i])) << "compiled";
      EXPECT_TRUE(identical(results[i], interpreted[i])) << "as a graph";
      const auto expected = arrays.find(batch + ".out." + name);
      ASSERT_NE(expected, arrays.end());
      EXPECT_EQ(difference(net, results[i], expected->second), "");
    }
  }
  for (const SignatureSummary& signature : compiled.explain().signatures)
    EXPECT_TRUE(signature.audit.empty()) << signature.audit.front();
}

INSTANTIATE_TEST_SUITE_P(Files, ExportedModel, testing::ValuesIn(exported_models()),
                         [](const auto& info) {
                           return std::regex_replace(info.param, std::regex("[^A-Za-z0-9]"), "_");
                         });

}  // namespace
}  // namespace mlpjit::test
