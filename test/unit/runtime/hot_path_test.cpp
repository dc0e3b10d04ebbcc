// What a call must not do: allocate, or feel the caller's floating-point environment.

#include <gtest/gtest.h>

#include <cfenv>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "lib/ir/text.h"
#include "lib/runtime/loader.h"
#include "test/programs/outcome.h"
#include "test/unit/realtime/counted_new.h"

namespace mlpjit::runtime {

using namespace test;
namespace {

// With a reduction, a constant, a packed weight and an intermediate.
constexpr const char* kProgram = R"(
func @main(%x: f32[3, 20], %w: f32[33, 20] = param "weight", %b: f32[33] = param "bias")
    -> (f32[3, 33], f32[3]) {
  %half = constant {value = f32[] 0.5} : f32[]
  %0 = dense %x, %w, %b : f32[3, 33]
  %1 = tanh %0 : f32[3, 33]
  %2 = multiply %1, %half : f32[3, 33]
  %3 = sum %2 {axes = [1], keepdims = false} : f32[3]
  return %2, %3
})";

TEST(HotPath, ACallOfMachineCodeAllocatesNothing) {
  MLPJIT_TEST_COUNTS_ALLOCATIONS();
  if (!built_with_llvm()) GTEST_SKIP() << "built without LLVM";
  const ir::Graph graph = ir::parse(kProgram);
  const auto executable =
      CompiledGraph::compile(graph, {Backend::native, support::default_isa(), {}, {}});
  const Values inputs = draw_inputs(graph, 1);
  std::vector<Argument> arguments;
  for (const Value& value : inputs) arguments.push_back(value.argument());
  const Values results = {make_value(executable->result_types()[0]),
                          make_value(executable->result_types()[1])};
  const interp::View views[] = {results[0].view(), results[1].view()};
  executable->run(arguments, views);  // packs the weight, makes the arena
  const std::size_t before = test::allocations;
  for (int i = 0; i < 10; ++i) executable->run(arguments, views);
  EXPECT_EQ(test::allocations - before, 0u);
  // The counter does count.
  executable->run(arguments, std::vector<interp::View>(views, views + 2));
  EXPECT_GT(test::allocations, before);
}

class Environments : public testing::TestWithParam<Backend> {};

TEST_P(Environments, OfTheCallerChangeNoBit) {
  if (GetParam() == Backend::native && !built_with_llvm()) GTEST_SKIP() << "built without LLVM";
  const ir::Graph graph = ir::parse(kProgram);
  Values inputs = draw_inputs(graph, 3);
  for (const std::size_t i : {0, 1}) {  // products that are denormal
    auto* data = static_cast<float*>(inputs[i].storage->data());
    for (std::int64_t k = 0; k < inputs[i].type.shape.size(); ++k) data[k] *= 1e-20f;
  }
  const Outcome want = interpret(graph, inputs);
  const auto check = [&](const char* environment) {
    const auto executable =
        CompiledGraph::compile(graph, {GetParam(), support::default_isa(), {}, {}});
    EXPECT_EQ(difference(want, run(*executable, inputs)), "") << environment;
  };
  for (const int rounding : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::fesetround(rounding);
    check("rounding");
    EXPECT_EQ(std::fegetround(), rounding) << "is not the caller's any more";
    std::fesetround(FE_TONEAREST);
  }
#if defined(__x86_64__)
  const unsigned control = _mm_getcsr();
  _mm_setcsr(control | 0x8040);  // denormals flushed, and taken for zeros
  check("denormals flushed");
  EXPECT_EQ(_mm_getcsr() & 0x8040, 0x8040u);
  _mm_setcsr(control & ~0x1F80u);  // every exception trapped
  check("traps");
  _mm_setcsr(control);
#endif
}

INSTANTIATE_TEST_SUITE_P(, Environments, testing::Values(Backend::graph, Backend::native),
                         [](const auto& info) { return to_string(info.param); });

}  // namespace
}  // namespace mlpjit::runtime
