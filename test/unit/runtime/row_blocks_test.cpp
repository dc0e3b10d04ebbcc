// Programs that run on blocks of rows: how many, and the same bits.

#include "lib/runtime/row_blocks.h"

#include <gtest/gtest.h>

#include "lib/ir/text.h"
#include "mlpjit/mlpjit.h"

namespace mlpjit::runtime {
namespace {

std::optional<RowBlocks> choose(const std::string& rows, int width, int threads) {
  const std::string n = std::to_string(width);
  const ir::Graph graph =
      ir::parse("func @main(%x: f32[" + rows + ", " + n + "], %w: f32[" + n + ", " + n +
                "] = param \"w\") {\n  %a = dense %x, %w\n  %b = "
                "tanh %a\n  return %b\n}\n");
  const std::optional<ir::Rows> found = ir::find_rows(graph.main());
  return choose_row_blocks(graph.main(), found.value(), *plan::find_target("avx2"), threads);
}

TEST(RowBlocks, AreForWhatDoesNotFitInTheCache) {
  EXPECT_FALSE(choose("64", 64, 1));
  const std::optional<RowBlocks> many = choose("100000", 64, 1);
  ASSERT_TRUE(many);
  EXPECT_LE(static_cast<std::size_t>(many->block(100000)) * many->row_bytes,
            plan::find_target("avx2")->l2_bytes / 2);
  EXPECT_FALSE(choose("100000", 1024, 1)) << "the weights would be read for each block";
  EXPECT_TRUE(choose("B", 64, 1));
  EXPECT_FALSE(choose("2*B", 64, 1));
}

TEST(RowBlocks, GoToThreadsEvenly) {
  const std::optional<RowBlocks> two = choose("256", 128, 2);
  ASSERT_TRUE(two);
  EXPECT_EQ(two->block(256), 128);
  EXPECT_FALSE(choose("12", 128, 2)) << "too few rows for two";
  EXPECT_FALSE(choose("64", 4, 2)) << "too little work";
  EXPECT_FALSE(choose("256", 1024, 2)) << "each would read all of the weights";
  for (const std::int64_t rows : {16, 17, 300, 4097}) {
    const std::int64_t block = two->block(rows), count = (rows + block - 1) / block;
    EXPECT_EQ(count % 2, 0) << rows;
    EXPECT_LT(count * block - rows, block) << rows;
  }
  EXPECT_EQ(two->block(0), 1);
}

// Sizes around multiples of blocks, of exact and of any batch size, and several inputs and results.
class InBlocks : public testing::TestWithParam<HybridizeOptions> {};

TEST_P(InBlocks, TheSameBits) {
  const Tensor w = random::normal({48, 64}), v = random::normal({3, 48});
  const auto body = [&](const Tensor& x, const Tensor& scale) {
    const Tensor h = tanh(dense(x, w)) * scale;
    return std::tuple(softmax(dense(h, v), -1), sum(h, {1}));
  };
  auto compiled = jit(body, GetParam());
  auto as_it_is = jit(body, {.backend = Backend::graph});
  for (const std::int64_t rows : {0, 1, 15, 16, 3000, 4096, 7001, 7002}) {
    const Tensor x = random::normal({rows, 64}), scale = random::normal({rows, 1});
    for (int call = 0; call < 30; ++call) {
      const auto [a, b] = compiled(x, scale);
      const auto [c, d] = as_it_is(x, scale);
      ASSERT_TRUE(identical(a, c) && identical(b, d)) << rows;
    }
  }
  bool in_blocks = false;
  const Explanation explanation = compiled.explain();
  for (const SignatureSummary& signature : explanation.signatures)
    in_blocks = in_blocks || signature.row_block > 0;
  EXPECT_TRUE(in_blocks);
}

INSTANTIATE_TEST_SUITE_P(Options, InBlocks,
                         testing::Values(HybridizeOptions{.dynamic_batch_after = 0},
                                         HybridizeOptions{.batch = Batch::dynamic},
                                         HybridizeOptions{.threads = 2, .dynamic_batch_after = 0},
                                         HybridizeOptions{.batch = Batch::dynamic, .threads = 3}),
                         [](const auto& info) {
                           return std::string(info.param.batch == Batch::dynamic ? "Any"
                                                                                 : "Exact") +
                                  std::to_string(info.param.threads);
                         });

// Weights whose sizes are the batch's.
TEST(RowBlocks, AreNotForWeightsOfAnySize) {
  const auto body = [](const Tensor& x, const Tensor& w) { return tanh(matmul(x, w)); };
  for (const int threads : {1, 2}) {
    auto compiled = jit(body, {.batch = Batch::dynamic, .threads = threads});
    auto as_it_is = jit(body, {.backend = Backend::graph});
    for (const std::int64_t n : {4, 5, 7, 6}) {
      const Tensor x = random::normal({n, 4}), w = random::normal({4, n});
      EXPECT_TRUE(identical(compiled(x, w), as_it_is(x, w)));
    }
  }
}

TEST(RowBlocks, BoundCallsHaveThem) {
  nn::HybridSequential net;
  net.add(nn::Dense(64, {.activation = "relu"}), nn::Dense(64, {.activation = "relu"}),
          nn::Dense(5));
  net.initialize();
  const Tensor x = random::normal({5003, 32});
  const Tensor expected = net(x);
  BoundCall call = net.bind({TensorSpec{DType::f32, x.shape()}});
  Tensor y = zeros({5003, 5});
  const BoundInput from(x.data<float>());
  const BoundOutput to(y.mutable_data<float>());
  ASSERT_EQ(call.run(&from, 1, &to, 1), Status::ok);
  EXPECT_TRUE(identical(y, expected));
}

}  // namespace
}  // namespace mlpjit::runtime
