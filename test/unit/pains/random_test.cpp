// Random numbers are not frozen by the trace: the stream of the imperative run, whatever the mode,
// the thread, the fusion or the dead code. Peers: mlx 4234; pytorch 118735; tensorflow 33297.

#include <thread>

#include "pains.h"

namespace mlpjit {
namespace {

using test::Program;

class RandomStream : public test::PainTest {};

TEST_P(RandomStream, DrawsDifferFromCallToCallAndFollowTheImperativeOnes) {
  same([] {
    return Program{[](const Tensors& in) {
                     (void)random::normal({5});  // dead, and counted
                     const Tensor noise = random::uniform({2, 3}, -1, 1);
                     return Tensors{in[0] + noise, noise * noise,
                                    random::bernoulli({4}, 0.25, DType::f64),
                                    random::normal({3}, 2, 0.5, DType::f64)};
                   },
                   {ones({2, 3})}};
  });
  const auto f = jit([] { return random::uniform({4}); }, options());
  EXPECT_FALSE(identical(f(), f()));
}

TEST_P(RandomStream, DrawsInBranchesAndLoopsCountOnlyWhereTheyRun) {
  for (const float value : {1.f, -1.f}) {
    same([value] {
      return Program{
          [](const Tensors& in) {
            const Tensors branch = cond(
                in[0] > 0,
                [](const Tensors&) {
                  (void)random::uniform({2});
                  return Tensors{random::normal({2})};
                },
                [](const Tensors&) { return Tensors{zeros({2})}; });
            const Tensors loop = while_loop(
                [](const Tensors& s) { return s[0] < 3; },
                [](const Tensors& s) { return Tensors{s[0] + 1, s[1] + random::uniform({2})}; },
                {tensor(0), branch[0]});
            const auto [carry, ys] = scan(
                [](Tensor c, Tensor x) {
                  const Tensor noise = random::normal({2});
                  return std::pair(c + noise * x, noise);
                },
                loop[1], tensor({1.f, 2.f}));
            return Tensors{carry, ys, random::uniform({1})};
          },
          {tensor(value)}};
    });
  }
}

TEST_P(RandomStream, EveryThreadHasItsOwn) {
  const auto body = [](Tensor x) { return x + random::normal({3}); };
  const auto f = jit(body, options());
  const auto stream = [&](const auto& call, std::uint64_t seed) {
    random::seed(seed);
    const Tensor first = call(zeros({3}));
    return concat({first, call(zeros({3}))});
  };
  const Tensor one = stream(body, 1), two = stream(body, 2);
  std::vector<Tensor> seen(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    threads.emplace_back([&, i] { seen[i] = stream(f, 1 + i % 2); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < seen.size(); ++i)
    EXPECT_TRUE(identical(seen[i], i % 2 == 0 ? one : two)) << i;
}

TEST_P(RandomStream, AScopeWithItsOwnStreamLeavesTheOuterOneAlone) {
  const auto f = jit([](Tensor x) { return x * random::uniform({2}); }, options());
  random::seed(5);
  f(ones({2}));
  const random::State before = random::state();
  Tensor inside, again;
  {
    const random::StreamScope scope(7);
    inside = f(ones({2}));
  }
  EXPECT_EQ(random::state(), before);
  random::seed(7);
  EXPECT_TRUE(identical(random::uniform({2}), inside));
}

TEST_P(RandomStream, DropoutInTrainingAndNothingInInference) {
  nn::HybridSequential net;
  net.add(nn::Dense(64, {.in_units = 8}), nn::Dropout(0.5), nn::Dense(4), nn::Dropout(0.1));
  net.initialize();
  const Tensor x = random::normal({3, 8});
  net(x);
  const auto run = [&] {
    random::seed(21);
    Tensors all;
    for (const bool training : {true, false, true, true}) {
      const TrainingScope scope(training);
      all.push_back(net(x));
    }
    return all;
  };
  const Tensors imperative = run();
  const random::State after = random::state();
  net.hybridize(options());
  const Tensors hybrid = run();
  EXPECT_EQ(random::state(), after);
  for (std::size_t i = 0; i < hybrid.size(); ++i) EXPECT_TRUE(identical(hybrid[i], imperative[i]));
  EXPECT_FALSE(identical(hybrid[0], hybrid[2]));
  EXPECT_EQ(net.explain().compiles, 2u);
}

TEST_P(RandomStream, SeedingWithinATraceIsAnError) {
  const auto f = jit(
      [](Tensor x) {
        random::seed(1);
        return x + random::uniform({2});
      },
      options());
  EXPECT_ERROR(TraceError, f(ones({2})), "seed");
}

MLPJIT_PAINS_IN_ALL_MODES(RandomStream);

}  // namespace
}  // namespace mlpjit
