// The audit of a hybridized function: what another trace does otherwise is listed with the layer
// and the op, what is read at each call is not, and auditing itself moves nothing but C++ state.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>

#include "pains.h"

namespace mlpjit {
namespace {

class Audit : public test::PainTest {
 protected:
  HybridizeOptions audited() const {
    HybridizeOptions all = options();
    all.audit = true;
    return all;
  }
  template <class Jitted>
  static std::string audit_of(const Jitted& f) {
    std::string text;
    const Explanation explanation = f.explain();
    for (const SignatureSummary& signature : explanation.signatures) {
      for (const std::string& line : signature.audit) text += line + "\n";
    }
    return text;
  }
  static void expect_text(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  }
  static auto lines_in(const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  }
  // What the audit says of two calls.
  template <class Function>
  std::string audit(const Function& function, const Tensors& inputs) const {
    const auto f = jit([function](const Tensors& x) { return Tensors(function(x)); }, audited());
    f(inputs);
    f(inputs);
    return audit_of(f);
  }
};

// A C++ bool that is another at each trace.
struct Toggle {
  std::shared_ptr<bool> state = std::make_shared<bool>(false);
  bool operator()() const { return *state = !*state; }
};

TEST_P(Audit, OrderAndChoiceOfResultsAreCompared) {
  const Toggle swap, which, alias, handle;
  const std::string order = audit(
      [swap](const Tensors& x) {
        Tensor a = exp(x[0]), b = tanh(x[0]);
        return swap() ? Tensors{a, b} : Tensors{b, a};
      },
      {ones({2})});
  expect_text(order, {"result 0 is %0 = exp, in the second trace %1 = tanh",
                      "result 1 is %1 = tanh, in the second trace %0 = exp"});
  EXPECT_EQ(lines_in(order), 2) << order;
  expect_text(audit(
                  [which](const Tensors& x) {
                    Tensor a = exp(x[0]), b = tanh(x[0]);
                    return which() ? Tensors{a} : Tensors{a, b};
                  },
                  {ones({2})}),
              {"the number of results is 1, in the second trace 2"});
  expect_text(audit([handle](const Tensors& x) { return handle() ? Tensors{x[0]} : Tensors{x[1]}; },
                    {ones({2}), ones({2})}),
              {"result 0 is argument x0, in the second trace argument x1"});
  expect_text(audit(
                  [alias](const Tensors& x) {
                    Tensor a = exp(x[0]), b = a;
                    if (alias()) b = a.copy();
                    return Tensors{a, b};
                  },
                  {ones({2})}),
              {"reshape", "the second trace has nothing here"});
}

TEST_P(Audit, UpdatesInPlaceAreCompared) {
  const Toggle which, also;
  const Tensor p = zeros({2}), q = zeros({2});
  const std::string text = audit(
      [which, p, q](const Tensors& x) {
        Tensor to = which() ? p : q, from = p + q;
        to.assign(x[0]);
        return Tensors{from};
      },
      {ones({2})});
  expect_text(text, {"update in place: capture 0", "what it was", "update in place: capture 1"});
  expect_text(audit(
                  [also, p](const Tensors& x) {
                    Tensor state = p;
                    if (also()) state += x[0];
                    return Tensors{p + x[0]};
                  },
                  {ones({2})}),
              {"= reshape", "the second trace has nothing here"});
}

TEST_P(Audit, OperandsAreComparedByTheValueThatTheyAre) {
  const Toggle operand;
  const std::string text = audit(
      [operand](const Tensors& x) {
        Tensor a = exp(x[0]), b = tanh(x[0]);
        return Tensors{(operand() ? a : b) * 2, a + b};
      },
      {ones({2})});
  expect_text(text, {"= multiply: operand 0 is %0 = exp, in the second trace %1 = tanh"});
  EXPECT_EQ(lines_in(text), 1) << text;
}

// One difference does not hide another behind it, and what only follows from it is not listed.
TEST_P(Audit, EveryDifferenceIsListedOnce) {
  const Toggle branch;
  const auto counter = std::make_shared<int>(0);
  const std::string text = audit(
      [branch, counter](const Tensors& x) {
        Tensor y = branch() ? exp(x[0]) : tanh(x[0]);
        y = relu(y) + x[0];
        return Tensors{softmax(y * static_cast<float>(++*counter), -1)};
      },
      {ones({2})});
  expect_text(text, {"%0 = exp: the second trace has %0 = tanh here: a C++ branch went another way",
                     "constant, used by %4 = multiply: value is 1, in the second trace 2"});
  EXPECT_EQ(lines_in(text), 2) << text;

  const auto rounds = std::make_shared<int>(1);
  const std::string loop = audit(
      [rounds](const Tensors& x) {
        Tensor y = x[0];
        for (int i = 0; i < *rounds; ++i) y = exp(y);
        ++*rounds;
        return Tensors{tanh(y)};
      },
      {ones({2})});
  expect_text(loop, {"after %0 = exp: the second trace has %1 = exp here", "number of rounds"});
}

TEST_P(Audit, BodiesOfBranchesAndLoopsAreCompared) {
  const Toggle branch, body, step, test;
  expect_text(audit(
                  [branch](const Tensors& x) {
                    return cond(
                        sum(x[0]) > 0,
                        [&](Tensor a) {
                          Tensor b = exp(a), c = tanh(a);
                          return branch() ? Tensors{b, c} : Tensors{c, b};
                        },
                        [](Tensor a) { return Tensors{a, a * 2}; }, {x[0]});
                  },
                  {ones({2})}),
              {"cond: the then branch: result 0 is", "= exp, in the second trace"});
  expect_text(audit(
                  [body](const Tensors& x) {
                    return while_loop([](Tensor i, Tensor) { return i < 3; },
                                      [&](Tensor i, Tensor a) {
                                        return std::pair(i + 1, a * (body() ? 2.f : 3.f));
                                      },
                                      {Tensor(0), x[0]});
                  },
                  {ones({2})}),
              {"value is 2, in the second trace 3"});
  expect_text(audit(
                  [test](const Tensors& x) {
                    return while_loop(
                        [&](Tensor i, Tensor j, Tensor) { return (test() ? i : j) < 3; },
                        [](Tensor i, Tensor j, Tensor a) { return Tensors{i + 1, j + 1, a * 2}; },
                        {Tensor(0), Tensor(1), x[0]});
                  },
                  {ones({2})}),
              {"less: operand 0 is argument 0 of the region, in the second trace argument 1 of "
               "the region"});
  expect_text(audit(
                  [step](const Tensors& x) {
                    auto [carry, ys] = scan(
                        [&](Tensor c, Tensor row) {
                          return std::pair(c + row, step() ? exp(row) : tanh(row));
                        },
                        zeros({2}), x[0]);
                    return Tensors{carry, ys};
                  },
                  {ones({3, 2})}),
              {"= exp: the second trace has", "= tanh here"});
}

TEST_P(Audit, TextAndOperandsOfPrintsAreCompared) {
  const auto count = std::make_shared<int>(0);
  testing::internal::CaptureStdout();
  const std::string text = audit(
      [count](const Tensors& x) {
        print("call " + std::to_string(++*count), x[0]);
        return Tensors{x[0] * 2};
      },
      {ones({})});
  const std::string printed = testing::internal::GetCapturedStdout();
  expect_text(text, {"print: text is \"call 1\", in the second trace \"call 2\""});
  EXPECT_EQ(printed, "call 11\ncall 11\n");  // by the two calls only
}

TEST_P(Audit, AttributesAreShownInFull) {
  const auto slope = std::make_shared<double>(1e-9);
  const std::string text = audit(
      [slope](const Tensors& x) {
        *slope *= 2;
        return Tensors{leaky_relu(x[0], *slope)};
      },
      {ones({2})});
  expect_text(text, {"alpha is 2e-09, in the second trace 4e-09"});
  const auto bound = std::make_shared<int>(0);
  const std::string bounds = audit(
      [bound](const Tensors& x) {
        ++*bound;
        return Tensors{hardtanh(x[0], -*bound, *bound)};
      },
      {ones({2})});
  expect_text(bounds, {"min is -1, in the second trace -2", "max is 1, in the second trace 2"});
  EXPECT_EQ(lines_in(bounds), 2) << bounds;
  const auto long_one = std::make_shared<float>(0.f);
  const std::string element = audit(
      [long_one](const Tensors& x) {
        std::vector<float> table(20);
        table[13] = ++*long_one;
        return Tensors{x[0] * tensor(table, {4, 5})};
      },
      {ones({4, 5})});
  expect_text(element, {"used by", "multiply: value[2, 3] is 1, in the second trace 2"});
  const auto size = std::make_shared<int>(1);
  expect_text(
      audit([size](const Tensors& x) { return Tensors{x[0] + sum(ones({++*size}))}; }, {ones({})}),
      {"value is f32[2], in the second trace f32[3]"});
}

TEST_P(Audit, ClocksRandomDevicesAndStaticCountersAreFound) {
  expect_text(audit(
                  [](const Tensors& x) {
                    static int calls = 0;
                    return Tensors{x[0] * ++calls};
                  },
                  {ones({2})}),
              {"used by %1 = multiply: value is ", "in the second trace", "baked"});
  expect_text(audit(
                  [](const Tensors& x) {
                    const auto now = std::chrono::steady_clock::now().time_since_epoch();
                    return Tensors{x[0] + std::chrono::duration<double>(now).count()};
                  },
                  {ones({2}, DType::f64)}),
              {"baked"});
  const auto engine = std::make_shared<std::mt19937>(3);
  expect_text(audit(
                  [engine](const Tensors& x) {
                    return Tensors{x[0] * std::uniform_real_distribution<float>()(*engine)};
                  },
                  {ones({2})}),
              {"multiply: value is 0.", "baked"});
}

// What the program changes between its calls, no trace of one call can see.
TEST_P(Audit, AMemberSetBetweenCallsIsFoundAtTheNextCall) {
  struct Scaled : nn::HybridBlock {
    float scale = 2;
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return x * scale; }
  };
  struct Net : nn::HybridBlock {
    Scaled scaled = child("scaled", Scaled());
    Tensor hybrid_forward(const Ops&, const Tensor& x) override { return scaled(x) + 1; }
  };
  Net net;
  net.hybridize(audited());
  const Tensor x = ones({2});
  net(x);
  net(x);
  EXPECT_EQ(audit_of(net), "");
  net.scaled.scale = 3;
  EXPECT_TRUE(identical(net(x), full({2}, 3.f)));  // the frozen one: that is what is reported
  expect_text(audit_of(net), {"layer 'scaled'", "value is 2, in a later trace 3", "baked"});
  net.scaled.scale = 4;
  net(x);
  EXPECT_EQ(lines_in(audit_of(net)), 1);  // a place is listed once
  EXPECT_EQ(net.explain().hits, 3u);
}

TEST_P(Audit, ATensorMadeAtTheFirstTraceAndKeptIsFound) {
  const auto kept = std::make_shared<Tensor>();
  const std::string text = audit(
      [kept](const Tensors& x) {
        if (!kept->defined()) *kept = ones({40});
        return Tensors{x[0] + *kept};
      },
      {ones({40})});
  expect_text(text, {"%0 = constant and 1 more op: the second trace does not make it",
                     "kept in a C++ variable is baked"});
  EXPECT_EQ(lines_in(text), 1) << text;
}

TEST_P(Audit, ReboundCapturesAreNamedWithTheOpThatUsesThem) {
  const auto weights = std::make_shared<Tensors>(Tensors{full({2}, 1.f), full({2}, 2.f)});
  const auto next = std::make_shared<std::size_t>(0);
  expect_text(audit([=](const Tensors& x) { return Tensors{x[0] * (*weights)[(*next)++ % 2]}; },
                    {ones({2})}),
              {"%1 = multiply: capture 0 is another tensor in the second trace", "bound anew"});
  // The same two in the other order are the same inputs.
  const Toggle order;
  const std::string swapped = audit(
      [=](const Tensors& x) {
        const bool first = order();
        return Tensors{x[0] * (*weights)[first ? 0 : 1] + (*weights)[first ? 1 : 0]};
      },
      {ones({2})});
  expect_text(swapped, {"multiply: operand 1 is capture 0, in the second trace capture 1",
                        "add: operand 1 is capture 1, in the second trace capture 0"});
  EXPECT_EQ(lines_in(swapped), 2) << swapped;
  const Tensors changing{full({2}, 1.f), full({2}, 2.f), full({2}, 3.f)};
  const auto current = std::make_shared<Tensor>(changing[0]);
  const auto f = jit([current](Tensor x) { return x + *current; }, audited());
  f(ones({2}));
  f(ones({2}));
  EXPECT_EQ(audit_of(f), "");
  *current = changing[1];
  f(ones({2}));
  expect_text(audit_of(f), {"add: capture 0 is another tensor in a later trace"});
}

TEST_P(Audit, WhatDependsOnTheSignatureIsNoDifference) {
  const auto f = jit(
      [](Tensor x) {
        Tensor y = x / static_cast<float>(x.shape()[0].value());
        for (int i = 0; i < x.rank(); ++i) y = y + 1;
        return is_training() ? y * 2 : y;
      },
      audited());
  f(ones({2, 3}));
  f(ones({5, 3}));
  f(ones({5}));
  {
    const TrainingScope training;
    f(ones({5}));
  }
  f(ones({2, 3}));
  EXPECT_EQ(f.explain().compiles, 4u);
  EXPECT_EQ(audit_of(f), "");
}

TEST_P(Audit, LayersReportNothingAndTheirStateMovesAsWithout) {
  const auto make = [] {
    nn::HybridSequential inner;
    inner.add(nn::Dense(6, {.activation = "relu"}), nn::Dropout(0.5));
    nn::HybridSequential net;
    net.add(nn::Dense(8), nn::BatchNorm(), nn::Dropout(0.3), inner, nn::LayerNorm(), nn::Dense(3));
    random::seed(5);
    net.initialize();
    return net;
  };
  const auto run = [](nn::HybridSequential& net) {
    const TrainingScope training;
    random::seed(9);
    const Tensor x = random::normal({4, 5});
    Tensors seen;
    for (int call = 0; call < 3; ++call) seen.push_back(net(x));
    for (const auto& [path, parameter] : net.collect_params())
      seen.push_back(parameter.data().copy());
    seen.push_back(random::uniform({2}));
    return seen;
  };
  nn::HybridSequential plain = make();
  const Tensors expected = run(plain);
  nn::HybridSequential net = make();
  net.hybridize(audited());
  const Tensors seen = run(net);
  ASSERT_EQ(seen.size(), expected.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_TRUE(identical(seen[i], expected[i])) << i;
  const Explanation explanation = net.explain();
  EXPECT_EQ(audit_of(net), "");
  EXPECT_EQ(explanation.hits, 2u);
  EXPECT_EQ(explanation.misses, 1u);
  EXPECT_EQ(explanation.compiles, 1u);
}

TEST_P(Audit, ControlFlowDrawsAndUpdatesReportNothing) {
  const Tensor w = random::normal({3, 3}), total = zeros({3});
  EXPECT_EQ(audit(
                [w, total](const Tensors& x) {
                  Tensor sum_of = total;
                  const Tensors r = while_loop(
                      [](Tensor i, Tensor) { return i < 3; },
                      [&](Tensor i, Tensor a) {
                        sum_of += a;
                        const Tensors c = cond(
                            sum(a) > 0, [&] { return dense(a, w) + random::normal({3}); },
                            [&] { return a * 2; });
                        return Tensors{i + 1, c[0]};
                      },
                      {Tensor(0), x[0]});
                  auto [carry, ys] = scan(
                      [&](Tensor c, Tensor row) {
                        sum_of += row;
                        return std::pair(c + row, row * c);
                      },
                      r[1], x[1]);
                  Tensor in = x[0];
                  in += 1;
                  return Tensors{carry, ys, in, carry};
                },
                {ones({3}), ones({4, 3})}),
            "");
}

TEST_P(Audit, AVariableThatHoldsAValueOfTheTraceIsAnErrorThatListsAll) {
  Tensor h = ones({2}), last;
  const auto rebound = jit([&](Tensor x) { return h = h + x; }, audited());
  EXPECT_ERROR(TraceError, rebound(ones({2})), "a C++ variable outside", "= add", "h = h + x",
               "audit: the second trace ended with the error: add", "h.assign(h + x)");
  EXPECT_TRUE(rebound.explain().signatures.empty());
  int calls = 0;
  const auto kept = jit(
      [&](Tensor x) {
        last = x * ++calls;
        return last + 1;
      },
      audited());
  EXPECT_ERROR(TraceError, kept(ones({2})), "holds %1 = multiply",
               "audit: %0 = constant, used by %1 = multiply: value is 1, in the second trace 2");
  const Explanation explanation = kept.explain();
  EXPECT_EQ(explanation.failures, 1u);
  EXPECT_NE(explanation.last_failure.find("value is 1"), std::string::npos);
  last = Tensor();
  // Only in another trace than the first: the program does not do it, and says so.
  int traces = 0;
  const auto sometimes = jit(
      [&](Tensor x) {
        Tensor y = x * 2;
        if (++traces == 2) last = y;
        return y;
      },
      audited());
  sometimes(ones({2}));
  expect_text(audit_of(sometimes),
              {"a C++ variable outside of the traced code holds %1 = multiply (f32[2]) after the "
               "second trace"});
  last = Tensor();
}

TEST_P(Audit, ErrorsOfAnotherTraceAreLines) {
  int traces = 0;
  const auto f = jit(
      [&](Tensor x) {
        if (++traces == 2) throw std::runtime_error("the file is gone");
        if (traces == 3) throw 3;
        return x + 1;
      },
      audited());
  EXPECT_TRUE(identical(f(ones({2})), full({2}, 2.f)));
  expect_text(audit_of(f), {"the second trace ended with the error: the file is gone"});
  EXPECT_TRUE(identical(f(ones({2})), full({2}, 2.f)));
  EXPECT_EQ(traces, 3);
  const auto reads = jit(
      [&](Tensor x) {
        if (++traces > 4) (void)x.item<float>();
        return x + 1;
      },
      audited());
  reads(tensor(1.f));
  expect_text(audit_of(reads), {"the second trace ended with the error: item: the value of"});
}

TEST_P(Audit, ThreadsMayCallWhatIsAudited) {
  const Tensor w = random::normal({3, 3});
  std::atomic<int> calls{0}, at_once{0}, most{0};
  const auto f = jit(
      [&](Tensor x) {
        ++calls;
        const int now = ++at_once;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        const Tensor y = tanh(dense(x, w));
        --at_once;
        return y;
      },
      audited());
  const Tensor x = random::normal({2, 3});
  const Tensor expected = f(x);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) wrong += !identical(f(x), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(most, 1);  // one trace of a function at a time
  EXPECT_GT(calls, 2);
  EXPECT_EQ(audit_of(f), "");
  EXPECT_EQ(f.explain().hits, 200u);
}

TEST_P(Audit, AFunctionOfManyOpsThatHaveNothingInCommon) {
  const Toggle toggle;
  const std::string text = audit(
      [toggle](const Tensors& x) {
        Tensor y = x[0];
        const bool first = toggle();
        for (int i = 0; i < 600; ++i) y = first ? exp(y) : tanh(y);
        return Tensors{y};
      },
      {ones({2})});
  expect_text(text, {"%0 = exp and 599 more ops: the second trace has %0 = tanh and 599 more ops"});
  EXPECT_EQ(lines_in(text), 1) << text;
}

MLPJIT_PAINS_IN_ALL_MODES(Audit);

}  // namespace
}  // namespace mlpjit
