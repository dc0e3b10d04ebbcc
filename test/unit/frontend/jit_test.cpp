// jit: same meaning in every mode, one program per signature, and everything countable.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "expect_error.h"
#include "mlpjit/mlpjit.h"
#include "src/hybrid/cached_function.h"

namespace mlpjit {
namespace {

class Jit : public testing::TestWithParam<Backend> {
 protected:
  HybridizeOptions options() const { return {.backend = GetParam()}; }
};

TEST_P(Jit, TracesOncePerSignature) {
  int runs = 0;
  const auto f = jit(
      [&runs](Tensor a, Tensor b) {
        ++runs;
        return a * b + 1;
      },
      options());
  const Tensor x = tensor({1.f, 2.f}), y = tensor({3.f, 4.f});
  EXPECT_TRUE(identical(f(x, y), tensor({4.f, 9.f})));
  EXPECT_TRUE(identical(f(y, y), tensor({10.f, 17.f})));  // one tensor twice
  EXPECT_TRUE(identical(f(x, y), tensor({4.f, 9.f})));
  EXPECT_TRUE(identical(f(x, 2), tensor({3.f, 5.f})));  // a C++ scalar
  EXPECT_TRUE(identical(f(x, 3), tensor({4.f, 7.f})));
  EXPECT_TRUE(identical(f(cast(x, DType::f64), 0.1), cast(x, DType::f64) * 0.1 + 1));
  EXPECT_EQ(runs, 4);
  const Explanation e = f.explain();
  EXPECT_EQ(e.misses, 4u);
  EXPECT_EQ(e.hits, 2u);
  EXPECT_EQ(e.compiles, 4u);
  EXPECT_EQ(e.entries, 4u);
  EXPECT_NE(e.last_miss.find("argument 0: expected f32[2], got f64[2]"), std::string::npos)
      << e.last_miss;
  f.clear();
  EXPECT_EQ(f.explain().entries, 0u);
  f(x, y);
  EXPECT_EQ(runs, 5);
}

TEST_P(Jit, WeakScalarsKeepTheirMeaning) {
  const auto plain = [](Tensor a, Tensor b) { return a * b; };
  const auto f = jit(plain, options());
  EXPECT_TRUE(identical(f(tensor(3.0), 0.1), tensor(3.0) * 0.1));
  EXPECT_TRUE(f(2, 3).is_weak());
  EXPECT_TRUE(identical(f(2, 3) * tensor(1.f), tensor(6.f)));
  const auto g = jit([](Tensor a) { return std::pair(a, Tensor(0.1)); }, options());
  EXPECT_EQ((g(1).second * tensor(1.0)).item<double>(), 0.1);
  EXPECT_EQ((g(0.1).first * tensor(1.0)).item<double>(), 0.1);
}

TEST_P(Jit, InPlaceUpdatesReachTheCallersTensor) {
  const auto plain = [](Tensor a, Tensor b) {
    Tensor alias = a;
    a += b;
    alias *= 2;
    a.slice(0, 0, 1).assign(7);
    b -= a;
    return std::tuple(a, a + b, b * 1);
  };
  const auto f = jit(plain, options());
  for (int i = 0; i < 2; ++i) {
    const Tensor a1 = tensor({1.f, 2.f}), b1 = tensor({3.f, 5.f}), a2 = a1.copy(), b2 = b1.copy();
    const auto [p1, q1, r1] = plain(a1, b1);
    const auto [p2, q2, r2] = f(a2, b2);
    EXPECT_TRUE(identical(a1, a2));
    EXPECT_TRUE(identical(b1, b2));
    EXPECT_TRUE(identical(q1, q2));
    EXPECT_TRUE(identical(r1, r2));
    EXPECT_EQ(p2.data<float>().data(), a2.data<float>().data());  // the handle itself
    EXPECT_NE(r2.data<float>().data(), b2.data<float>().data());
  }
}

TEST_P(Jit, TheSameTensorTwiceIsOneTensor) {
  const auto plain = [](Tensor a, Tensor b) {
    a += 1;
    return a + b;
  };
  const auto f = jit(plain, options());
  const auto check = [&](auto call) {
    Tensor x = tensor({1.f}), y = tensor({10.f});
    const Tensor apart = call(x, y), together = call(x, x);
    return std::pair(apart.item<float>(), together.item<float>());
  };
  EXPECT_EQ(check(f), check(plain));
  EXPECT_EQ(check(f), std::pair(12.f, 6.f));
}

TEST_P(Jit, CapturedStateIsUpdatedAndMayBeAnArgumentToo) {
  Tensor count = zeros({2});
  const auto plain = [count](Tensor x) mutable {
    count += x;
    return count * 1;
  };
  const auto f = jit(plain, options());
  f(ones({2}));
  f(ones({2}));
  EXPECT_TRUE(identical(count, full({2}, 2.f)));
  f(count);  // the argument is the captured tensor: x is the updated one
  EXPECT_TRUE(identical(count, full({2}, 4.f)));
  f(ones({2}));
  EXPECT_TRUE(identical(count, full({2}, 5.f)));
  f(count);
  EXPECT_TRUE(identical(count, full({2}, 10.f)));
}

TEST_P(Jit, CapturesAreReadAtEachCall) {
  Tensor w = tensor({1.f, 2.f});
  Tensor scale = 2;  // a C++ scalar from before: an input as well
  const auto f = jit([w, &scale](Tensor x) { return x * w * scale; }, options());
  EXPECT_TRUE(identical(f(ones({2})), tensor({2.f, 4.f})));
  w.assign(5);
  EXPECT_TRUE(identical(f(ones({2})), tensor({10.f, 10.f})));
  w.mutable_data<float>()[0] = 1;
  EXPECT_TRUE(identical(f(ones({2})), tensor({2.f, 10.f})));
  EXPECT_EQ(f.explain().compiles, 1u);
}

TEST_P(Jit, ResultsThatAreInputsAreThoseHandles) {
  const Tensor w = tensor({3.f});
  const auto f = jit([w](Tensor x) { return std::tuple(x, w, x.copy(), x + 0); }, options());
  const Tensor x = tensor({-0.f});
  for (int i = 0; i < 2; ++i) {
    auto [a, b, c, d] = f(x);
    EXPECT_EQ(a.data<float>().data(), x.data<float>().data());
    EXPECT_EQ(b.data<float>().data(), w.data<float>().data());
    EXPECT_NE(c.data<float>().data(), x.data<float>().data());
    EXPECT_TRUE(identical(c, x));
    EXPECT_TRUE(identical(d, x + 0));
  }
  const auto twice = jit(
      [](Tensor x) {
        Tensor y = x + 1;
        return std::pair(y, y);
      },
      options());
  auto [p, q] = twice(x);
  p += 1;
  EXPECT_TRUE(identical(p, q));
}

TEST_P(Jit, RandomStreamsAreThoseOfTheImperativeRun) {
  const auto plain = [](Tensor x) {
    (void)random::normal({3});  // a dead draw still counts
    return x + random::uniform({2}, -1, 1) * random::normal({2}, 1, 2) +
           random::bernoulli({2}, 0.5);
  };
  const auto f = jit(plain, options());
  random::seed(11);
  const Tensor a = plain(ones({2})), b = plain(ones({2}));
  const random::State after = random::state();
  random::seed(11);
  EXPECT_TRUE(identical(a, f(ones({2}))));
  EXPECT_TRUE(identical(b, f(ones({2}))));
  EXPECT_EQ(random::state(), after);
}

TEST_P(Jit, TrainingIsPartOfTheSignature) {
  const auto f = jit([](Tensor x) { return is_training() ? x * 2 : x + 0.f; }, options());
  EXPECT_EQ(f(tensor(3.f)).item<float>(), 3);
  {
    const TrainingScope scope;
    EXPECT_EQ(f(tensor(3.f)).item<float>(), 6);
  }
  EXPECT_EQ(f(tensor(3.f)).item<float>(), 3);
  EXPECT_EQ(f.explain().compiles, 2u);
}

TEST_P(Jit, ErrorsAtRunTimeAreThoseOfTheOps) {
  const auto f = jit([](Tensor x, Tensor i) { return gather(x, i); }, options());
  EXPECT_TRUE(identical(f(tensor({1.f, 2.f}), tensor({-1})), tensor({2.f})));
  EXPECT_ERROR(ValueError, f(tensor({1.f, 2.f}), tensor({2})), "gather", "2");
  const auto g = jit([](Tensor a, Tensor b) { return floor_divide(a, b); }, options());
  EXPECT_ERROR(ValueError, g(tensor({1}), tensor({0})), "floor_divide");
}

TEST_P(Jit, AFailedTraceCanBeRetried) {
  bool fail = true;
  const auto f = jit(
      [&](Tensor x) {
        if (fail) (void)x.item<float>();
        return x + 1;
      },
      options());
  EXPECT_ERROR(TraceError, f(tensor(1.f)), "item");
  EXPECT_EQ(f.explain().compiles, 0u);
  fail = false;
  EXPECT_EQ(f(tensor(1.f)).item<float>(), 2);
}

TEST_P(Jit, RecompilesCanBeForbidden) {
  HybridizeOptions strict = options();
  strict.on_recompile = OnRecompile::error;
  const auto f = jit([](Tensor x) { return x + 1; }, strict);
  f(ones({1, 4}));
  f(ones({1, 4}));
  EXPECT_ERROR(UserError, f(ones({2, 4})), "argument 0", "f32[1, 4]", "f32[2, 4]");
  EXPECT_ERROR(UserError, f(1), "argument 0");
  EXPECT_EQ(f.explain().compiles, 1u);
}

TEST_P(Jit, WarningsGoToStandardErrorOncePerReason) {
  HybridizeOptions warned = options();
  warned.on_recompile = OnRecompile::warn;
  warned.max_entries = 1;  // so that the same shapes are compiled again
  const auto f = jit([](Tensor x) { return x + 1; }, warned);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  f(ones({1, 4}));
  f(ones({2, 4}));
  f(ones({1, 4}));
  f(ones({2, 4}));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  const std::string text = testing::internal::GetCapturedStderr();
  const std::string reason = "argument 0: expected f32[1, 4], got f32[2, 4]";
  const std::size_t first = text.find(reason);
  ASSERT_NE(first, std::string::npos) << text;
  EXPECT_EQ(text.find(reason, first + 1), std::string::npos) << text;
}

TEST_P(Jit, TheCacheIsBoundedAndTheLeastRecentlyUsedGoes) {
  HybridizeOptions bounded = options();
  bounded.max_entries = 2;
  int runs = 0;
  const auto f = jit(
      [&](Tensor x) {
        ++runs;
        return x + 1;
      },
      bounded);
  f(ones({1}));
  f(ones({2}));
  f(ones({1}));
  f(ones({3}));  // 2 goes
  f(ones({1}));
  EXPECT_EQ(runs, 3);
  f(ones({2}));
  EXPECT_EQ(runs, 4);
  EXPECT_EQ(f.explain().evictions, 2u);
  EXPECT_EQ(f.explain().entries, 2u);
}

TEST_P(Jit, ManyThreadsMakeOneProgram) {
  std::atomic<int> runs{0}, wrong{0};
  const auto f = jit(
      [&](Tensor x) {
        ++runs;
        return exp(x) * 2;
      },
      options());
  const Tensor x = random::normal({4, 5}), expected = exp(x) * 2;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) wrong += !identical(f(x), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(f.explain().compiles, 1u);
  EXPECT_EQ(f.explain().hits, 319u);
}

TEST_P(Jit, FunctionsOfEveryForm) {
  const auto sum_all = jit([](const Tensors& x) { return Tensors{concat(x), x[0]}; }, options());
  EXPECT_EQ(sum_all(Tensors{ones({1}), ones({2})})[0].size(), 3);
  EXPECT_EQ(sum_all(ones({1}), ones({2}), ones({3}))[0].size(), 6);
  const auto nothing = jit([](Tensor x) { x += 1; }, options());
  const Tensor x = zeros({2});
  nothing(x);
  EXPECT_TRUE(identical(x, ones({2})));
  const auto generic = jit([](auto a, auto b) { return a - b; }, options());
  EXPECT_EQ(generic(3, 1).template item<int>(), 2);
  const auto slice = jit([](Tensor a) { return a.slice(0, 0, 1); }, options());
  const Tensor one = slice(tensor({4, 5}));
  EXPECT_TRUE(identical(one, tensor({4})));
  const auto pair =
      jit([](const Tensor& a) { return std::make_tuple(a, a.slice(0, 1, 2)); }, options());
  EXPECT_TRUE(identical(std::get<1>(pair(tensor({4, 5}))), tensor({5})));
  nn::HybridSequential net;
  net.add(nn::HybridLambda("relu"));
  const auto called = jit([net](Tensor a, Tensor) { return net({a}); }, options());
  const Tensor result = called(tensor({-1.f}), one);
  EXPECT_TRUE(identical(result, tensor({0.f})));
  const auto constant = jit([] { return tensor({1, 2}); }, options());
  EXPECT_TRUE(identical(constant(), tensor({1, 2})));
}

TEST_P(Jit, EmptyAndScalarTensors) {
  const auto f = jit([](Tensor x) { return std::pair(x * 2, sum(x)); }, options());
  EXPECT_EQ(f(zeros({0, 3})).first.shape(), (Shape{0, 3}));
  EXPECT_EQ(f(zeros({0})).second.item<float>(), 0);
  EXPECT_EQ(f(tensor(2.f)).second.item<float>(), 2);
}

TEST_P(Jit, UpdatesThatShareMemoryAreRefused) {
  float memory[3] = {1, 2, 3};
  const Tensor head = Tensor::borrow(memory, {2}), tail = Tensor::borrow(memory + 1, {2});
  const auto f = jit(
      [](Tensor a, Tensor b) {
        a += b;
        return a + b;
      },
      options());
  EXPECT_ERROR(UserError, f(head, tail), "share memory", "copy()");
  const float fixed[2] = {1, 2};
  EXPECT_ERROR(UserError, f(Tensor::borrow(fixed, {2}), head), "read-only");
  EXPECT_TRUE(identical(f(ones({2}), head), tensor({3.f, 5.f})));
}

TEST_P(Jit, ADynamicBatchIsTracedOnce) {
  int runs = 0;
  HybridizeOptions dynamic = options();
  dynamic.batch = Batch::dynamic;
  dynamic.on_recompile = OnRecompile::error;
  const Tensor w = random::normal({7, 5});
  const auto plain = [w](Tensor x, Tensor y) {
    return std::pair(softmax(dense(x, w)) + y, sum(x));
  };
  const auto f = jit(
      [&runs, plain](Tensor x, Tensor y) {
        ++runs;
        return plain(x, y);
      },
      dynamic);
  for (const int batch : {3, 1, 0, 8, 3}) {
    const Tensor x = random::normal({batch, 5}), y = random::normal({batch, 7});
    const auto [p, q] = f(x, y);
    EXPECT_TRUE(identical(p, plain(x, y).first)) << batch;
    EXPECT_TRUE(identical(q, plain(x, y).second)) << batch;
  }
  EXPECT_EQ(runs, 1);
  EXPECT_ERROR(UserError, f(ones({2, 5}, DType::f64), ones({2, 7})), "argument 0");
  const auto reads = jit([](Tensor x) { return x.shape()[0] == 1 ? x : x * 2; }, dynamic);
  EXPECT_ERROR(TraceError, reads(ones({1, 5})), "B");
}

TEST_P(Jit, TheAuditListsWhatATraceFreezes) {
  HybridizeOptions audited = options();
  audited.audit = true;
  int calls = 0;
  const auto f = jit([&](Tensor x) { return x * static_cast<float>(++calls); }, audited);
  f(ones({2}));
  const std::vector<std::string> lines = f.explain().signatures.at(0).audit;
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("multiply: value is 1, in the second trace 2"), std::string::npos)
      << lines[0];
  const auto clean = jit([](Tensor x) { return x * 2 + random::uniform({2}); }, audited);
  clean(ones({2}));
  EXPECT_TRUE(clean.explain().signatures.at(0).audit.empty());
}

INSTANTIATE_TEST_SUITE_P(Backends, Jit, testing::Values(Backend::graph, Backend::native),
                         [](const auto& info) { return std::string(to_string(info.param)); });

// Small results are given again once nobody has them, and not before.
TEST_P(Jit, ResultsThatAreKeptStay) {
  auto f = jit([](const Tensor& x) { return x * 2; }, {.backend = GetParam()});
  std::vector<Tensor> kept;
  for (float i = 0; i < 8; ++i) {
    f(full({4}, -1.f));  // dropped at once
    kept.push_back(f(full({4}, i)));
    if (static_cast<int>(i) % 2 == 1) kept.back() += 100;  // written to, and kept
  }
  for (float i = 0; i < 8; ++i) {
    const float more = static_cast<int>(i) % 2 == 1 ? 100.f : 0.f;
    EXPECT_TRUE(identical(kept[static_cast<std::size_t>(i)], full({4}, 2 * i + more)));
  }
  Tensor result = f(full({4}, 3.f));
  const Tensor captured = result;
  auto g = jit([captured](const Tensor& x) { return x + captured; }, {.backend = GetParam()});
  result = f(full({4}, 5.f));
  EXPECT_TRUE(identical(g(zeros({4})), full({4}, 6.f)));
  EXPECT_TRUE(identical(f(result), full({4}, 20.f)));
}

TEST(CachedFunction, StructureAndParametersAreOfTheCaller) {
  Tensor weight = tensor({2.f});
  int runs = 0;
  detail::CachedFunction f(
      [&](const Tensors& x) {
        ++runs;
        return Tensors{x[0] * weight};
      },
      {.backend = Backend::graph},
      [&](const Tensor& t) -> std::optional<std::string> {
        if (t.data<float>().data() == weight.data<float>().data()) return "0.weight";
        return std::nullopt;
      },
      "net");
  const auto called = [&f](std::uint64_t structure) {
    const Tensor x = ones({1});
    return f.call({&x, 1}, structure).single.item<float>();
  };
  EXPECT_EQ(called(1), 2);
  weight.assign(3);
  EXPECT_EQ(called(1), 3);
  EXPECT_EQ(runs, 1);
  weight = tensor({4.f});
  EXPECT_EQ(called(2), 4);
  EXPECT_EQ(runs, 2);
  bool listed = false;
  const Explanation explanation = f.explain();
  for (const Guard& guard : explanation.signatures[0].guards) {
    listed |= guard.subject == "parameter 0.weight";
  }
  EXPECT_TRUE(listed) << to_string(f.explain());
  EXPECT_NE(f.explain().last_miss.find("structure"), std::string::npos);
}

TEST(Jit, TakesVariadicLambdas) {
  auto total = jit([](auto... x) { return (x + ...); }, {.backend = Backend::graph});
  EXPECT_TRUE(identical(total(ones({2}), ones({2}), ones({2})), full({2}, 3.f)));
}

// What a program prints to may itself call programs.
class CallingBuffer : public std::stringbuf {
 public:
  explicit CallingBuffer(std::function<void()> call) : call_(std::move(call)) {}

 private:
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    call_();
    return std::stringbuf::xsputn(text, count);
  }
  std::function<void()> call_;
};

TEST_P(Jit, MayBeCalledFromAStreamThatItPrintsTo) {
  auto other = jit([](const Tensor& x, const Tensor& y) { return Tensors{x * y, x - y, x + y}; },
                   {.backend = GetParam()});
  auto printing = jit(
      [](const Tensor& x) {
        const Tensor y = x * 2;
        print(y);
        return Tensors{y + 1, x + 3};
      },
      {.backend = GetParam()});
  const Tensor x = tensor({1.f, 2.f}), y = tensor({5.f, 7.f, 9.f});
  const Tensors want = printing(x);
  const Tensors products = other(y, y);
  CallingBuffer buffer([&] { EXPECT_TRUE(identical(other(y, y)[0], products[0])); });
  std::streambuf* const console = std::cout.rdbuf(&buffer);
  const Tensors got = printing(x);
  std::cout.rdbuf(console);
  EXPECT_TRUE(identical(got[0], want[0]));
  EXPECT_TRUE(identical(got[1], want[1]));
}

TEST(Jit, RefusesOptionsThatMeanNothing) {
  const auto f = [](const Tensor& x) { return x; };
  EXPECT_ERROR(UserError, jit(f, {.threads = 0}), "threads", "0");
  EXPECT_ERROR(UserError, jit(f, {.dynamic_batch_after = -5}), "dynamic_batch_after", "-5");
  EXPECT_ERROR(UserError, jit(f, {.isa = static_cast<Isa>(77)}), "isa");
  EXPECT_ERROR(UserError, nn::Dense(2).hybridize({.threads = -1}), "threads");
  EXPECT_ERROR(UserError, compile(trace(f, f32({2})), {.threads = -1}), "threads");
}

}  // namespace
}  // namespace mlpjit
