// What export_model makes of a network that was called or not, and what it says when it cannot.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "test/unit/model/round_trip.h"

namespace mlpjit {
namespace {

using test::error_of;
using test::expect_mentions;
using ExportOptions = test::RoundTrip;

nn::HybridSequential mlp(const nn::DenseOptions& first) {
  nn::HybridSequential net;
  net.add(nn::Dense(3, first), nn::Dense(2));
  net.initialize();
  return net;
}

TEST_F(ExportOptions, TheInputsAreThoseOfTheFirstCallInAnyBatch) {
  auto net = mlp({});
  expect_mentions(error_of<UserError>([&] { net.export_model(path("net")); }),
                  {"HybridSequential", "never called", ".inputs", "f32({dim(\"B\"), 512})"});
  EXPECT_EQ(file_count(), 0U);
  net(rows(3, 4));
  const nn::ExportedModel files = net.export_model(path("net"));
  EXPECT_EQ(files.inputs, std::vector<TensorSpec>{f32({dim("B"), 4})});
  EXPECT_EQ(files.outputs, std::vector<TensorSpec>{f32({dim("B"), 2})});
  EXPECT_EQ(files.symbol, path("net-symbol.json"));
  EXPECT_EQ(files.params, path("net-0000.params"));
  EXPECT_EQ(file_count(), 2U) << "no temporary stays";
  EXPECT_EQ(net.export_model(path("net"), {.batch = Batch::exact}).inputs,
            std::vector<TensorSpec>{f32({3, 4})});
  EXPECT_EQ(net.export_model(path("net"), {.inputs = {f32({dim("N"), 7, 4})}}).outputs,
            (std::vector<TensorSpec>{f32({dim("N"), 7, 2})}));
}

TEST_F(ExportOptions, ANetworkThatWasNeverCalledTakesWhatItsFirstDenseTakes) {
  EXPECT_EQ(mlp({.in_units = 5, .dtype = DType::f32})
                .export_model(path("net"), {.inputs = {f32({dim("B"), 5})}})
                .inputs,
            std::vector<TensorSpec>{f32({dim("B"), 5})});
  nn::HybridSequential net;
  net.add(nn::Dropout(), nn::Dense(3, {.in_units = 5, .dtype = DType::f64}));
  net.initialize();
  EXPECT_EQ(net.export_model(path("net")).inputs, std::vector<TensorSpec>{f64({dim("B"), 5})});

  struct Pair : nn::HybridBlock {
    nn::Dense layer = child("layer", nn::Dense(3, {.in_units = 5}));
    Tensors hybrid_forward_n(const Ops&, const Tensors& in) override {
      return {layer(in.at(0)) + in.at(1)};
    }
  } pair;
  pair.initialize();
  expect_mentions(error_of<UserError>([&] { pair.export_model(path("net")); }),
                  {"Pair", "several inputs", ".inputs"});
  struct Words : nn::HybridBlock {
    nn::Embedding words = child("words", nn::Embedding(7, 5));
    nn::Dense layer = child("layer", nn::Dense(3, {.in_units = 5}));
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return layer(words(x)); }
  } words;
  words.initialize();
  expect_mentions(error_of<UserError>([&] { words.export_model(path("net")); }), {".inputs"});
  EXPECT_EQ(words.export_model(path("net"), {.inputs = {i64({dim("B"), 2})}}).outputs,
            (std::vector<TensorSpec>{f32({dim("B"), 2, 3})}));
}

TEST_F(ExportOptions, SizesThatHappenedToBeEqualAtTheFirstCallAreNotOne) {
  struct Affine : nn::HybridBlock {
    Tensors hybrid_forward_n(const Ops&, const Tensors& in) override {
      return {tanh(in.at(0) * 2 + in.at(1))};
    }
  };
  for (const std::int64_t batch : {3, 4}) {
    Affine net;
    net(rows(batch, 3), random::normal({3}));
    EXPECT_EQ(net.export_model(path("net")).inputs,
              (std::vector<TensorSpec>{f32({dim("B"), 3}), f32({3})}));
    const auto again = nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"));
    const Tensor x = rows(5, 3), y = random::normal({3});
    EXPECT_TRUE(identical(nn::SymbolBlock(again)(x, y), net(x, y)));
  }
  // Inputs that meet have one batch; those that do not have their own.
  struct Pair : nn::HybridBlock {
    Tensors hybrid_forward_n(const Ops&, const Tensors& in) override {
      return {concat({in.at(0), in.at(1)}, 1), in.at(2) * 2};
    }
  } pair;
  pair(Tensors{rows(3, 2), rows(3, 4), rows(3, 5)});
  EXPECT_EQ(pair.export_model(path("net")).inputs,
            (std::vector<TensorSpec>{f32({dim("B"), 2}), f32({dim("B"), 4}), f32({dim("B1"), 5})}));
  struct Apart : nn::HybridBlock {
    Tensors hybrid_forward_n(const Ops&, const Tensors& in) override {
      return {matmul(in.at(0), transpose(in.at(1)))};
    }
  } apart;
  apart(Tensors{rows(3, 8), rows(3, 8)});
  const nn::ExportedModel files = apart.export_model(path("net"));
  EXPECT_EQ(files.inputs, (std::vector<TensorSpec>{f32({dim("B"), 8}), f32({dim("B1"), 8})}));
  EXPECT_EQ(files.outputs, (std::vector<TensorSpec>{f32({dim("B"), dim("B1")})}));
}

TEST_F(ExportOptions, ABodyThatNeedsItsBatchSizeIsExportedForThatSize) {
  struct Sized : nn::HybridBlock {
    Tensor hybrid_forward(const Ops& F, const Tensor& x) override {
      const std::int64_t batch = x.shape()[0];
      return F.sum(x, {0}) / static_cast<float>(batch);
    }
  } net;
  net(rows(3, 4));
  EXPECT_EQ(net.export_model(path("net")).inputs, std::vector<TensorSpec>{f32({3, 4})});
  const auto same = nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"));
  const Tensor x = rows(3, 4);
  EXPECT_TRUE(identical(same(x), net(x)));
  expect_mentions(error_of<ShapeError>([&] { same(rows(2, 4)); }), {"x0", "[3, 4]", "[2, 4]"});
  nn::Dense vector(2);
  vector.initialize();
  vector(random::normal({4}));
  EXPECT_EQ(vector.export_model(path("net")).inputs, std::vector<TensorSpec>{f32({4})})
      << "axis 0 is not a batch here";
}

TEST_F(ExportOptions, ABatchOfOneThatIsSqueezedAwayStaysOne) {
  struct Squeezed : nn::HybridBlock {
    nn::Dense layer = child("layer", nn::Dense(3, {.in_units = 4}));
    Tensor hybrid_forward(const Ops& F, const Tensor& x) override { return F.squeeze(layer(x)); }
  } net;
  net.initialize();
  const Tensor x = rows(1, 4);
  EXPECT_EQ(net(x).shape(), Shape{3});
  EXPECT_EQ(net.export_model(path("net")).outputs, std::vector<TensorSpec>{f32({3})});
  const auto same = nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"));
  EXPECT_TRUE(identical(same(x), net(x)));
  const auto squeezed = [](const Tensor& t) { return squeeze(t); };
  expect_mentions(error_of<TraceError>([&] { trace(squeezed, f32({dim("B"), 3})); }),
                  {"squeeze", "[B, 3]", "name the axes"});
  EXPECT_EQ(trace(squeezed, f32({dim("B") * 2, 1})).outputs(),
            std::vector<TensorSpec>{f32({dim("B") * 2})});
}

TEST_F(ExportOptions, WhatCannotBeExportedSaysWhy) {
  nn::HybridSequential net;
  net.add(nn::Dense(2, {.in_units = 3}));
  expect_mentions(error_of<ParameterError>([&] { net.export_model(path("net")); }),
                  {"layer '0'", "'weight'", "initialize()"});
  net.initialize();
  expect_mentions(error_of<UserError>([&] { net.export_model(path("no/such/folder/net")); }),
                  {"no/such/folder/net"});
  expect_mentions(error_of<ShapeError>(
                      [&] { net.export_model(path("net"), {.inputs = {f32({dim("B"), 4})}}); }),
                  {"layer '0'", "4"});
  expect_mentions(
      error_of<UserError>([&] { net.export_model(path("net"), {.output_names = {"a", "b"}}); }),
      {"2 names of outputs", "1"});
  expect_mentions(
      error_of<UserError>([&] { net.export_model(path("net"), {.input_names = {""}}); }),
      {"not empty"});
  expect_mentions(error_of<UserError>([&] {
                    net.export_model(path("net"), {.inputs = {f32({dim("B") * INT64_MAX, 3})}});
                  }),
                  {"9223372036854775807*B"});
  EXPECT_EQ(file_count(), 0U);
  EXPECT_THROW(trace(
                   [&](const Tensor& x) {
                     net.export_model(path("net"));
                     return x;
                   },
                   f32({2, 3})),
               TraceError);
}

TEST_F(ExportOptions, AFailedExportLeavesTheFilesAsTheyWere) {
  nn::HybridSequential net;
  net.add(nn::Dense(2, {.in_units = 3}));
  net.initialize();
  net.export_model(path("net"));
  const std::string symbol = symbol_text(), params = test::bytes_of(path("net-0000.params"));
  EXPECT_THROW(net.export_model(path("net"), {.classes = {"\xff"}}), UserError);
  EXPECT_EQ(symbol_text(), symbol);
  EXPECT_EQ(test::bytes_of(path("net-0000.params")), params);
  EXPECT_EQ(file_count(), 2U);
  // Neither file changes where one of them may not.
  net.collect_params()["0.weight"].set_data(ones({2, 3}));
  ASSERT_EQ(::chmod(path("net-symbol.json").c_str(), 0444), 0);
  expect_mentions(error_of<UserError>([&] { net.export_model(path("net"), {.classes = {"a"}}); }),
                  {"net-symbol.json", "read-only"});
  EXPECT_EQ(symbol_text(), symbol);
  EXPECT_EQ(test::bytes_of(path("net-0000.params")), params);
  EXPECT_EQ(file_count(), 2U);
}

TEST_F(ExportOptions, TheFilesKeepTheirModesAndLinks) {
  nn::HybridSequential net;
  net.add(nn::Dense(2, {.in_units = 3}));
  net.initialize();
  net.export_model(path("net"));
  std::filesystem::create_directory(path("links"));
  std::filesystem::create_symlink("../net-symbol.json", path("links/m-symbol.json"));
  std::filesystem::create_symlink("../net-0000.params", path("links/m-0000.params"));
  for (const char* file : {"net-symbol.json", "net-0000.params"})
    ASSERT_EQ(::chmod(path(file).c_str(), 0600), 0);
  net.export_model(path("links/m"), {.classes = {"a"}});
  EXPECT_NE(symbol_text().find("classes"), std::string::npos) << "written where the link leads";
  for (const char* file : {"net-symbol.json", "net-0000.params"}) {
    struct stat status{};
    ASSERT_EQ(::stat(path(file).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U) << file;
  }
}

}  // namespace
}  // namespace mlpjit
