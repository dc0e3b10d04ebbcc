// Hand-written programs: native, graph and the interpreter's plain run agree on the bits.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "lib/ir/text.h"
#include "lib/runtime/explain.h"
#include "lib/runtime/loader.h"
#include "lib/support/publication.h"
#include "mlpjit/error.h"
#include "test/programs/outcome.h"

namespace mlpjit::runtime {

using namespace test;
namespace {

constexpr const char* kNetwork = R"(
func @main(%x: f32[3, 20], %w: f32[33, 20] = param "0.weight", %b: f32[33] = param "0.bias",
           %v: f32[2, 33] = param "1.weight", %c: f32[2] = param "1.bias") -> (f32[3, 2]) {
  %0 = dense %x, %w, %b : f32[3, 33] @"0"
  %1 = relu %0 : f32[3, 33] @"0"
  %2 = dense %1, %v, %c : f32[3, 2] @"1"
  %3 = softmax %2 {axis = 1} : f32[3, 2]
  return %3
})";

class Programs : public testing::TestWithParam<const char*> {};

TEST_P(Programs, GiveTheSameBitsInEveryMode) {
  expect_same_bits(GetParam(), 1);
  expect_same_bits(GetParam(), 2);
}

INSTANTIATE_TEST_SUITE_P(
    , Programs,
    testing::Values(
        kNetwork,
        R"(func @main(%x: f64[5, 17], %w: f64[19, 17], %b: f64[19]) -> (f64[5, 19], f64[5, 1]) {
  %0 = dense %x, %w, %b : f64[5, 19]
  %1 = tanh %0 : f64[5, 19]
  %2 = sum %1 {axes = [1], keepdims = true} : f64[5, 1]
  return %1, %2
})",
        // Integers and bools.
        R"(func @main(%a: i32[7], %b: i32[7], %c: i64[7], %p: bool[7])
    -> (i32[7], i64[], bool[7], f32[]) {
  %0 = multiply %a, %b : i32[7]
  %1 = where %p, %0, %a : i32[7]
  %2 = sum %c {axes = [0], keepdims = false} : i64[]
  %3 = less %a, %b : bool[7]
  %4 = logical_xor %3, %p : bool[7]
  %5 = mean %c {axes = [0], keepdims = false} : f32[]
  return %1, %2, %4, %5
})",
        // Of rank 0.
        R"(func @main(%a: f32[], %b: f64[], %i: i64[]) -> (f32[], f64[], i64[], f32[1]) {
  %0 = exp %a : f32[]
  %1 = multiply %b, %b : f64[]
  %2 = negative %i : i64[]
  %3 = reshape %a {shape = [1]} : f32[1]
  return %0, %1, %2, %3
})",
        // Of no elements.
        R"(func @main(%a: f32[0, 3], %w: f32[4, 3], %k: f32[2, 0], %z: f32[5, 0])
    -> (f32[0, 4], f32[3], f32[2, 5], f32[]) {
  %0 = dense %a, %w : f32[0, 4]
  %1 = sum %a {axes = [0], keepdims = false} : f32[3]
  %2 = dense %k, %z : f32[2, 5]
  %3 = mean %a {axes = [0, 1], keepdims = false} : f32[]
  return %0, %1, %2, %3
})",
        // Broadcasting, a chain of element-wise ops, several uses.
        R"(func @main(%a: f32[4, 1, 5], %b: f32[3, 1]) -> (f32[4, 3, 5], f32[4, 3]) {
  %0 = subtract %a, %b : f32[4, 3, 5]
  %1 = sigmoid %0 : f32[4, 3, 5]
  %2 = multiply %1, %0 : f32[4, 3, 5]
  %3 = max %2 {axes = [2], keepdims = false} : f32[4, 3]
  return %2, %3
})",
        // Results that are inputs, constants and each other.
        R"(func @main(%a: f32[3]) -> (f32[3], f32[3], f32[2], f32[3]) {
  %0 = constant {value = f32[2] [1, -0]} : f32[2]
  %1 = add %a, %a : f32[3]
  return %a, %1, %0, %1
})",
        // Updates: one reads what another overwrites.
        R"(func @main(%a: f32[4], %b: f32[4], %s: f32[4] = capture 0) -> (f32[4]) {
  %0 = add %a, %s : f32[4]
  %1 = multiply %0, %0 : f32[4]
  return %0 update %a = %b, %b = %a, %s = %1
})",
        // A weight that is used, and changed by the same program.
        R"(func @main(%x: f32[2, 20], %w: f32[40, 20] = param "weight") -> (f32[2, 40]) {
  %0 = dense %x, %w : f32[2, 40]
  %1 = negative %w : f32[40, 20]
  return %0 update %w = %1
})",
        // What the interpreter runs for machine code: movement, control flow, random draws.
        R"(func @main(%x: f32[3, 4], %i: i64[2], %s: i64[2] = state)
    -> (f32[4, 3], f32[4, 4], f32[3, 2], f32[5]) {
  %0 = transpose %x {permutation = [1, 0]} : f32[4, 3]
  %1 = concat %x, %x {axis = 0} : f32[6, 4]
  %2 = slice %1 {axis = 0, begin = 1, end = 5, step = 1} : f32[4, 4]
  %3 = slice %x {axis = 1, begin = 0, end = 4, step = 2} : f32[3, 2]
  %4, %5 = random_uniform %s {shape = [5], dtype = f32} : f32[5], i64[2]
  return %0, %2, %3, %4 update %s = %5
})",
        R"(func @main(%p: bool[], %x: f32[3], %y: f32[3]) -> (f32[3], f32[3]) {
  %0 = cond %p, %x {
    ^(%t: f32[3])
    %a = add %t, %y : f32[3]
    yield %a
  } {
    ^(%e: f32[3])
    %b = exp %e : f32[3]
    yield %b
  } : f32[3]
  %1 = relu %0 : f32[3]
  return %0, %1
})",
        R"(func @main(%n: i64[], %x: f32[3], %step: f32[]) -> (i64[], f32[3]) {
  %zero = constant {value = i64[] 0} : i64[]
  %0, %1 = while_loop %zero, %x {max_iterations = 20} {
    ^(%i: i64[], %v: f32[3])
    %go = less %i, %n : bool[]
    yield %go
  } {
    ^(%j: i64[], %u: f32[3])
    %one = constant {value = i64[] 1} : i64[]
    %next = add %j, %one : i64[]
    %more = multiply %u, %step : f32[3]
    yield %next, %more
  } : i64[], f32[3]
  return %0, %1
})",
        // Functions that call each other.
        R"(func @main(%a: f32[], %b: f32[]) -> (f32[]) {
  %0 = call @twice(%a) : f32[]
  %1 = call @twice(%b) : f32[]
  %2 = add %0, %1 : f32[]
  return %2
}
func @twice(%x: f32[]) -> (f32[]) {
  %0 = call @add(%x, %x) : f32[]
  return %0
}
func @add(%x: f32[], %y: f32[]) -> (f32[]) {
  %0 = add %x, %y : f32[]
  return %0
})"));

ir::Graph graph_of(const std::string& body) {
  return ir::parse("func @main" + body + "\n");
}

std::string error_of(const ir::Graph& graph, const Values& inputs) {
  const Outcome want = interpret(graph, inputs);
  expect_same_bits(graph, inputs);
  return want.error;
}

TEST(Errors, AnIndexOutOfRange) {
  const ir::Graph graph = graph_of(R"((%x: f32[3], %i: i64[2]) -> (f32[2]) {
  %0 = exp %x : f32[3]
  %1 = gather %0, %i {axis = 0} : f32[2]
  return %1
})");
  Values inputs = draw_inputs(graph, 1);
  inputs[1] = make_value(inputs[1].type, {0, 3});
  EXPECT_NE(error_of(graph, inputs).find("gather"), std::string::npos);
  inputs[1] = make_value(inputs[1].type, {-3, 2});
  EXPECT_EQ(error_of(graph, inputs), "");
}

TEST(Errors, AnIntegerDivisionByZero) {
  for (const char* op : {"floor_divide", "remainder"}) {
    const ir::Graph graph =
        graph_of("(%a: i32[9], %b: i32[9]) -> (i32[9]) {\n  %0 = add %a, %a : i32[9]\n  %1 = " +
                 std::string(op) + " %0, %b : i32[9]\n  return %1\n}");
    Values inputs = draw_inputs(graph, 1);
    inputs[1] = make_value(inputs[1].type, {1, 2, 3, 4, 5, 6, 7, 8, 0});
    EXPECT_NE(error_of(graph, inputs).find(op), std::string::npos);
    inputs[1] = make_value(inputs[1].type, {1, -2, 3, 4, 5, -6, 7, 8, 9});
    EXPECT_EQ(error_of(graph, inputs), "");
  }
}

TEST(Errors, TheLargestOfNothing) {
  const ir::Graph graph = graph_of(R"((%x: f32[0, 2]) -> (f32[2]) {
  %0 = max %x {axes = [0], keepdims = false} : f32[2]
  return %0
})");
  EXPECT_NE(error_of(graph, draw_inputs(graph, 1)).find("max"), std::string::npos);
}

TEST(Errors, NothingIsUpdatedWhenARunFails) {
  const ir::Graph graph = graph_of(R"((%x: f32[3], %i: i64[]) -> (f32[]) {
  %0 = gather %x, %i {axis = 0} : f32[]
  %1 = negative %x : f32[3]
  return %0 update %x = %1
})");
  Values inputs = draw_inputs(graph, 1);
  inputs[1] = make_value(inputs[1].type, {7});
  EXPECT_NE(error_of(graph, inputs), "");  // expect_same_bits looks at the inputs too
}

TEST(Errors, WhatOneExecutableCannotServeIsRefused) {
  const ir::Graph graph =
      graph_of("(%x: f32[B, C]) -> (f32[B, C]) {\n  %0 = exp %x : f32[B, C]\n  return %0\n}");
  for (const Backend backend : {Backend::graph, Backend::native}) {
    try {
      CompiledGraph::compile(graph, {backend, Isa::baseline, {}, {}});
      ADD_FAILURE() << "no error";
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("f32[B, C]"), std::string::npos) << error.what();
    }
  }
}

TEST(Prints, AppearOncePerRunInOrder) {
  const ir::Graph graph = graph_of(R"((%t: token = token, %a: f32[2]) -> (f32[2]) {
  %0 = print "first" %t : token
  %1 = exp %a : f32[2]
  %2 = print "a" %0, %a : token
  return %1 update %t = %2
})");
  const Values inputs = {make_value(ir::Type::make_token()),
                         make_value({DType::f32, {2}, false}, {1, 2})};
  testing::internal::CaptureStdout();
  interpret(graph, inputs);
  const std::string expected = testing::internal::GetCapturedStdout();
  EXPECT_NE(expected.find("first"), std::string::npos);
  for (const Backend backend : {Backend::graph, Backend::native}) {
    if (backend == Backend::native && !built_with_llvm()) continue;
    const auto executable = CompiledGraph::compile(graph, {backend, Isa::baseline, {}, {}});
    testing::internal::CaptureStdout();
    run(*executable, inputs);
    EXPECT_EQ(testing::internal::GetCapturedStdout(), expected) << to_string(backend);
  }
}

TEST(Dumps, ShowEveryStageInOrder) {
  std::vector<std::string> stages;
  Settings settings;
  settings.isa = support::default_isa();
  settings.dump = [&](std::string_view stage, const std::string& text) {
    stages.emplace_back(stage);
    EXPECT_FALSE(text.empty()) << stage;
    if (stage == "trace" || stage == "optimized" || stage.starts_with("after ")) {
      EXPECT_EQ(ir::print(ir::parse(text)), text);
    }
  };
  settings.backend = built_with_llvm() ? Backend::native : Backend::graph;
  CompiledGraph::compile(ir::parse(kNetwork), settings);
  EXPECT_EQ(stages.front(), "trace");
  if (!built_with_llvm()) return;
  ASSERT_GE(stages.size(), 5u);
  EXPECT_EQ(std::vector<std::string>(stages.end() - 5, stages.end()),
            (std::vector<std::string>{"after fuse", "optimized", "plan", "llvm", "assembly"}));
}

TEST(Reports, TellWhatWasMade) {
  const ir::Graph graph = ir::parse(kNetwork);
  const auto interpreted = CompiledGraph::compile(graph, {Backend::graph, Isa::baseline, {}, {}});
  EXPECT_EQ(interpreted->report().backend, Backend::graph);
  EXPECT_TRUE(interpreted->report().kernels.empty());
  EXPECT_FALSE(interpreted->report().passes.empty());
  EXPECT_EQ(interpreted->inputs().size(), 5u);
  EXPECT_EQ(interpreted->inputs()[1].name, "0.weight");
  if (!built_with_llvm()) return;
  const auto native =
      CompiledGraph::compile(graph, {Backend::native, support::default_isa(), {}, {}});
  const Report& report = native->report();
  EXPECT_EQ(report.isa, support::default_isa());
  EXPECT_EQ(report.fusions, 1);
  ASSERT_GE(report.kernels.size(), 3u);
  EXPECT_EQ(report.kernels[0].kind, "dense");
  EXPECT_GE(report.packed_bytes, 33u * 20 * sizeof(float));
  EXPECT_GT(report.code_bytes, 0u);
  EXPECT_GT(native->bytes(), report.code_bytes);
  EXPECT_GT(report.codegen_ms, 0);
  // Made again, the program calls what is there.
  const auto again =
      CompiledGraph::compile(graph, {Backend::native, support::default_isa(), {}, {}});
  EXPECT_GE(again->report().reused_functions, 3u);
  EXPECT_LE(again->report().code_bytes, report.code_bytes);
}

// Whoever looks at every stage takes his time; the report is about compiling.
TEST(Reports, TimesAreOfCompilingAloneAndAddUp) {
  for (const Backend backend : {Backend::graph, Backend::native}) {
    if (backend == Backend::native && !built_with_llvm()) continue;
    Settings settings{.backend = backend, .isa = support::default_isa()};
    int stages = 0;
    settings.dump = [&](std::string_view, const std::string&) {
      if (++stages <= 3) std::this_thread::sleep_for(std::chrono::milliseconds(400));
    };
    const Report report = CompiledGraph::compile(ir::parse(kNetwork), settings)->report();
    ASSERT_GE(stages, 2);
    const PhaseTimes ms = summarize(report).ms;
    EXPECT_GT(ms.total, 0);
    EXPECT_DOUBLE_EQ(ms.total, ms.passes + ms.plan + ms.lower + ms.codegen + ms.link + ms.load);
    EXPECT_LT(ms.passes, 400) << "no stage was waited for";
  }
}

TEST(Weights, ChangedOnesAreSeenAtTheNextCall) {
  const ir::Graph graph = ir::parse(kNetwork);
  for (const Backend backend : {Backend::graph, Backend::native}) {
    if (backend == Backend::native && !built_with_llvm()) continue;
    const auto executable =
        CompiledGraph::compile(graph, {backend, support::default_isa(), {}, {}});
    Values inputs = draw_inputs(graph, 1);
    std::vector<Argument> arguments;
    for (const Value& value : inputs) arguments.push_back(value.argument());
    for (int change = 0; change < 4; ++change) {
      support::Write write(*inputs[1].storage, true, "test");
      static_cast<float*>(write.to())[change] += 1;
      write.done();
      Value result = make_value(executable->result_types()[0]);
      const interp::View views[] = {result.view()};
      executable->run(arguments, views);
      EXPECT_EQ(difference(interpret(graph, inputs), {{result}, inputs, ""}), "");
    }
  }
}

TEST(Threads, ShareOneExecutable) {
  const ir::Graph graph = ir::parse(kNetwork);
  const Backend backend = built_with_llvm() ? Backend::native : Backend::graph;
  const auto executable = CompiledGraph::compile(graph, {backend, support::default_isa(), {}, {}});
  constexpr int kSets = 3;  // of weights, so that threads take each other's packs away
  std::vector<Values> inputs;
  std::vector<Outcome> expected;
  for (int i = 0; i < kSets; ++i) {
    inputs.push_back(draw_inputs(graph, static_cast<std::uint64_t>(i)));
    expected.push_back(interpret(graph, inputs.back()));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 60; ++i) {
        const int set = (t + i / 7) % kSets;
        std::vector<Argument> arguments;
        for (const Value& value : inputs[set]) arguments.push_back(value.argument());
        Value result = make_value(executable->result_types()[0]);
        const interp::View views[] = {result.view()};
        executable->run(arguments, views);
        if (!difference(expected[set], {{result}, inputs[set], ""}).empty()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, CompileAtTheSameTime) {
  const Backend backend = built_with_llvm() ? Backend::native : Backend::graph;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const std::string n = std::to_string(t + 1);
      const ir::Graph graph = graph_of("(%x: f32[" + n + "]) -> (f32[" + n +
                                       "]) {\n  %0 = exp %x : f32[" + n + "]\n  return %0\n}");
      const auto executable =
          CompiledGraph::compile(graph, {backend, support::default_isa(), {}, {}});
      const Values inputs = draw_inputs(graph, 1);
      EXPECT_EQ(difference(interpret(graph, inputs), run(*executable, inputs)), "");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Lines of /proc/self/maps, and those that are writable and executable at once.
std::pair<int, int> count_mappings() {
  std::ifstream maps("/proc/self/maps");
  std::pair<int, int> counts;
  for (std::string line; std::getline(maps, line);) {
    ++counts.first;
    std::istringstream words(line);
    std::string range, rights;
    words >> range >> rights;
    counts.second += rights.find('w') != std::string::npos && rights.find('x') != std::string::npos;
  }
  return counts;
}

TEST(Soak, CompileRunFreeLeavesNoMappingsBehind) {
  const ir::Graph graph = graph_of(R"((%x: f32[40], %y: f32[40]) -> (f32[40]) {
  %0 = multiply %x, %y : f32[40]
  %1 = add %0, %x : f32[40]
  return %1
})");
  const Values inputs = draw_inputs(graph, 1);
  const Backend backend = built_with_llvm() ? Backend::native : Backend::graph;
  const auto cycle = [&] {
    const auto executable = CompiledGraph::compile(graph, {backend, Isa::baseline, {}, {}});
    run(*executable, inputs);
    EXPECT_EQ(count_mappings().second, 0) << "writable and executable";
  };
  for (int i = 0; i < 20; ++i) cycle();  // until allocators and tables have their size
  const int before = count_mappings().first;
  for (int i = 0; i < 200; ++i) cycle();
  // Compiles run on threads of their own, whose allocator may add a few; a leak adds one per cycle.
  EXPECT_LE(count_mappings().first, before + 20);
}

}  // namespace
}  // namespace mlpjit::runtime
