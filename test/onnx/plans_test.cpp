// An imported network runs as the same one written in C++ does: the same kernels, as many packed
// bytes, the same workspace.

#include <gtest/gtest.h>

#include "mlpjit/mlpjit.h"

namespace mlpjit::test {
namespace {

nn::SymbolBlock imported(const std::string& name) {
  return nn::SymbolBlock::imports(MLPJIT_SOURCE_DIR "/test/onnx/models/" + name + ".onnx");
}

// What a network of rows of 64 is compiled to, without the names of its values.
struct Compiled {
  std::vector<std::string> kernels;
  std::size_t workspace = 0, packed = 0;
};
Compiled compiled(const nn::HybridBlock& net, std::int64_t batch) {
  net(ones({batch, 64}));
  const Explanation explanation = net.explain();
  const SignatureSummary& signature = explanation.signatures.back();
  Compiled result{{}, signature.workspace_bytes, signature.packed_bytes};
  for (const KernelSummary& kernel : signature.kernels)
    result.kernels.push_back(kernel.kind + " of " + kernel.fused + ": " + kernel.reason);
  return result;
}

void expect_same_plan(nn::HybridBlock& read, nn::HybridBlock& written) {
  for (const Batch batch : {Batch::dynamic, Batch::exact}) {
    read.hybridize({.batch = batch});
    written.hybridize({.batch = batch});
    for (const std::int64_t rows : {1, 16, 100}) {
      SCOPED_TRACE(rows);
      const Compiled a = compiled(read, rows), b = compiled(written, rows);
      EXPECT_EQ(a.kernels, b.kernels);
      EXPECT_EQ(a.workspace, b.workspace);
      EXPECT_EQ(a.packed, b.packed);
    }
  }
}

TEST(OnnxPlan, OfGemmIsThatOfDense) {
  nn::SymbolBlock read = imported("torch_mlp_digits.legacy");
  nn::HybridSequential written;
  written.add(nn::Dense(32, {.activation = "relu", .in_units = 64}),
              nn::Dense(16, {.activation = "relu"}), nn::Dense(10));
  written.initialize();
  expect_same_plan(read, written);
}

TEST(OnnxPlan, OfProductsAndSumsIsThatOfDense) {
  nn::SymbolBlock read = imported("keras_sequential_digits.tf2onnx");
  nn::HybridSequential written;
  const Tensor scale = random::normal({32}), shift = random::normal({32});
  written.add(nn::Dense(32, {.activation = "relu", .in_units = 64}),
              nn::HybridLambda([=](const Tensor& x) { return x * scale + shift; }), nn::Dense(16),
              nn::HybridLambda([](const Tensor& x) { return x * sigmoid(x); }),
              nn::Dense(10, {.activation = "softmax"}));
  written.initialize();
  expect_same_plan(read, written);
}

}  // namespace
}  // namespace mlpjit::test
