// A C++ number that the integer dtype it meets does not hold is an error that names the number, the
// dtype and cast, wherever it stands and in every mode. Floats overflow to infinity.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include "expect_error.h"
#include "mlpjit/mlpjit.h"

namespace mlpjit {
namespace {

constexpr std::int64_t kBig = 3'000'000'000;
#define EXPECT_MISFIT(statement) \
  EXPECT_ERROR(ValueError, statement, "3000000000", "i32", "cast(x, DType::i64)")

Tensor few() {
  return tensor({5, 2147483647});
}

using Function = std::function<Tensor(const Tensor& x, const Tensor& n)>;
struct Place {
  const char* name;
  Function f;
};

// Every way in which a number meets a tensor.
const std::vector<Place>& places() {
  static const std::vector<Place> all = {
      {"add", [](Tensor x, Tensor n) { return x + n; }},
      {"add on the left", [](Tensor x, Tensor n) { return n + x; }},
      {"subtract", [](Tensor x, Tensor n) { return x - n; }},
      {"multiply", [](Tensor x, Tensor n) { return x * n; }},
      {"less", [](Tensor x, Tensor n) { return x < n; }},
      {"equal", [](Tensor x, Tensor n) { return x == n; }},
      {"maximum", [](Tensor x, Tensor n) { return maximum(x, n); }},
      {"pow", [](Tensor x, Tensor n) { return pow(x, n); }},
      {"clip", [](Tensor x, Tensor n) { return clip(x, 0, n); }},
      {"where", [](Tensor x, Tensor n) { return where(x > 0, x, n); }},
      {"concat",
       [](Tensor x, Tensor n) { return stack({x.slice(0, 0, 1), x.slice(0, 1, 2) + n}); }},
      {"stack", [](Tensor x, Tensor n) { return stack({min(x), n}); }},
      {"computed", [](Tensor x, Tensor n) { return x + (n - 1 + 1); }},
      {"assign",
       [](Tensor x, Tensor n) {
         Tensor y = x.copy();
         y.assign(n);
         return y;
       }},
      {"+=",
       [](Tensor x, Tensor n) {
         Tensor y = x.copy();
         y += n;
         return y;
       }},
      {"slice assign",
       [](Tensor x, Tensor n) {
         Tensor y = x.copy();
         y.slice(0, 0, 1).assign(n);
         return y;
       }},
      {"slice +=",
       [](Tensor x, Tensor n) {
         Tensor y = x.copy();
         y.slice(0, 0, 1) += n;
         return y;
       }},
      {"full", [](Tensor x, Tensor n) { return x + full({2}, n, DType::i32); }},
      {"full_like", [](Tensor x, Tensor n) { return full_like(x, n); }},
      {"carried by a loop",
       [](Tensor x, Tensor n) {
         return while_loop([](Tensor i) { return i == 0; }, [n](Tensor) { return n; }, min(x) - 5);
       }},
      {"in a branch",
       [](Tensor x, Tensor n) {
         return cond(min(x) > 0, [n](Tensor a) { return a + n; }, [](Tensor a) { return a; }, x);
       }},
  };
  return all;
}

TEST(NumberRange, ANumberThatTheDtypeDoesNotHoldIsAnErrorImperatively) {
  for (const Place& place : places()) {
    SCOPED_TRACE(place.name);
    EXPECT_MISFIT(place.f(few(), kBig));
  }
}

TEST(NumberRange, ALiteralOfATracedFunctionIsAnErrorToo) {
  for (const Place& place : places()) {
    SCOPED_TRACE(place.name);
    // What is computed of literals is known when the program runs.
    if (std::string_view(place.name) != "computed")
      EXPECT_MISFIT(trace([&](Tensor x) { return place.f(x, kBig); }, i32({2})));
    for (const Backend backend : {Backend::graph, Backend::native}) {
      const auto f = jit([&](Tensor x) { return place.f(x, kBig); }, {.backend = backend});
      EXPECT_MISFIT(f(few()));
    }
  }
}

TEST(NumberRange, ANumberThatACallPassesIsChecked) {
  for (const Place& place : places()) {
    SCOPED_TRACE(place.name);
    for (const Backend backend : {Backend::graph, Backend::native}) {
      SCOPED_TRACE(to_string(backend));
      const auto f = jit([&](Tensor x, Tensor n) { return place.f(x, n); }, {.backend = backend});
      // The first call decides nothing: the number is one of each call.
      EXPECT_TRUE(identical(f(few(), 7), place.f(few(), 7)));
      EXPECT_MISFIT(f(few(), kBig));
      EXPECT_TRUE(identical(f(few(), -7), place.f(few(), -7)));
    }
  }
}

TEST(NumberRange, ACapturedNumberIsChecked) {
  const Tensor n = kBig;
  for (const Backend backend : {Backend::graph, Backend::native}) {
    const auto f = jit([n](Tensor x) { return x + n; }, {.backend = backend});
    EXPECT_MISFIT(f(few()));
  }
}

TEST(NumberRange, ABranchThatIsNotTakenDoesNotFail) {
  const auto body = [](Tensor x, Tensor n) {
    return cond(min(x) > 5, [n](Tensor a) { return a + n; }, [](Tensor a) { return a; }, x);
  };
  for (const Backend backend : {Backend::graph, Backend::native}) {
    const auto f = jit(body, {.backend = backend});
    EXPECT_TRUE(identical(f(few(), kBig), few()));
    EXPECT_TRUE(identical(body(few(), kBig), few()));
  }
}

TEST(NumberRange, WhatNobodyUsesFailsAllTheSame) {
  for (const Backend backend : {Backend::graph, Backend::native}) {
    const auto f = jit(
        [](Tensor x, Tensor n) {
          const Tensor unused = x + n;
          return x;
        },
        {.backend = backend});
    EXPECT_MISFIT(f(few(), kBig));
  }
}

TEST(NumberRange, AnArgumentOfAProgramIsChecked) {
  const Graph program = Graph::parse("func @main(%x: i32[]) { %y = add %x, %x return %y }");
  for (const Backend backend : {Backend::graph, Backend::native}) {
    const Executable run = compile(program, {.backend = backend});
    EXPECT_MISFIT(run(kBig));
    EXPECT_TRUE(identical(run(4)[0], tensor(8)));
  }
  EXPECT_MISFIT(trace([run = compile(program)] { return run(kBig)[0]; }));
}

TEST(NumberRange, TheEndsOfTheRangeAreInIt) {
  for (const std::int64_t n : {std::int64_t{INT32_MIN}, std::int64_t{INT32_MAX}}) {
    EXPECT_EQ((tensor(0) + n).item<std::int64_t>(), n);
    const auto f = jit([](Tensor x, Tensor k) { return x + k; });
    EXPECT_EQ(f(tensor(0), n).item<std::int64_t>(), n);
  }
  EXPECT_ERROR(ValueError, tensor(0) + (std::int64_t{INT32_MAX} + 1), "2147483648");
  EXPECT_ERROR(ValueError, tensor(0) + (std::int64_t{INT32_MIN} - 1), "-2147483649");
}

TEST(NumberRange, CreationChecksItsNumbers) {
  EXPECT_MISFIT(full({2}, kBig, DType::i32));
  EXPECT_MISFIT(full({2}, 3e9, DType::i32));
  EXPECT_MISFIT(full_like(few(), 3e9f));
  EXPECT_MISFIT(arange(3e9, 3e9 + 2, 1, DType::i32));
  EXPECT_MISFIT(linspace(0, 3e9, 3, DType::i32));
  EXPECT_ERROR(ValueError, full({2}, 1e300, DType::i64), "1e+300", "i64", "f32");
  EXPECT_ERROR(ValueError, full({2}, NAN, DType::i64), "nan", "i64");
  EXPECT_TRUE(identical(full({2}, 2.5, DType::i32), tensor({2, 2})));
  EXPECT_TRUE(identical(full({1}, tensor({kBig}), DType::i32), cast(tensor({kBig}), DType::i32)));
  for (const Backend backend : {Backend::graph, Backend::native}) {
    const auto f = jit([](Tensor n) { return full({2}, n, DType::i32); }, {.backend = backend});
    EXPECT_TRUE(identical(f(2.5), tensor({2, 2})));
    EXPECT_MISFIT(f(3e9));
  }
}

TEST(NumberRange, CastSaysThatANumberMayChange) {
  EXPECT_TRUE(identical(cast(kBig, DType::i32), tensor(static_cast<std::int32_t>(kBig))));
  const auto f = jit([](Tensor n) { return cast(n, DType::i32); });
  EXPECT_TRUE(identical(f(kBig), tensor(static_cast<std::int32_t>(kBig))));
}

TEST(NumberRange, FloatsOverflowToInfinity) {
  const Tensor x = tensor({1.f, 2.f});
  constexpr float kInf = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(identical(where(x > 1, x, -1e300), tensor({-kInf, 2.f})));
  EXPECT_TRUE(identical(full({1}, 1e300, DType::f32), tensor({kInf})));
  EXPECT_TRUE(identical(x + kBig, x + 3e9f));
}

TEST(NumberRange, AxesOfAnySizeAreOutOfRangeRatherThanWrapped) {
  const Tensor x = zeros({2, 3});
  constexpr std::int64_t kTurn = std::int64_t{1} << 32;  // 0 as an int
  EXPECT_ERROR(ShapeError, softmax(x, kTurn), "softmax", "axis");
  EXPECT_ERROR(ShapeError, concat({x, x}, kTurn), "concat", "axis");
  EXPECT_ERROR(ShapeError, stack({x, x}, kTurn), "stack", "axis");
  EXPECT_ERROR(ShapeError, x.slice(kTurn, 0, 1), "slice", "axis");
  EXPECT_ERROR(ShapeError, gather(x, 0, kTurn), "gather", "axis");
  EXPECT_ERROR(ShapeError, split(x, 1, kTurn), "split", "axis");
  EXPECT_ERROR(ShapeError, expand_dims(x, kTurn), "expand_dims", "axis");
}

}  // namespace
}  // namespace mlpjit
