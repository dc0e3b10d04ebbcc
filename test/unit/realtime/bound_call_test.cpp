// Bound calls: the bits of the network, checked buffers, and what cannot be bound.

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <thread>

#include "mlpjit/mlpjit.h"
#include "test/unit/realtime/realtime.h"

namespace mlpjit {
namespace {

class BoundCalls : public test::RealTimeTest {};

TEST_F(BoundCalls, GiveTheBitsOfTheNetwork) {
  for (const std::int64_t rows : {1, 3, 16}) {
    auto net = test::policy();
    const Tensor x = random::normal({rows, 27});
    const Tensor want = net(x);
    BoundCall run = net.bind({f32({rows, 27})});
    std::vector<float> in = x.to_vector<float>(), out(static_cast<std::size_t>(rows * 6));
    ASSERT_EQ(run({in}, {out}), Status::ok);
    EXPECT_TRUE(identical(tensor(std::span<const float>(out), {rows, 6}), want));
    std::fill(out.begin(), out.end(), 0.f);
    ASSERT_EQ(run({in.data()}, {out.data()}), Status::ok);  // not a second time by luck
    EXPECT_TRUE(identical(tensor(std::span<const float>(out), {rows, 6}), want));
    Tensor y = zeros({rows, 6});
    run(x, y);
    EXPECT_TRUE(identical(y, want));
    net.hybridize({.batch = Batch::dynamic});
    BoundCall dynamic = net.bind({f32({rows, 27})});
    ASSERT_EQ(dynamic({in}, {out}), Status::ok);
    EXPECT_TRUE(identical(tensor(std::span<const float>(out), {rows, 6}), want));
  }
}

TEST_F(BoundCalls, TellWhatTheyAreBoundTo) {
  auto net = test::policy();
  const BoundCall run = net.bind({f32({2, 27})});
  ASSERT_EQ(run.inputs().size(), 1u);
  EXPECT_EQ(to_string(run.inputs()[0]), "f32[2, 27]");
  ASSERT_EQ(run.outputs().size(), 1u);
  EXPECT_EQ(to_string(run.outputs()[0]), "f32[2, 6]");
  EXPECT_GT(run.bytes(), 0u);
}

struct Several : nn::HybridBlock {
  nn::Dense layer = child("layer", nn::Dense(2, {.in_units = 3}));
  Tensors hybrid_forward_n(const Ops& F, const Tensors& inputs) override {
    const Tensor y = layer(inputs[0]);
    return {y, inputs[1], F.sum(inputs[1], {0}), y};
  }
};

TEST_F(BoundCalls, HaveSeveralInputsAndOutputsSomeOfThemInputs) {
  Several net;
  net.initialize();
  const Tensor x = random::normal({1, 3});
  const Tensor i = tensor({4.0, 5.0});
  const Tensors want = net(x, i);
  BoundCall run = net.bind({f32({1, 3}), f64({2})});
  std::array<float, 2> first{}, last{};
  std::array<double, 2> same{};
  double sum = 0;
  const std::vector<float> in = x.to_vector<float>();
  const std::vector<double> pair = {4, 5};
  ASSERT_EQ(run({in, pair}, {first, same, &sum, last}), Status::ok);
  EXPECT_EQ(sum, 9);
  EXPECT_EQ(same, (std::array<double, 2>{4, 5}));
  EXPECT_EQ(first, last);
  EXPECT_EQ(first[0], want[0].to_vector<float>()[0]);
}

TEST_F(BoundCalls, GiveInputsAndResultsAgainInAnyOrder) {
  struct Again : nn::HybridBlock {
    Tensors hybrid_forward_n(const Ops& F, const Tensors& in) override {
      const Tensor a = F.tanh(in[0]), b = in[1] * 2;
      return {in[1], a, in[0], b, in[1], b, a, in[0], b};
    }
  };
  Again net;
  net.hybridize();
  const Tensors x = {random::normal({2, 5}), random::normal({5, 2})};
  Tensors want = net(x), got;
  for (const Tensor& result : want) got.push_back(zeros(result.shape()));
  BoundCall run = net.bind({f32({2, 5}), f32({5, 2})});
  run(x, got);
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(identical(got[i], want[i])) << i;
}

TEST_F(BoundCalls, TakeTheElementsOfTensorsAsTheyAreGiven) {
  auto net = test::policy();
  BoundCall run = net.bind({f32({1, 27})});
  const Tensor x = random::normal({1, 27});
  Tensor y = zeros({1, 6});
  const auto held = Tensor(x).data<float>();
  ASSERT_EQ(run({held}, {y.mutable_data<float>()}), Status::ok);
  EXPECT_EQ(y.to_vector<float>(), net(x).to_vector<float>());
  ASSERT_EQ(run({Tensor(x * 2).data<float>()}, {Tensor(y).mutable_data<float>()}), Status::ok);
  EXPECT_EQ(y.to_vector<float>(), net(x * 2).to_vector<float>());
  EXPECT_EQ(run({Tensor(y).data<float>()}, {y.mutable_data<float>()}), Status::wrong_size);
  const Shape& shape = run.inputs()[0].shape;  // of a value, not of a list that is gone
  EXPECT_EQ(shape, (Shape{1, 27}));
}

TEST_F(BoundCalls, RefuseBuffersThatDoNotFit) {
  auto net = test::policy();
  BoundCall run = net.bind({f32({1, 27})});
  std::vector<float> in(27), out(6, 7.f), all(33);
  std::vector<double> wide(27);
  EXPECT_EQ(run({}, {out}), Status::wrong_count);
  EXPECT_EQ(run({in}, {out, out}), Status::wrong_count);
  EXPECT_EQ(run({wide}, {out}), Status::wrong_dtype);
  EXPECT_EQ(run({in}, {all}), Status::wrong_size);
  EXPECT_EQ(run({static_cast<const float*>(nullptr)}, {out}), Status::null_buffer);
  EXPECT_EQ(run({in}, {static_cast<float*>(nullptr)}), Status::null_buffer);
  EXPECT_EQ(run({all.data()}, {all.data() + 26}), Status::overlap);
  EXPECT_EQ(run({all.data()}, {all.data() + 27}), Status::ok);
  auto* odd = reinterpret_cast<float*>(reinterpret_cast<std::byte*>(all.data()) + 1);
  EXPECT_EQ(run({odd}, {out}), Status::misaligned);
  EXPECT_EQ(out, std::vector<float>(6, 7.f));
  BoundCall moved = std::move(run);
  EXPECT_EQ(run({in}, {out}), Status::unbound);  // NOLINT: that it says so is what is tested
  EXPECT_THROW(run.inputs(), UserError);
  EXPECT_EQ(moved({in}, {out}), Status::ok);
  EXPECT_EQ(to_string(Status::misaligned), "misaligned");
}

TEST_F(BoundCalls, OnTensorsSayWhatDoesNotFit) {
  auto net = test::policy();
  BoundCall run = net.bind({f32({1, 27})});
  const Tensor x = zeros({1, 27});
  Tensor y = zeros({1, 6});
  EXPECT_ERROR(ShapeError, run(zeros({2, 27}), y), "input 0", "f32[1, 27]", "f32[2, 27]");
  EXPECT_ERROR(DTypeError, run(x, zeros({1, 6}, DType::f64)), "output 0", "f32[1, 6]", "f64[1, 6]");
  EXPECT_ERROR(UserError, run(Tensors{x, x}, Tensors{y}), "1 inputs", "2");
}

TEST_F(BoundCalls, WriteOutputsThatProgramsReadAndRefuseOneOutputTwice) {
  auto net = test::policy();
  BoundCall run = net.bind({f32({1, 27})});
  const Tensor x = random::normal({1, 27});
  const Tensor read = zeros({1, 6});
  const auto total = jit([read] { return sum(read); });
  EXPECT_EQ(total().item<float>(), 0);
  run(x, read);
  EXPECT_EQ(total().item<float>(), sum(net(x)).item<float>());
  Several several;
  several.initialize();
  BoundCall two = several.bind({f32({1, 3}), f64({2})});
  const Tensor first = zeros({1, 2}), same = zeros({2}, DType::f64), one = zeros({}, DType::f64);
  const Tensors inputs = {ones({1, 3}), ones({2}, DType::f64)};
  EXPECT_ERROR(UserError, two(inputs, {first, same, one, first}), "overlap", "shares memory");
  const auto also = jit([first] { return sum(first); });
  also();  // now programs read it
  EXPECT_ERROR(UserError, two(inputs, {first, same, one, first}), "overlap");
  const auto traced = [&](Tensor y) {
    run(y, read);
    return y;
  };
  EXPECT_ERROR(TraceError, trace(traced, f32({1, 27})), "bound call");
}

TEST_F(BoundCalls, AreRefusedWithEveryReason) {
  struct Prints : nn::HybridBlock {
    Tensor hybrid_forward(const Ops& F, const Tensor& x) override {
      F.print("x", x);
      return F.sum(F.cast(x, DType::i64));
    }
  };
  Prints prints;
  EXPECT_ERROR(UserError, prints.bind({f32({1, 3})}), "Prints", "print", "sum", "integers");

  nn::HybridSequential trained;
  trained.add(nn::BatchNorm({.in_units = 3}));
  trained.initialize();
  {
    const TrainingScope training;
    EXPECT_ERROR(UserError, trained.bind({f32({4, 3})}), "0.running_mean", "0.running_var");
  }
  trained.bind({f32({4, 3})});

  auto net = test::policy();
  EXPECT_ERROR(UserError, net.bind({f32({dim("B"), 27})}), "f32[B, 27]", "one size");
  net.hybridize({.backend = Backend::graph});
  EXPECT_ERROR(UserError, net.bind({f32({1, 27})}), "Backend::native");
  net.hybridize({.threads = 2});
  EXPECT_ERROR(UserError, net.bind({f32({1, 27})}), "2 threads");
}

// Attention, a choice, an embedding: all have kernels.
TEST_F(BoundCalls, OfMoreThanDenseLayers) {
  struct Chooses : nn::HybridBlock {
    Tensors hybrid_forward_n(const Ops& F, const Tensors& in) override {
      const Tensor &x = in[0], &table = in[1];
      const Tensor scores = F.softmax(F.matmul(x, F.transpose(x, {0, 2, 1})));  // [2, 5, 5]
      const Tensor chosen = F.argmax(F.mean(F.matmul(scores, x), 1), 1);        // [2]
      const Tensor found =
          F.concat({F.gather(table, chosen), F.one_hot(chosen, 8, DType::f32)}, 1);  // [2, 12]
      return {F.matmul(found, F.sum(F.transpose(F.concat({table, table, table}, 1)), 1)),
              F.slice(F.max(x, {0, 2}), 0, 1, 3), F.softmax(x, 1)};
    }
  };
  Chooses net;
  const Tensors x = {random::normal({2, 5, 8}), random::normal({8, 4})};
  const Tensors want = net(x);
  net.hybridize();
  BoundCall run = net.bind({f32({2, 5, 8}), f32({8, 4})});
  Tensors got;
  for (const Tensor& result : want) got.push_back(zeros(result.shape()));
  run(x, got);
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(identical(got[i], want[i])) << i;
}

// A layer whose weight is an input of each call packs it in each.
TEST_F(BoundCalls, OfWeightsThatAreInputs) {
  struct Attends : nn::HybridBlock {
    Tensors hybrid_forward_n(const Ops& F, const Tensors& in) override {
      const Tensor scores = F.matmul(in[0], F.transpose(in[1]));
      return {F.matmul(F.softmax(scores), in[2]), F.dense(in[0], in[1], in[3])};
    }
  };
  Attends net;
  net.hybridize();
  BoundCall run = net.bind({f32({10, 40}), f32({17, 40}), f32({17, 5}), f32({17})});
  EXPECT_GT(run.bytes(), 17 * 40 * sizeof(float));
  for (int i = 0; i < 3; ++i) {
    const Tensors x = {random::normal({10, 40}), random::normal({17, 40}), random::normal({17, 5}),
                       random::normal({17})};
    const Tensors want = net(x), got = {zeros({10, 5}), zeros({10, 17})};
    run(x, got);
    for (std::size_t r = 0; r < want.size(); ++r) EXPECT_TRUE(identical(got[r], want[r])) << r;
  }
}

// Such results are written past the caches, where they are aligned to a vector.
TEST_F(BoundCalls, OfLargeResultsWhereverTheyLie) {
  struct Large : nn::HybridBlock {
    Tensor hybrid_forward(const Ops& F, const Tensor& x) override { return F.relu(x) * 2 + x; }
  };
  Large net;
  constexpr std::int64_t kCount = (5 << 20) + 3;
  const Tensor x = random::normal({kCount});
  const std::vector<float> in = x.to_vector<float>(), want = net(x).to_vector<float>();
  net.hybridize();
  EXPECT_EQ(net(x).to_vector<float>(), want);
  BoundCall run = net.bind({f32({kCount})});
  std::vector<float> out(kCount + 16);
  for (const int offset : {0, 1, 4, 15}) {
    std::ranges::fill(out, -7.f);
    ASSERT_EQ(run({in.data()}, {out.data() + offset}), Status::ok);
    EXPECT_TRUE(std::equal(want.begin(), want.end(), out.begin() + offset)) << offset;
    EXPECT_EQ(std::ranges::count(out, -7.f), 16);
  }
}

TEST_F(BoundCalls, TellAnIndexThatIsOutOfRange) {
  struct Looks : nn::HybridBlock {
    Tensors hybrid_forward_n(const Ops& F, const Tensors& in) override {
      return {F.gather(in[1], in[0]) + F.sum(F.one_hot(in[0], 4, DType::f32))};
    }
  };
  Looks net;
  net.hybridize();
  BoundCall run = net.bind({{DType::i64, {3}}, f32({5, 2})});
  const std::vector<float> table = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::vector<float> out(6);
  std::vector<std::int64_t> index = {3, 0, 2};
  ASSERT_EQ(run({index, table}, {out}), Status::ok);
  EXPECT_EQ(out, (std::vector<float>{9, 10, 3, 4, 7, 8}));
  for (const std::int64_t bad : {5, 4, -1, -6}) {  // of the table, of one_hot, of both
    index[1] = bad;
    EXPECT_EQ(run({index, table}, {out}), Status::bad_value) << bad;
    const Tensors in = {tensor(index, {3}), tensor(table, {5, 2})};
    EXPECT_ERROR(ValueError, net(in), std::to_string(bad));
    EXPECT_ERROR(ValueError, run(in, {zeros({3, 2})}), "out of range");
  }
  index[1] = 0;
  ASSERT_EQ(run({index, table}, {out}), Status::ok);
  EXPECT_EQ(out, (std::vector<float>{9, 10, 3, 4, 7, 8}));
  EXPECT_EQ(to_string(Status::bad_value), "bad_value");
}

TEST_F(BoundCalls, OfWeightsThatOthersWriteToAreRefusedAndTheOtherWayRound) {
  auto net = test::policy();
  Tensor weight = net.collect_params()["0.weight"].data();
  {
    const BoundCall run = net.bind({f32({1, 27})});
    EXPECT_ERROR(UserError, weight.mutable_data<float>(), "mutable_data", "bound call");
  }
  weight.mutable_data<float>()[0] = 1;
  EXPECT_ERROR(UserError, net.bind({f32({1, 27})}), "mutable_data", "copy()");
}

TEST_F(BoundCalls, SeeWeightsThatAreSetLaterAndKeepTheProgramAlive) {
  std::optional<BoundCall> run;
  const Tensor x = random::normal({1, 27});
  Tensor before = zeros({1, 6}), after = zeros({1, 6});
  {
    auto net = test::policy();
    run.emplace(net.bind({f32({1, 27})}));
    (*run)(x, before);
    EXPECT_TRUE(identical(before, net(x)));
    TensorMap weights;
    for (const auto& [path, parameter] : net.collect_params()) {
      weights[path] = parameter.data() * 0.5f;
    }
    net.set_parameters(weights);
    (*run)(x, after);
    EXPECT_TRUE(identical(after, net(x)));
    EXPECT_FALSE(identical(after, before));
    net.collect_params()["0.weight"].data().slice(0, 0, 1).assign(0);
    (*run)(x, after);
    EXPECT_TRUE(identical(after, net(x)));
  }
  Tensor again = zeros({1, 6});
  (*run)(x, again);
  EXPECT_TRUE(identical(again, after));
}

TEST_F(BoundCalls, ManyOnOneNetworkShareItsCodeAndPacks) {
  auto net = test::policy();
  const BoundCall first = net.bind({f32({1, 27})});
  const std::uint64_t compiles = net.explain().compiles;
  const std::size_t before = memory_stats().live_bytes;
  std::vector<BoundCall> more;
  for (int i = 0; i < 64; ++i) more.push_back(net.bind({f32({1, 27})}));
  EXPECT_EQ(net.explain().compiles, compiles);
  EXPECT_LE(memory_stats().live_bytes - before, 64 * first.bytes());
}

TEST_F(BoundCalls, OfAnotherThreadAtTheSameTimeAreRefused) {
  auto net = test::policy();
  BoundCall run = net.bind({f32({1, 27})});
  const std::vector<float> in(27, 0.5f);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      std::vector<float> out(6);
      for (int i = 0; i < 20000; ++i) {
        const Status status = run({in}, {out});
        wrong += status != Status::ok && status != Status::unbound;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(BoundCalls, SetParametersReadsAllBeforeItWrites) {
  nn::HybridSequential net;
  net.add(nn::Dense(2, {.use_bias = false, .in_units = 2}),
          nn::Dense(2, {.use_bias = false, .in_units = 2}));
  net.initialize(nn::Constant(1));
  const nn::ParameterDict parameters = net.collect_params();
  const nn::Parameter first = parameters["0.weight"], second = parameters["1.weight"];
  net.set_parameters({{"1.weight", full({2, 2}, 2.f)}});
  net.set_parameters({{"0.weight", second.data()}, {"1.weight", first.data()}});
  EXPECT_TRUE(identical(first.data(), full({2, 2}, 2.f)));
  EXPECT_TRUE(identical(second.data(), full({2, 2}, 1.f)));
  // In a loop it is a part of the loop's updates, whole or not at all.
  while_loop([](const Tensors& s) { return s[0] < 1; },
             [&](const Tensors& s) {
               EXPECT_THROW(
                   net.set_parameters({{"0.weight", full({2, 2}, 9.f)}, {"1.weight", ones({3})}}),
                   ShapeError);
               return Tensors{s[0] + 1};
             },
             {tensor(0)});
  EXPECT_TRUE(identical(first.data(), full({2, 2}, 2.f)));
}

TEST_F(BoundCalls, SetParametersTakesAllOrNone) {
  auto net = test::policy();
  const Tensor x = random::normal({1, 27});
  const Tensor before = net(x);
  EXPECT_ERROR(ParameterError,
               net.set_parameters({{"0.weight", zeros({64, 27})}, {"0.wait", zeros({1})}}),
               "0.wait");
  EXPECT_ERROR(ShapeError,
               net.set_parameters({{"0.weight", zeros({64, 27})}, {"2.bias", zeros({7})}}),
               "set_parameters", "2.bias", "[6]", "[7]");
  EXPECT_TRUE(identical(net(x), before));
  nn::HybridSequential tied;
  nn::Dense layer(3, {.in_units = 3});
  tied.add(layer, layer);
  tied.initialize();
  EXPECT_ERROR(ParameterError, tied.set_parameters({{"0.bias", zeros({3})}, {"1.bias", ones({3})}}),
               "0.bias", "1.bias", "one parameter");
}

}  // namespace
}  // namespace mlpjit
