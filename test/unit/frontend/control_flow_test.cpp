// cond, while_loop and scan mean the same in every mode.

#include "control_flow_fixture.h"
#include "expect_error.h"

namespace mlpjit {
namespace {

using test::ControlFlow;

TEST_P(ControlFlow, CondRunsOneBranch) {
  const auto f = [](const Tensors& x) {
    return cond(
        sum(x[0]) > 0, [](Tensor a) { return a * 2; }, [](Tensor a) { return a - 1; }, {x[0]});
  };
  expect_same(f, {tensor({1.f, 2.f})});
  expect_same(f, {tensor({-1.f, -2.f})});
  EXPECT_TRUE(identical(f({tensor({1.f, 2.f})})[0], tensor({2.f, 4.f})));
  EXPECT_TRUE(identical(f({tensor({-1.f, 0.f})})[0], tensor({-2.f, -1.f})));
}

TEST_P(ControlFlow, BranchesUpdateTensorsDrawAndClose) {
  const Tensor w = tensor({10.f, 20.f});
  for (const float sign : {1.f, -1.f}) {
    expect_same(
        [w](const Tensors& x) {
          Tensor a = x[0], made = zeros({2});
          const Tensors r = cond(
              sum(a) > 0,
              [&] {
                a += w;
                made += random::uniform({2});
                return Tensors{a * 1, random::normal({2})};
              },
              [&] {
                made.assign(a);
                a.slice(0, 0, 1).assign(5);
                return Tensors{w * 1, zeros({2})};
              });
          return Tensors{r[0], r[1], made + a, random::uniform({2})};
        },
        {tensor({sign, 2 * sign})});
  }
}

TEST_P(ControlFlow, WhileLoopsCarryTheirState) {
  const auto f = [](const Tensors& x) {
    return while_loop([](Tensor i, Tensor) { return i < 5; },
                      [](Tensor i, Tensor a) { return Tensors{i + 1, a * 2}; }, {0, x[0]});
  };
  expect_same(f, {tensor({1.f, 3.f})});
  const Tensors r = f({tensor({1.f, 3.f})});
  EXPECT_EQ(r[0].item<int>(), 5);
  EXPECT_TRUE(identical(r[1], tensor({32.f, 96.f})));
  expect_same(
      [](const Tensors& x) {  // no round at all
        return while_loop([](Tensor a) { return max(a) < 0; }, [](Tensor a) { return a + 1; },
                          {x[0]});
      },
      {tensor({1.f, 3.f})});
  expect_same(
      [](const Tensors& x) {  // stopped by the limit
        return while_loop([](Tensor a) { return max(a) > 0; }, [](Tensor a) { return a + 1; },
                          {x[0]}, 7);
      },
      {tensor({1.f, 3.f})});
}

TEST_P(ControlFlow, LoopBodiesUpdateOutsideTensorsAndDraw) {
  const Tensor w = random::normal({3, 3}), b = zeros({3});
  expect_same(
      [w, b](const Tensors& x) {
        Tensor count = zeros({}), log = x[0], before = count.copy();
        const Tensors r =
            while_loop([&](Tensor i, Tensor) { return i + cast(count, DType::i64) < 8; },
                       [&](Tensor i, Tensor a) {
                         count += 1;
                         log += random::uniform({2, 3});
                         log.slice(0, 0, 1) *= count + before;
                         return Tensors{i + 1, relu(dense(a, w, b)) + log};
                       },
                       {Tensor(0), x[0] * 1});
        return Tensors{r[0], r[1], count, log + 1, random::normal({1})};
      },
      {tensor({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}})});
}

TEST_P(ControlFlow, ScanStacksWhatItGives) {
  const auto f = [](const Tensors& x) {
    auto [carry, ys] = scan(
        [](Tensor c, Tensor row) {
          Tensor next = c + row;
          return std::pair(next, next * 2);
        },
        x[1], x[0]);
    return Tensors{carry, ys};
  };
  const Tensor rows = reshape(arange(6), {3, 2}), start = tensor({100.f, 200.f});
  expect_same(f, {rows, start});
  EXPECT_TRUE(
      identical(f({rows, start})[1], tensor({{200.f, 402.f}, {204.f, 408.f}, {212.f, 418.f}})));
  expect_same(f, {zeros({0, 2}), start});
  EXPECT_EQ(f({zeros({0, 2}), start})[1].shape(), (Shape{0, 2}));
  expect_same(
      [](const Tensors& x) {
        Tensor total = zeros({});
        auto [carry, ys] = scan(
            [&](const Tensors& c, const Tensors& row) {
              total += sum(row[0]);
              return std::pair(Tensors{c[0] + row[0] * row[1], c[1] + random::uniform({})},
                               Tensors{row[0], total * 1});
            },
            Tensors{x[1], Tensor(0.5)}, Tensors{x[0], x[0] + 1});
        return Tensors{carry[0], carry[1], ys[0], ys[1], total};
      },
      {rows, start});
}

// Over nothing there is no round that could say what ys are like, or that the body is wrong.
TEST_P(ControlFlow, ScanOverNothingIsTheSameInAllModes) {
  using Body = std::function<std::pair<Tensors, Tensors>(const Tensors&, const Tensors&)>;
  const auto over_nothing = [](const Body& body) {
    return [body](const Tensors& x) {
      auto [carry, ys] = scan(body, Tensors{x[0]}, Tensors{x[1]});
      carry.insert(carry.end(), ys.begin(), ys.end());
      return carry;
    };
  };
  const Tensors inputs{tensor({1.f, 2.f}), zeros({0, 2})};
  // Effects: none. Results: of the right dtypes and shapes, C++ scalars included.
  int rounds = 0;
  const Tensor total = zeros({2});
  random::seed(3);
  testing::internal::CaptureStdout();
  const auto quiet = over_nothing([&rounds, total](const Tensors& c, const Tensors& row) {
    ++rounds;
    Tensor sum_of = total;
    sum_of += row[0];
    print("row", row[0]);
    return std::pair(Tensors{c[0] + random::uniform({2})},
                     Tensors{row[0] > 0, stack({row[0], c[0]}), Tensor(7)});
  });
  const Tensors plain = quiet(inputs);
  EXPECT_EQ(rounds, 1);
  const Tensors compiled = jit([quiet](const Tensors& x) { return quiet(x); },
                               HybridizeOptions{.backend = GetParam()})(inputs);
  EXPECT_EQ(rounds, 2);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_TRUE(identical(total, zeros({2})));
  EXPECT_EQ(random::state(), (random::State{3, 0}));
  ASSERT_EQ(plain.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(identical(plain[i], compiled[i])) << i;
  EXPECT_TRUE(identical(plain[0], inputs[0]));
  EXPECT_TRUE(identical(plain[1], zeros({0, 2}, DType::boolean)));
  EXPECT_EQ(plain[2].shape(), (Shape{0, 2, 2}));
  EXPECT_TRUE(identical(plain[3], zeros({0}, DType::i64)));

  const auto both = [&](const Body& body, const auto& expect) {
    const auto f = over_nothing(body);
    expect([&] { f(inputs); });
    expect([&] {
      jit([f](const Tensors& x) { return f(x); }, HybridizeOptions{.backend = GetParam()})(inputs);
    });
  };
  both([](const Tensors& c,
          const Tensors& row) { return std::pair(Tensors{stack({c[0], c[0]})}, row); },
       [](const auto& run) { EXPECT_ERROR(ShapeError, run(), "f32[2, 2]", "f32[2]"); });
  both([](const Tensors& c, const Tensors& row) { return std::pair(Tensors{c[0], c[0]}, row); },
       [](const auto& run) { EXPECT_ERROR(UserError, run(), "gives back 2 carried tensors"); });
  both([](const Tensors& c,
          const Tensors& row) { return std::pair(c, Tensors{row[0] * sum(c[0]).item<float>()}); },
       [](const auto& run) { EXPECT_ERROR(TraceError, run(), "item: the value of", "= sum"); });
  Tensor last = ones({2});
  both(
      [&last](const Tensors& c, const Tensors& row) {
        last = row[0] * 2;
        return std::pair(c, row);
      },
      [](const auto& run) {
        EXPECT_ERROR(TraceError, run(), "a C++ variable outside of the traced code", "= multiply");
      });
  both(
      [](const Tensors& c, const Tensors&) -> std::pair<Tensors, Tensors> {
        if (c[0].rank() == 1) throw std::out_of_range("the user's own");
        return {c, c};
      },
      [](const auto& run) { EXPECT_ERROR(std::out_of_range, run(), "the user's own"); });
  EXPECT_FALSE(is_tracing());
}

TEST_P(ControlFlow, ScanReadsItsSequencesAtTheStart) {
  expect_same(
      [](const Tensors& x) {
        auto [carry, ys] = scan(
            [&](Tensor c, Tensor row) {
              Tensor rows = x[0];
              rows += 1;  // the entries to come stay as they were
              return std::pair(c + row, row);
            },
            zeros({2}), x[0]);
        return Tensors{carry, ys};
      },
      {reshape(arange(6), {3, 2})});
}

TEST_P(ControlFlow, Nests) {
  expect_same(
      [](const Tensors& x) {
        Tensor seen = zeros({2});
        const Tensors r =
            while_loop([](Tensor i, Tensor) { return i < 4; },
                       [&](Tensor i, Tensor a) {
                         const Tensors inner = cond(
                             remainder(i, 2) == 0,
                             [&] {
                               seen += a;
                               return a + 1;
                             },
                             [&] {
                               return while_loop([](Tensor j, Tensor) { return j < 3; },
                                                 [&](Tensor j, Tensor y) {
                                                   seen += 0.5;
                                                   return Tensors{j + 1, y * 1.5};
                                                 },
                                                 {Tensor(0), a})[1];
                             });
                         return Tensors{i + 1, inner[0]};
                       },
                       {Tensor(0), x[0]});
        return Tensors{r[1], seen};
      },
      {tensor({1.f, -2.f})});
}

TEST_P(ControlFlow, CarriedValuesMayChangePlaces) {
  for (const int turns : {0, 1, 2, 5}) {
    expect_same(
        [turns](const Tensors& x) {
          const Tensors r = while_loop(
              [turns](Tensor i, Tensor, Tensor, Tensor) { return i < turns; },
              [&](Tensor i, Tensor a, Tensor b, Tensor) { return Tensors{i + 1, b, a + b, x[0]}; },
              {Tensor(0), x[0], x[1], x[1]});
          auto [carry, ys] = scan(
              [&](const Tensors& c, const Tensors& row) {
                return std::pair(Tensors{c[1], c[0]}, Tensors{c[0], row[0], x[1]});
              },
              Tensors{r[1], r[2]}, Tensors{stack({x[0], x[1], r[3]})});
          return Tensors{r[0], r[1], r[2], r[3], carry[0], carry[1], ys[0], ys[1], ys[2]};
        },
        {tensor({1.f, 2.f}), tensor({-3.f, 0.5f})});
  }
}

TEST_P(ControlFlow, LoopsOfDenseLayersThatDrawAndPrint) {
  const Tensor w = random::normal({40, 40}), b = zeros({40}), head = random::normal({3, 40});
  const auto f = [=](const Tensors& x) {
    Tensor total = zeros({3});
    const Tensors r =
        while_loop([](Tensor i, Tensor h) { return logical_and(i < 6, sum(h) < 1e6); },
                   [&](Tensor i, Tensor h) {
                     const Tensor next = relu(dense(h, w, b)) * 0.2 + random::normal({5, 40});
                     print("turn", i);
                     const Tensor y = cond(
                         sum(next) > 10,
                         [&] {
                           total += sum(softmax(dense(next, head), -1), {0});
                           return next * 0.5;
                         },
                         [&] {
                           print("small", i);
                           return tanh(dense(next, w));
                         })[0];
                     return Tensors{i + 1, y};
                   },
                   {Tensor(0), x[0]});
    return Tensors{r[0], r[1], total, random::uniform({2})};
  };
  expect_same(f, {random::normal({5, 40})});
  expect_same(f, {full({5, 40}, 1e5)});  // no turn
}

TEST_P(ControlFlow, ResultsAreIndependentOfOperands) {
  expect_same(
      [](const Tensors& x) {
        Tensor r =
            cond(sum(x[0]) > 0, [](Tensor a) { return a; }, [](Tensor a) { return a; }, {x[0]})[0];
        r += 1;
        const Tensors s = while_loop([](Tensor i, Tensor) { return i < 2; },
                                     [](Tensor i, Tensor a) {
                                       a += 1;
                                       return Tensors{i + 1, a};
                                     },
                                     {Tensor(0), x[0]});
        return Tensors{r, s[1], x[0] * 1};
      },
      {tensor({1.f, 2.f})});
}

INSTANTIATE_TEST_SUITE_P(Backends, ControlFlow, testing::Values(Backend::graph, Backend::native),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(ControlFlowReport, ListsTheKernelsOfRegions) {
  const Tensor w = ones({8, 8});
  const auto compiled = jit([w](Tensor x) {
    return while_loop([](Tensor a) { return sum(a) < 100; },
                      [w](Tensor a) { return relu(dense(a, w)) + 1; }, {x})[0];
  });
  compiled(ones({2, 8}));
  const Explanation explanation = compiled.explain();
  ASSERT_EQ(explanation.signatures.size(), 1u);
  std::vector<std::string> kernels;
  for (const KernelSummary& kernel : explanation.signatures[0].kernels)
    kernels.push_back(kernel.name + " " + kernel.kind);
  EXPECT_EQ(kernels, (std::vector<std::string>{"while while", "while.condition.sum reduction",
                                               "while.condition.less elementwise",
                                               "while.body.dense dense", "copy copy"}));
}

TEST(ControlFlowText, RoundTrips) {
  const Graph g = trace(
      [](Tensor x) {
        Tensor n = zeros({});
        return while_loop([](Tensor a) { return max(a) < 9; },
                          [&](Tensor a) {
                            n += 1;
                            return cond(n > 2, [&] { return a + n; }, [&] { return a * 2; });
                          },
                          {x})[0] +
               n;
      },
      f32({2}));
  EXPECT_EQ(Graph::parse(g.to_text()).to_text(), g.to_text());
  EXPECT_NE(g.to_text().find("while_loop"), std::string::npos);
}

Tensor nested(const Tensor& x, int levels) {
  if (levels == 0) return x;
  const auto inside = [levels](const Tensors& t) { return Tensors{nested(t[0], levels - 1)}; };
  return cond(sum(x) > 0, inside, [](const Tensors& t) { return t; }, {x})[0];
}

TEST(ControlFlow, NestsAsDeepAsItsTextIsRead) {
  const auto f = [](int levels) {
    return trace([levels](const Tensor& x) { return nested(x, levels); }, f32({2}));
  };
  EXPECT_EQ(Graph::parse(f(64).to_text()).to_text(), f(64).to_text());
  EXPECT_ERROR(TraceError, f(65), "64 deep");
}

}  // namespace
}  // namespace mlpjit
