// What tracing writes down, what it refuses, and that everything stays usable.

#include <gtest/gtest.h>

#include <sstream>
#include <thread>
#include <vector>

#include "expect_error.h"
#include "mlpjit/mlpjit.h"
#include "src/core/path.h"

namespace mlpjit {
namespace {

template <class T>
std::string text(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

Tensor add(Tensor a, Tensor b) {
  return a + b;
}
Tensor fancy_func(Tensor a, Tensor b, Tensor c, Tensor d) {
  Tensor e = add(a, b);
  Tensor f = add(c, d);
  Tensor g = add(e, f);
  return g;
}

const HybridizeOptions kGraph{.backend = Backend::graph};

TEST(Trace, WritesAProgramThatRunsWithoutItsFunction) {
  const Graph g = trace(fancy_func, f32({}), f32({}), f32({}), f32({}));
  const std::string program = g.to_text();
  EXPECT_NE(program.find("add %x0, %x1 : f32[]"), std::string::npos) << program;
  EXPECT_EQ(Graph::parse(program).to_text(), program);
  EXPECT_NE(g.to_dot().find("digraph"), std::string::npos);
  const Executable y = compile(Graph::parse(program), kGraph);
  EXPECT_EQ(text(y(1, 2, 3, 4)[0]), "10");
  EXPECT_EQ(y(tensor(1.f), 2, 3, 4)[0].dtype(), DType::f32);
}

TEST(Trace, FoldsWhatIsKnown) {
  const Graph c = trace([] { return fancy_func(1, 2, 3, 4); });
  EXPECT_NE(c.to_text().find("add"), std::string::npos);
  const std::string folded = optimize(c).to_text();
  EXPECT_EQ(folded.find("add"), std::string::npos) << folded;
  EXPECT_NE(folded.find("10"), std::string::npos) << folded;
}

TEST(Trace, TensorsFromBeforeAreInputsAndThoseMadeInsideAreConstants) {
  const Tensor w = tensor({2.f, 3.f});
  const Graph g = trace([&](Tensor x) { return x * w + tensor({1.f, 1.f}) + 0.5 + w; }, f32({2}));
  ASSERT_EQ(g.inputs().size(), 2u);
  EXPECT_EQ(g.inputs()[0].kind, "argument");
  EXPECT_EQ(g.inputs()[1].kind, "capture");
  EXPECT_EQ(g.inputs()[1].name, "0");
  EXPECT_TRUE(g.inputs()[1].bound);
  EXPECT_NE(g.to_text().find("constant"), std::string::npos);
  const Executable y = compile(g, kGraph);
  EXPECT_TRUE(identical(y(tensor({1.f, 1.f}))[0], tensor({5.5f, 7.5f})));
  Tensor(w).assign(0);  // a capture binds the storage
  EXPECT_TRUE(identical(y(tensor({1.f, 1.f}))[0], tensor({1.5f, 1.5f})));
  // A parsed program has no tensor behind it: the capture is a further argument.
  const Executable parsed = compile(Graph::parse(g.to_text()), kGraph);
  EXPECT_TRUE(identical(parsed(tensor({1.f, 1.f}), tensor({2.f, 3.f}))[0], tensor({5.5f, 7.5f})));
  EXPECT_ERROR(UserError, parsed(tensor({1.f, 1.f})), "2 arguments", "f32[2]");
}

TEST(Trace, ResultsInEveryForm) {
  const auto pair = trace([](Tensor a) { return std::pair(a + 1, a + 2); }, f32({}));
  EXPECT_EQ(pair.outputs().size(), 2u);
  const auto many =
      trace([](const Tensors& x) { return Tensors{x[0] + x[1], x[0], x[1]}; }, f32({}), f32({3}));
  EXPECT_EQ(many.outputs()[0], f32({3}));
  const auto none = trace([](Tensor a) { a += 1; }, f32({}));
  EXPECT_EQ(none.outputs().size(), 0u);
  const auto array =
      trace([](auto a, auto b) { return std::array<Tensor, 2>{a, b}; }, tensor({1, 2}), i64({}));
  EXPECT_EQ(array.outputs()[1], i64({}));
}

TEST(Trace, ResultsThatAreCppScalarsHaveTheirOwnDtype) {
  const Graph g = trace([] { return Tensors{Tensor(1.5), Tensor(2.5f), Tensor(3), Tensor(true)}; });
  EXPECT_EQ(g.outputs(), (std::vector<TensorSpec>{f32({}), f32({}), i64({}), boolean({})}));
  const Tensors y = compile(g, kGraph)();
  EXPECT_TRUE(identical(y[0], tensor(1.5f)));
  EXPECT_TRUE(identical(y[2], tensor(std::int64_t{3})));
  const Graph sum = trace([](Tensor x) { return std::pair(x + 0.1, Tensor(1) + 2); }, f64({}));
  EXPECT_EQ(sum.outputs(), (std::vector<TensorSpec>{f64({}), i64({})}));
}

TEST(Trace, ChecksArgumentsOfAnExecutable) {
  const Executable y = compile(
      trace([](Tensor a, Tensor b) { return matmul(a, b); }, f32({1, 3}), f32({3, 2})), kGraph);
  EXPECT_ERROR(ShapeError, y(ones({2, 3}), ones({3, 2})), "argument 0", "'x0'", "[1, 3]", "[2, 3]");
  EXPECT_ERROR(DTypeError, y(ones({1, 3}), ones({3, 2}, DType::f64)), "argument 1", "f32[3, 2]",
               "f64[3, 2]", "cast");
  EXPECT_ERROR(ShapeError, y(1, ones({3, 2})), "argument 0");
  const Executable i = compile(trace([](Tensor a) { return a + a; }, i32({})), kGraph);
  EXPECT_EQ(i(3)[0].dtype(), DType::i32);
  EXPECT_ERROR(DTypeError, i(0.5), "argument 0", "i32[]", "f32[]");
  const Executable d = compile(trace([](Tensor a) { return a * 1; }, f64({})), kGraph);
  EXPECT_EQ(d(0.1)[0].item<double>(), 0.1);
}

TEST(Trace, AnExecutableCountsItsCalls) {
  const Executable y = compile(trace(add, f32({dim("B")}), f32({dim("B")})), kGraph);
  EXPECT_EQ(y.explain().hits, 0U);
  for (int i = 0; i < 5; ++i) y(ones({i}), ones({i}));
  EXPECT_ERROR(ShapeError, y(ones({2, 2}), ones({2})), "argument 0");
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i) threads.emplace_back([y] { y(ones({3}), ones({3})); });
  for (std::thread& thread : threads) thread.join();
  const Explanation explanation = y.explain();
  EXPECT_EQ(explanation.hits, 15U);
  EXPECT_EQ(explanation.signatures.at(0).hits, 15U);
  EXPECT_EQ(explanation.compiles, 1U);
  EXPECT_NE(to_string(explanation).find("main: 15 hits, 0 misses, 1 compile"), std::string::npos);
  // One program per size, where one for all cannot be.
  const Executable exact = compile(
      trace([](Tensor x) { return reshape(x, {x.shape()[0] * 2, -1}); }, f32({dim("B"), 4})),
      kGraph);
  for (const int b : {1, 2, 1, 1}) exact(ones({b, 4}));
  EXPECT_EQ(exact.explain().hits + exact.explain().misses, 4U);
}

TEST(Trace, SymbolicSizesAreFilledInPerCall) {
  const auto f = [](Tensor x, Tensor y) {
    return concat({reshape(x * 2, {-1}), reshape(y, {x.shape()[0] * 3})}) +
           broadcast_to(sum(x), {x.shape()[0] * 6});
  };
  const Graph g = trace(f, f32({dim("B"), 3}), f32({dim("B"), 3}));
  const Executable y = compile(g, kGraph);
  for (const int b : {0, 1, 4, 1}) {
    const Tensor p = random::normal({b, 3}), q = random::normal({b, 3});
    EXPECT_TRUE(identical(y(p, q)[0], f(p, q))) << b;
  }
  EXPECT_EQ(y.explain().compiles, 1u);
  EXPECT_ERROR(ShapeError, y(ones({2, 3}), ones({4, 3})), "B is 2", "4");
  EXPECT_ERROR(ShapeError, y(ones({2, 4}), ones({2, 3})), "argument 0", "[B, 3]", "[2, 4]");
  EXPECT_ERROR(TraceError,
               trace([](Tensor x) { return x + float(x.shape()[0].value()); }, f32({dim("B")})),
               "B");
}

TEST(Trace, ReadingAValueIsAnErrorThatNamesTheWayOut) {
  const auto reading = [](auto read) {
    return [read](Tensor x) {
      const detail::PathScope outer("net"), inner("hidden");
      Tensor y = relu(x);
      read(y);
      return y;
    };
  };
  const auto spec = f32({2});
  EXPECT_ERROR(TraceError, trace(reading([](Tensor y) { (void)y.item<float>(); }), spec),
               "layer 'net.hidden'", "item", "= relu", "where", "cond", "outside");
  EXPECT_ERROR(TraceError, trace(reading([](Tensor y) { (void)y.data<float>(); }), spec),
               "data: the value of", "= relu");
  EXPECT_ERROR(TraceError, trace(reading([](Tensor y) { (void)y.to_vector<float>(); }), spec),
               "to_vector: the value of", "= relu");
  EXPECT_ERROR(TraceError,
               trace(reading([](Tensor y) {
                       if (bool(sum(y) > 0)) y += 1;
                     }),
                     spec),
               "conversion to bool: the value of", "= greater");
  EXPECT_ERROR(TraceError, trace(reading([](Tensor y) { (void)static_cast<float>(sum(y)); }), spec),
               "conversion to a C++ number: the value of", "= sum");
  EXPECT_ERROR(TraceError, trace(reading([](Tensor y) { y.mutable_data<float>(); }), spec),
               "mutable_data: the elements cannot be written while tracing; use assign()");
  EXPECT_ERROR(TraceError, trace(reading([](Tensor y) { (void)identical(y, y); }), spec),
               "identical");
  const Tensor captured = tensor(1.f);
  EXPECT_ERROR(TraceError, trace([&](Tensor x) { return x * captured.item<float>(); }, spec),
               "input", "between calls");
  EXPECT_FALSE(is_tracing());
  EXPECT_EQ(detail::current_path(), "");
  EXPECT_EQ(captured.item<float>(), 1);  // all is usable again
}

TEST(Trace, ConstantsMayBeRead) {
  const Graph g = trace(
      [](Tensor x) {
        const Tensor table = tensor({3, 4});
        const int n = 2;
        return x + table.to_vector<int>()[1] + Tensor(n).item<int>() +
               float(arange(3).data<float>()[2]);
      },
      f32({}));
  EXPECT_EQ(compile(g, kGraph)(1)[0].item<float>(), 9);
}

TEST(Trace, SymbolsAreOfNoUseOutside) {
  Tensor leaked;
  EXPECT_ERROR(TraceError,
               trace(
                   [&](Tensor x) {
                     leaked = x + 1;
                     return leaked;
                   },
                   f32({})),
               "trace: a C++ variable outside", "%1 = add");
  EXPECT_ERROR(TraceError, leaked + 1, "ended");
  EXPECT_ERROR(TraceError, leaked.item<float>(), "ended");
  EXPECT_ERROR(TraceError, trace([&](Tensor x) { return x + leaked; }, f32({})), "left over");
  EXPECT_ERROR(TraceError,
               trace(
                   [&](Tensor x) {
                     return compile(trace([&](Tensor y) { return x + y; }, f32({})), kGraph)(x)[0];
                   },
                   f32({})),
               "another trace");
  EXPECT_NE(text(leaked).find("ended"), std::string::npos);
  // A constant made in a trace is a number, and stays one.
  Tensor constant;
  trace(
      [&](Tensor x) {
        constant = zeros({2});
        return x;
      },
      f32({}));
  EXPECT_TRUE(identical(constant + 1, ones({2})));
}

TEST(Trace, PrintsSymbols) {
  std::string seen, module;
  trace(
      [&](Tensor x) {
        seen = text(x) + text(x * 2);
        module = text(Ops());
        return x;
      },
      f32({1, 3}));
  EXPECT_EQ(seen, "<symbol %x0: f32[1, 3]><symbol %1: f32[1, 3]>");
  EXPECT_EQ(module, "mlpjit.symbol");
}

TEST(Trace, ErrorsOfOpsNameTheLayer) {
  EXPECT_ERROR(ShapeError,
               trace(
                   [](Tensor x) {
                     const detail::PathScope scope("out");
                     return x + ones({3});
                   },
                   f32({2})),
               "layer 'out'", "add", "[2]", "[3]");
  EXPECT_FALSE(is_tracing());
  EXPECT_ERROR(std::runtime_error,
               trace(
                   [](Tensor x) {
                     if (x.rank() == 1) throw std::runtime_error("mine");
                     return x;
                   },
                   f32({2})),
               "mine");
  EXPECT_FALSE(is_tracing());
  EXPECT_ERROR(TraceError,
               trace(
                   [](Tensor x) {
                     random::seed(1);
                     return x;
                   },
                   f32({})),
               "random");
  EXPECT_ERROR(TraceError,
               trace(
                   [](Tensor x) {
                     set_training(true);
                     return x;
                   },
                   f32({})),
               "set_training");
  EXPECT_ERROR(TraceError,
               trace(
                   [](Tensor x) {
                     float v = 1;
                     return x + Tensor::borrow(&v, {});
                   },
                   f32({})),
               "borrow");
  EXPECT_FALSE(is_training());
}

TEST(Trace, ProgramsAreInlinedIntoTraces) {
  const Tensor w = tensor({2.f, 3.f});
  const Executable inner = compile(
      trace([&](Tensor x) { return std::pair(x * w, random::uniform({2})); }, f32({2})), kGraph);
  const auto fast = jit([](Tensor x) { return x + 1; });
  const Graph outer = trace(
      [&](Tensor x) {
        const Tensor first = fast(inner(x)[0]);
        return first + inner(x)[1];
      },
      f32({2}));
  ASSERT_EQ(outer.inputs().size(), 3u);  // x0, capture, random
  random::seed(3);
  const Tensor got = compile(outer, kGraph)(ones({2}))[0];
  const random::State after = random::state();
  random::seed(3);
  (void)random::uniform({2});
  EXPECT_TRUE(identical(got, w + 1 + random::uniform({2})));
  EXPECT_EQ(random::state(), after);
}

TEST(Trace, PrintStaysInTheProgram) {
  const auto f = [](Tensor x) {
    print("first", x);
    const Tensor y = x + 1;
    print("second", y);
    print("third");
    return y;
  };
  const auto printed = [](auto run) {
    testing::internal::CaptureStdout();
    run();
    return testing::internal::GetCapturedStdout();
  };
  const std::string eager = printed([&] { f(tensor({1, 2})); });
  EXPECT_NE(eager.find("first"), std::string::npos);
  std::string traced, ran;
  std::shared_ptr<Executable> y;
  traced = printed([&] { y = std::make_shared<Executable>(compile(trace(f, i32({2})), kGraph)); });
  EXPECT_EQ(traced, "");
  ran = printed([&] { (*y)(tensor({1, 2})); });
  EXPECT_EQ(ran, eager);
}

TEST(Graph, ProgramsWithoutAnEntryAreFormatErrors) {
  EXPECT_ERROR(FormatError, Graph::parse(""), "1:1", "@main");
  EXPECT_ERROR(FormatError, Graph::parse("func @f(%x: f32[]) { return %x }"), "@main");
}

TEST(Graph, ProgramsInTextGiveInputsBackAsTheirHandles) {
  const Graph traced = trace([](const Tensor& x) { return Tensors{x, x + 1, x}; }, f32({2}));
  for (const Graph& graph : {traced, Graph::parse(traced.to_text())}) {
    Tensor x = ones({2});
    const Tensors results = compile(graph, {.backend = Backend::graph})(x);
    x += 1;
    EXPECT_TRUE(identical(results[0], x));
    EXPECT_TRUE(identical(results[2], x));
    EXPECT_TRUE(identical(results[1], full({2}, 2.f)));
  }
}

}  // namespace
}  // namespace mlpjit
