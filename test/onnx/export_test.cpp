// Networks as ONNX files, read again: the same bits. MLPJIT_ONNX_KEEP names a folder for the files, which
// check_exports.py runs by ONNX's checker and ONNX Runtime.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "mlpjit/mlpjit.h"
#include "test/onnx/npz.h"

namespace mlpjit::test {
namespace {

class ExportOnnx : public testing::Test {
 protected:
  ExportOnnx() : folder_(testing::TempDir() + "onnx." + std::to_string(getpid())) {
    if (const char* keep = std::getenv("MLPJIT_ONNX_KEEP")) folder_ = keep;
    std::filesystem::create_directories(folder_);
  }
  ~ExportOnnx() override {
    if (std::getenv("MLPJIT_ONNX_KEEP") == nullptr) std::filesystem::remove_all(folder_);
  }

  // The file of the network read again, which gives the bits that the network gives.
  nn::SymbolBlock expect_round_trip(const nn::HybridBlock& net, const std::string& name,
                                    const std::vector<Tensors>& inputs,
                                    const nn::ExportOptions& options = {}) {
    const std::string path = folder_ + "/" + name + ".onnx";
    net.export_onnx(path, options);
    nn::SymbolBlock again = nn::SymbolBlock::imports(path);
    nn::SymbolBlock compiled = again.clone();
    compiled.hybridize();
    for (const Tensors& given : inputs) {
      const Tensors expected = net(given), actual = again(given), native = compiled(given);
      EXPECT_EQ(actual.size(), expected.size()) << name;
      for (std::size_t i = 0; i < expected.size() && i < actual.size(); ++i) {
        EXPECT_TRUE(identical(actual[i], expected[i])) << name << ", result " << i << "\n"
                                                       << actual[i] << "\n"
                                                       << expected[i];
        EXPECT_TRUE(identical(native[i], expected[i])) << name << ", result " << i << ", compiled";
      }
      if (std::getenv("MLPJIT_ONNX_KEEP") != nullptr) keep(path, given, expected);
    }
    return again;
  }

  static void keep(const std::string& path, const Tensors& inputs, const Tensors& results) {
    TensorMap map;
    for (std::size_t i = 0; i < inputs.size(); ++i) map["in" + std::to_string(i)] = inputs[i];
    for (std::size_t i = 0; i < results.size(); ++i) map["out" + std::to_string(i)] = results[i];
    save_safetensors(
        path + "." + std::to_string(inputs.empty() ? 0 : inputs[0].size()) + ".safetensors", map);
  }

  std::string folder_;
};

using Function = nn::HybridLambda;

TEST_F(ExportOnnx, ModelsOfOtherTrainers) {
  for (const auto& entry :
       std::filesystem::directory_iterator(MLPJIT_SOURCE_DIR "/test/onnx/models")) {
    const std::string file = entry.path().filename().string();
    if (entry.path().extension() != ".onnx" || file.find("int8") != std::string::npos) continue;
    SCOPED_TRACE(file);
    const nn::SymbolBlock net = nn::SymbolBlock::imports(entry.path(), {.cast = true});
    Tensors inputs[2];
    random::seed(3);
    std::int64_t batch = 1;
    for (Tensors& given : inputs) {
      for (const TensorSpec& spec : net.input_specs()) {
        Shape shape;
        for (int axis = 0; axis < spec.shape.rank(); ++axis)
          shape.push_back(spec.shape[axis].is_static() ? spec.shape[axis]
                                                       : Dim(axis == 0 ? batch : 7));
        const bool number = spec.dtype == DType::f32 || spec.dtype == DType::f64;
        given.push_back(number ? cast(random::normal(shape), spec.dtype)
                               : zeros(shape, spec.dtype));
      }
      batch = 5;
    }
    const nn::SymbolBlock again =
        expect_round_trip(net, entry.path().stem().string(), {inputs[0], inputs[1]});
    EXPECT_EQ(again.input_names(), net.input_names());
    EXPECT_EQ(again.output_names(), net.output_names());
  }
}

TEST_F(ExportOnnx, EveryLayer) {
  random::seed(1);
  nn::HybridSequential net;
  net.add(nn::Dense(16, {.activation = "relu"}), nn::LayerNorm(),
          nn::Dense(16, {.activation = "gelu"}), nn::Dense(12, {.activation = "silu"}),
          nn::Dense(8, {.activation = "leaky_relu"}), nn::Dense(8, {.activation = "elu"}),
          nn::Dense(8, {.activation = "hardtanh"}), nn::Dense(3, {.use_bias = false}));
  net.initialize();
  const Tensor x = random::normal({5, 10});
  net(x);
  const nn::SymbolBlock again =
      expect_round_trip(net, "layers", {{x}, {random::normal({1, 10})}, {random::normal({0, 10})}},
                        {.classes = {"a", "b", "c"}, .metadata = {{"made by", "a test"}}});
  EXPECT_EQ(again.metadata().at("made by"), "a test");
  EXPECT_EQ(again.classes(), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(ExportOnnx, OpsThatOnnxHasNot) {
  Function net([](const Ops&, const Tensor& x) {
    const Tensor y = abs(x) + 0.5;
    return concat(
        {rsqrt(y), expm1(x), log1p(y), silu(x), pow(y, x), floor_divide(x, y), remainder(x, y),
         clip(x, -0.25, y), hardtanh(x, -0.3, 0.7), leaky_relu(x, 0.1234567890123), elu(x, 0.3),
         x - var(x, -1, true), sum(one_hot(cast(y, DType::i64) * 0, 4), 1) + x},
        1);
  });
  random::seed(2);
  expect_round_trip(net, "ops", {{random::normal({3, 4})}}, {.inputs = {f32({dim("B"), 4})}});
}

TEST_F(ExportOnnx, SizesThatAreCalculated) {
  Function net([](const Ops&, const Tensor& x) {
    const Dim rows = x.shape()[0];
    const Tensor both = concat({x, x}, 0);
    return sum(reshape(both, {rows, 8}), 1, true) + broadcast_to(mean(x), {rows, 1});
  });
  random::seed(2);
  expect_round_trip(net, "sizes", {{random::normal({3, 4})}, {random::normal({1, 4})}},
                    {.inputs = {f32({dim("B"), 4})}});
}

TEST_F(ExportOnnx, ControlFlow) {
  Function net([](const Ops&, const Tensor& x) {
    const Tensor chosen = cond(
        sum(x) > 0, [&](const Tensor& a) { return a * 2; }, [&](const Tensor& a) { return a - x; },
        x);
    const Outputs state = while_loop([](const Tensors& s) { return s[0] < 5; },
                                     [](const Tensors& s) { return Tensors{s[0] + 1, s[1] * 0.5}; },
                                     Tensors{full({}, 0, DType::i64), chosen});
    const auto [last, rows] = scan(
        [](const Tensor& carry, const Tensor& row) { return std::pair{carry + row, carry * row}; },
        zeros({4}), state[1]);
    return rows + last;
  });
  random::seed(2);
  expect_round_trip(net, "control", {{random::normal({3, 4})}, {-abs(random::normal({2, 4}))}},
                    {.inputs = {f32({dim("B"), 4})}});
}

TEST_F(ExportOnnx, WhatItCannotSayIsNamed) {
  const auto expect_refused = [&](auto body, const std::string& part) {
    Function net(body);
    try {
      net.export_onnx(folder_ + "/none.onnx", {.inputs = {f32({2, 3})}});
      ADD_FAILURE() << part;
    } catch (const UnsupportedError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/none.onnx"));
  };
  expect_refused([](const Ops&, const Tensor& x) { return x + random::normal({3}); }, "draws");
  expect_refused(
      [](const Ops&, const Tensor& x) {
        print(x);
        return x + 1;
      },
      "prints");
  expect_refused(
      [](const Ops&, const Tensor& given) {
        Tensor x = given;
        x += 1;
        return x * 2;
      },
      "in place");
}

}  // namespace
}  // namespace mlpjit::test
