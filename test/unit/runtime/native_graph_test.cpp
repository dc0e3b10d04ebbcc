// The frame around machine code, without LLVM: hand-made plans and entry points that are C++
// functions.

#include "lib/runtime/native_graph.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "lib/ir/text.h"
#include "mlpjit/error.h"

namespace mlpjit::runtime {
namespace {

class CppCode final : public codegen::Code {
 public:
  explicit CppCode(codegen::EntryPoint entry) : entry_(entry) {}
  codegen::EntryPoint entry() const override { return entry_; }

 private:
  codegen::EntryPoint entry_;
};

plan::Buffer slot_buffer(std::uint32_t slot, DType dtype, const Shape& shape) {
  plan::Buffer buffer;
  buffer.place = plan::Place::slot;
  buffer.slot = slot;
  buffer.dtype = dtype;
  buffer.shape = shape;
  buffer.bytes = plan::elements(shape) * size_of(dtype);
  return buffer;
}

// Slots: one per input, then one per result; a buffer for each.
plan::Plan plan_of(std::string_view text) {
  plan::Plan plan;
  plan.graph = std::make_shared<const ir::Graph>(ir::parse(text));
  plan.target = plan::make_target(support::Isa::baseline);
  const ir::Function& main = plan.graph->main();
  const auto add = [&](plan::SlotKind kind, std::span<const ir::ValueId> values) {
    for (std::uint32_t i = 0; i < values.size(); ++i) {
      const ir::Type& type = main.value(values[i]).type;
      plan.slots.push_back({kind, i, {}, {}});
      plan.buffers.push_back(
          slot_buffer(static_cast<std::uint32_t>(plan.slots.size() - 1), type.dtype, type.shape));
    }
  };
  add(plan::SlotKind::input, main.body().arguments);
  add(plan::SlotKind::output, main.body().results);
  return plan;
}

NativeGraph make(plan::Plan plan, codegen::EntryPoint entry) {
  Interface interface = interface_of(plan.graph->main());
  return NativeGraph(std::move(plan), std::make_unique<CppCode>(entry), {}, std::move(interface));
}

template <std::size_t N>
Argument argument(std::array<float, N>& data) {
  return {{DType::f32, {static_cast<std::int64_t>(N)}, data.data()}, nullptr};
}
template <std::size_t N>
interp::View view(std::array<float, N>& data) {
  return argument(data).view;
}

constexpr const char* kTwice =
    "func @main(%a: f32[4]) -> (f32[4]) {\n  %0 = add %a, %a : f32[4]\n  return %0\n}\n";

std::int64_t twice(const codegen::Runtime*, void* const* slots, std::byte*, std::int64_t) {
  const auto* in = static_cast<const float*>(slots[0]);
  auto* out = static_cast<float*>(slots[1]);
  for (int i = 0; i < 4; ++i) out[i] = 0;  // as code that takes it that they do not overlap
  for (int i = 0; i < 4; ++i) out[i] = in[i] + in[i];
  return codegen::kOk;
}

TEST(NativeGraph, FillsTheSlots) {
  const NativeGraph executable = make(plan_of(kTwice), twice);
  std::array<float, 4> in = {1, 2, 3, 4}, out{};
  const Argument inputs[] = {argument(in)};
  const interp::View results[] = {view(out)};
  executable.run(inputs, results);
  EXPECT_EQ(out, (std::array<float, 4>{2, 4, 6, 8}));
  EXPECT_GT(executable.bytes(), 0u);
  EXPECT_THROW(executable.run({}, results), InternalError);
}

TEST(NativeGraph, ResultsMayOverlapInputs) {
  const NativeGraph executable = make(plan_of(kTwice), twice);
  std::array<float, 6> memory = {1, 2, 3, 4, 50, 60};
  const Argument inputs[] = {{{DType::f32, {4}, memory.data()}, nullptr}};
  const interp::View results[] = {{DType::f32, {4}, memory.data() + 2}};
  executable.run(inputs, results);
  EXPECT_EQ(memory, (std::array<float, 6>{1, 2, 2, 4, 6, 8}));
}

TEST(NativeGraph, ConstantsAreItsOwnAndAligned) {
  plan::Plan plan = plan_of(kTwice);
  const float values[] = {10, 20, 30, 40};
  plan.slots.push_back(
      {plan::SlotKind::constant, 0, {}, ir::make_literal(DType::f32, {4}, values)});
  plan.slots.push_back(
      {plan::SlotKind::constant, 1, {}, ir::make_literal(DType::f32, {1}, values + 1)});
  const NativeGraph executable = make(
      std::move(plan), [](const codegen::Runtime*, void* const* slots, std::byte*, std::int64_t) {
        const auto* in = static_cast<const float*>(slots[0]);
        const auto* first = static_cast<const float*>(slots[2]);
        const auto* second = static_cast<const float*>(slots[3]);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0u);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(second) % 64, 0u);
        for (int i = 0; i < 4; ++i) static_cast<float*>(slots[1])[i] = in[i] + first[i] + second[0];
        return std::int64_t{codegen::kOk};
      });
  std::array<float, 4> in = {1, 2, 3, 4}, out{};
  const Argument inputs[] = {argument(in)};
  const interp::View results[] = {view(out)};
  executable.run(inputs, results);
  EXPECT_EQ(out, (std::array<float, 4>{31, 42, 53, 64}));
}

TEST(NativeGraph, TheWorkspaceIsAlignedAndLargeEnough) {
  plan::Plan plan = plan_of(kTwice);
  plan.workspace_bytes = 100'000;
  const NativeGraph executable =
      make(std::move(plan),
           [](const codegen::Runtime*, void* const* slots, std::byte* workspace, std::int64_t) {
             EXPECT_EQ(reinterpret_cast<std::uintptr_t>(workspace) % 64, 0u);
             std::memset(workspace, 1, 100'000);
             std::memset(slots[1], 0, 16);
             return std::int64_t{codegen::kOk};
           });
  std::array<float, 4> in{}, out = {1, 1, 1, 1};
  const Argument inputs[] = {argument(in)};
  const interp::View results[] = {view(out)};
  executable.run(inputs, results);
  EXPECT_EQ(out, (std::array<float, 4>{}));
}

TEST(NativeGraph, ManySlotsNeedNoLimit) {
  std::string parameters, body;
  for (int i = 0; i < 100; ++i)
    parameters += (i == 0 ? "%a" : ", %a") + std::to_string(i) + ": f32[1]";
  plan::Plan plan = plan_of("func @main(" + parameters + ") -> (f32[1]) {\n  return %a99\n}\n");
  const NativeGraph executable = make(
      std::move(plan), [](const codegen::Runtime*, void* const* slots, std::byte*, std::int64_t) {
        *static_cast<float*>(slots[100]) = *static_cast<const float*>(slots[99]);
        return std::int64_t{codegen::kOk};
      });
  std::array<float, 1> in = {7}, out{};
  const std::vector<Argument> inputs(100, argument(in));
  const interp::View results[] = {view(out)};
  executable.run(inputs, results);
  EXPECT_EQ(out[0], 7);
}

constexpr const char* kGather =
    "func @main(%x: f32[3], %i: i64[2]) -> (f32[2]) {\n  %0 = gather %x, %i {axis = 0} : f32[2]\n  "
    "return %0\n}\n";

std::int64_t library_step_zero(const codegen::Runtime* runtime, void* const* slots,
                               std::byte* workspace, std::int64_t) {
  return runtime->library(runtime, 0, slots, workspace);
}

plan::Plan gather_plan() {
  plan::Plan plan = plan_of(kGather);
  plan::LibraryKernel kernel;
  kernel.op = plan.graph->main().body().ops.at(0);
  kernel.inputs = {0, 1};
  kernel.outputs = {2};
  plan.steps.push_back({kernel, "gather", ""});
  return plan;
}

TEST(NativeGraph, LibraryStepsAreRunByTheInterpreter) {
  const NativeGraph executable = make(gather_plan(), library_step_zero);
  std::array<float, 3> x = {1, 2, 3};
  std::array<float, 2> out{};
  std::array<std::int64_t, 2> index = {2, -3};
  const Argument inputs[] = {argument(x), {{DType::i64, {2}, index.data()}, nullptr}};
  const interp::View results[] = {view(out)};
  executable.run(inputs, results);
  EXPECT_EQ(out, (std::array<float, 2>{3, 1}));
}

TEST(NativeGraph, WhatALibraryStepThrowsReachesTheCaller) {
  const NativeGraph executable = make(gather_plan(), library_step_zero);
  std::array<float, 3> x = {1, 2, 3};
  std::array<float, 2> out{};
  std::array<std::int64_t, 2> index = {2, 17};
  const Argument inputs[] = {argument(x), {{DType::i64, {2}, index.data()}, nullptr}};
  const interp::View results[] = {view(out)};
  EXPECT_THROW(executable.run(inputs, results), ValueError);
  index[1] = 0;
  executable.run(inputs, results);  // and the next call is as if nothing had been
  EXPECT_EQ(out, (std::array<float, 2>{3, 1}));
}

TEST(NativeGraph, AStatusWithoutAFailedStepIsABugOfOurs) {
  const NativeGraph executable =
      make(plan_of(kTwice), [](const codegen::Runtime*, void* const*, std::byte*, std::int64_t) {
        return codegen::make_status(codegen::kLibraryFailed, 3);
      });
  std::array<float, 4> in{}, out{};
  const Argument inputs[] = {argument(in)};
  const interp::View results[] = {view(out)};
  EXPECT_THROW(executable.run(inputs, results), InternalError);
}

TEST(NativeGraph, AnUpdateGoesWhereTheCallerSays) {
  const char* text =
      "func @main(%a: f32[4]) -> () {\n  %0 = add %a, %a : f32[4]\n  return update %a = %0\n}\n";
  plan::Plan plan = plan_of(text);
  plan.slots.push_back({plan::SlotKind::update, 0, {}, {}});
  const NativeGraph executable = make(
      std::move(plan), [](const codegen::Runtime*, void* const* slots, std::byte*, std::int64_t) {
        const auto* from = static_cast<const float*>(slots[0]);
        for (int i = 0; i < 4; ++i) static_cast<float*>(slots[1])[i] = from[i] + from[i];
        return std::int64_t{codegen::kOk};
      });
  ASSERT_EQ(executable.updated_inputs().size(), 1u);
  std::array<float, 4> a = {1, 2, 3, 4}, b{};
  Argument apart = argument(a);
  apart.update = b.data();
  executable.run({{apart}}, {});
  EXPECT_EQ(a, (std::array<float, 4>{1, 2, 3, 4}));
  EXPECT_EQ(b, (std::array<float, 4>{2, 4, 6, 8}));
  executable.run({{argument(a)}}, {});
  EXPECT_EQ(a, b);
}

TEST(NativeGraph, AFrameKeepsWhatIsNotSetAgain) {
  const NativeGraph executable = make(plan_of(kTwice), twice);
  const std::unique_ptr<Frame> frame = executable.make_frame();
  std::array<float, 4> in = {1, 2, 3, 4}, first{}, second{};
  frame->set_input(0, argument(in));
  frame->run({{view(first)}}, 0);
  in[0] = 5;
  frame->run({{view(second)}}, 0);
  EXPECT_EQ(first, (std::array<float, 4>{2, 4, 6, 8}));
  EXPECT_EQ(second, (std::array<float, 4>{10, 4, 6, 8}));
}

}  // namespace
}  // namespace mlpjit::runtime
