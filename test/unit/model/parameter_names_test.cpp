// Names in parameter files of others, and what they stand for here.

#include <gtest/gtest.h>

#include <sstream>

#include "test/unit/model/round_trip.h"

namespace mlpjit {
namespace {

using test::error_of;
using test::expect_mentions;
using ParameterNames = test::TemporaryFolder;

nn::HybridSequential norm_net() {
  nn::HybridSequential net;
  net.add(nn::Dense(3, {.in_units = 4}), nn::BatchNorm({.in_units = 3}),
          nn::Dense(2, {.in_units = 3}));
  return net;
}

// As PyTorch's state_dict has them, weights and names of norms.
TensorMap torch_tensors(const std::string& prefix) {
  return {{prefix + "0.weight", random::normal({3, 4})},
          {prefix + "0.bias", random::normal({3})},
          {prefix + "1.weight", random::normal({3})},
          {prefix + "1.bias", random::normal({3})},
          {prefix + "1.running_mean", random::normal({3})},
          {prefix + "1.running_var", random::uniform({3}, 1, 2)},
          {prefix + "1.num_batches_tracked", zeros({}, DType::i64)},
          {prefix + "2.weight", random::normal({2, 3})},
          {prefix + "2.bias", random::normal({2})}};
}

TEST_F(ParameterNames, NormsOfPyTorchAreKnown) {
  const TensorMap tensors = torch_tensors("");
  save_safetensors(path("p"), tensors);
  auto net = norm_net();
  const nn::LoadReport report = net.load_parameters(path("p"));
  EXPECT_TRUE(identical(net.collect_params()["1.gamma"].data(), tensors.at("1.weight")));
  EXPECT_TRUE(identical(net.collect_params()["1.beta"].data(), tensors.at("1.bias")));
  EXPECT_EQ(report.ignored, (std::vector<std::string>{"1.num_batches_tracked"}));
  EXPECT_EQ(report.tensors.size(), 8U);
}

TEST_F(ParameterNames, PatternsRenameWhateverTheStarsStandFor) {
  const TensorMap tensors = torch_tensors("model.blocks.");
  save_safetensors(path("p"), tensors);
  auto net = norm_net();
  net.load_parameters(path("p"), {.rename = {{"*.blocks.*", "*"}, {"model.blocks.*", "*"}}});
  EXPECT_TRUE(
      identical(net.collect_params()["2.weight"].data(), tensors.at("model.blocks.2.weight")));
  // The middle of a name, twice.
  nn::HybridSequential inner;
  inner.add(nn::Dense(2, {.in_units = 3}));
  save_safetensors(path("q"), {{"a.7.w.weight", ones({2, 3})}, {"a.7.w.bias", ones({2})}});
  inner.load_parameters(
      path("q"), {.rename = {{"a.7.*.*", "0.*"}, {"a.*.w.*", "wrong.*.*"}}, .strict = false});
  const nn::LoadReport report = inner.load_parameters(path("q"), {.rename = {{"a.7.w.*", "0.*"}}});
  EXPECT_EQ(report.tensors[0].name, "a.7.w.weight");
  EXPECT_EQ(report.tensors[0].parameter, "0.weight");
}

TEST_F(ParameterNames, ARuleThatFitsNoNameIsAnError) {
  save_safetensors(path("p"), torch_tensors(""));
  auto net = norm_net();
  expect_mentions(error_of<ParameterError>([&] {
                    net.load_parameters(path("p"), {.rename = {{"layers.*.w", "*.weight"}}});
                  }),
                  {path("p"), "no name fits", "layers.*.w", "0.weight"});
  EXPECT_FALSE(net.collect_params()["0.bias"].is_initialized());
}

TEST_F(ParameterNames, TheHintKnowsNorms) {
  TensorMap tensors = torch_tensors("");
  TensorMap shifted;
  for (const auto& [name, tensor] : tensors) shifted["net." + name] = tensor;
  save_safetensors(path("p"), shifted);
  auto net = norm_net();
  expect_mentions(error_of<ParameterError>([&] { net.load_parameters(path("p")); }),
                  {R"(.rename = {{"net.0.", "0."}, {"net.1.", "1."}, {"net.2.", "2."}})"});
}

TEST_F(ParameterNames, TheReportIsATable) {
  save_safetensors(path("p"), {{"fc.weight", random::normal({4, 3}, 0, 1, DType::f64)},
                               {"fc.bias", ones({3})},
                               {"fc.num_batches_tracked", zeros({}, DType::i64)}});
  nn::HybridSequential net;
  net.add(nn::Dense(3, {.in_units = 4}));
  std::ostringstream text;
  text << net.load_parameters(path("p"),
                              {.rename = {{"fc.", "0."}}, .transpose = true, .cast = true});
  EXPECT_EQ(text.str(),
            "fc.weight [4, 3]        0.weight [3, 4]  transposed, converted\n"
            "fc.bias [3]             0.bias [3]\n"
            "fc.num_batches_tracked  -                not needed\n");
}

}  // namespace
}  // namespace mlpjit
