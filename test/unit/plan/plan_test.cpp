// What plans decide: memory shared between lifetimes, slots in their order, tiles within the
// registers, packing.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"
#include "lib/plan/planner.h"
#include "mlpjit/error.h"

namespace mlpjit::plan {
namespace {

Plan plan_of(const std::string& text, support::Isa isa = support::Isa::avx512) {
  return make_plan(std::make_shared<const ir::Graph>(ir::parse(text)), make_target(isa));
}

const char* const kChain =
    R"(func @main(%x: f32[64, 64], %w: f32[64, 64] = param "w") -> (f32[64, 64]) {
  %0 = dense %x, %w : f32[64, 64] @"a"
  %1 = dense %0, %w : f32[64, 64] @"b"
  %2 = dense %1, %w : f32[64, 64] @"c"
  %3 = dense %2, %w : f32[64, 64] @"d"
  return %3
}
)";

TEST(Plan, IntermediatesShareMemoryOnceTheyAreDead) {
  const Plan plan = plan_of(kChain);
  EXPECT_EQ(plan.workspace_bytes, 2u * 64 * 80 * 4);  // rows padded
  EXPECT_EQ(plan.unshared_bytes, 3u * 64 * 80 * 4);
  for (const Buffer& a : plan.buffers) {
    for (const Buffer& b : plan.buffers) {
      if (&a == &b || a.place != Place::workspace || b.place != Place::workspace ||
          a.root == b.root)
        continue;
      const bool alive_together = a.first_step <= b.last_step && b.first_step <= a.last_step;
      const bool overlap = a.offset.known() < (b.offset + b.bytes).known() &&
                           b.offset.known() < (a.offset + a.bytes).known();
      EXPECT_FALSE(alive_together && overlap) << a.name << " and " << b.name;
    }
  }
}

// Buffers that are alive together lie apart, and in the workspace, for every batch size.
void expect_apart(const std::string& text, std::initializer_list<std::int64_t> batches) {
  const Plan plan = plan_of(text);
  int pairs = 0;
  for (const std::int64_t batch : batches) {
    const auto end = [&](const Buffer& buffer) {
      return buffer.offset.at(batch) + std::max<std::int64_t>(buffer.bytes.at(batch), 0);
    };
    for (const Buffer& a : plan.buffers) {
      if (a.place != Place::workspace) continue;
      EXPECT_GE(a.offset.at(batch), 0) << a.name;
      EXPECT_LE(end(a), plan.workspace(batch)) << a.name << " at B = " << batch;
      for (const Buffer& b : plan.buffers) {
        if (b.place != Place::workspace || a.root == b.root) continue;
        if (a.first_step > b.last_step || b.first_step > a.last_step) continue;
        ++pairs;
        EXPECT_FALSE(a.offset.at(batch) < end(b) && b.offset.at(batch) < end(a))
            << a.name << " and " << b.name << " at B = " << batch;
      }
    }
  }
  EXPECT_GT(pairs, 0) << to_string(plan);
}

TEST(Plan, BuffersOfASymbolicBatchLieApartWhateverItsSizeIsMadeOf) {
  const auto chain = [](const std::string& rows) {
    return "func @main(%x: f32[" + rows +
           R"(, 300], %w: f32[300, 300] = param "w") {
  %a = dense %x, %w
  %b = dense %a, %w
  %c = dense %b, %w
  %d = softmax %c {axis = 1}
  %e = dense %d, %w
  %r = add %e, %a
  %s = add %r, %b
  %t = matmul %s, %w
  return %t, %a, %c
}
)";
  };
  for (const char* rows : {"B-1", "2*B-1", "3*B-2", "B", "B+7", "5*B+2"})
    expect_apart(chain(rows), {1, 2, 3, 8, 63, 64, 1000});
  expect_apart(chain("B-40"), {40, 41, 64, 1000});
  expect_apart(R"(func @main(%x: f32[B-1, 300], %y: f32[B+1, 300], %w: f32[300, 300] = param "w") {
  %a = dense %x, %w
  %b = dense %y, %w
  %m = transpose %b {permutation = [1, 0]}
  %c = matmul %a, %m
  %d = softmax %c {axis = 1}
  %e = matmul %d, %b
  %r = add %e, %a
  return %r
}
)",
               {1, 2, 3, 8, 64});
}

// Each value alone has fewer than 2^63 bytes, two that live together have not.
TEST(Plan, BytesBeyondWhatCanBeCountedAreAShapeError) {
  const auto sum_of = [](const std::string& value) {
    return R"(func @main(%s: f32[]) -> (f32[]) {
  %a = broadcast_to %s {shape = [281474976710656, 4096]}
  %b = exp %a
  %c = sum %)" +
           value + R"(
  return %c
}
)";
  };
  EXPECT_THROW(plan_of(sum_of("b")), ShapeError);
  std::string one = sum_of("a");
  one.erase(one.find("  %b"), one.find("  %c") - one.find("  %b"));
  EXPECT_EQ(plan_of(one).workspace_bytes, std::int64_t{1} << 62);
}

// A weight of no bytes would be a pack of 64 MiB.
TEST(Plan, NothingIsPackedWhereNothingIsSummed) {
  const Plan plan = plan_of(R"(func @main(%x: f32[2, 0], %w: f32[16777216, 0] = param "w") {
  %0 = dense %x, %w
  return %0
}
)");
  EXPECT_EQ(plan.packed_bytes(), 0u);
}

TEST(Plan, SlotsAreInputsOutputsConstantsPackedWeights) {
  const Plan plan =
      plan_of(R"(func @main(%x: f32[2, 32], %w: f32[32, 32] = param "w") -> (f32[2, 32], f32[3]) {
  %0 = dense %x, %w : f32[2, 32]
  %1 = constant {value = f32[3] [1, 2, 3]} : f32[3]
  return %0, %1
}
)");
  std::vector<SlotKind> kinds;
  for (const Slot& slot : plan.slots) kinds.push_back(slot.kind);
  const std::vector<SlotKind> expected = {SlotKind::input,  SlotKind::input,    SlotKind::output,
                                          SlotKind::output, SlotKind::constant, SlotKind::packed};
  EXPECT_EQ(kinds, expected);
  EXPECT_EQ(plan.slots.back().index, 1u);
  EXPECT_EQ(plan.packed_bytes(), 2u * 33 * 16 * 4);
}

// Where an update goes is the caller's to say: its input's own memory, or another place.
TEST(Plan, UpdatesHaveSlotsOfTheirOwnWrittenLast) {
  const Plan plan = plan_of(R"(func @main(%a: f32[4], %b: f32[4]) -> (f32[4]) {
  %0 = add %a, %b : f32[4]
  return %0 update %a = %b, %b = %a
}
)");
  std::vector<std::pair<SlotKind, std::uint32_t>> slots;
  for (const Slot& slot : plan.slots) slots.emplace_back(slot.kind, slot.index);
  const std::vector<std::pair<SlotKind, std::uint32_t>> expected = {{SlotKind::input, 0},
                                                                    {SlotKind::input, 1},
                                                                    {SlotKind::output, 0},
                                                                    {SlotKind::update, 0},
                                                                    {SlotKind::update, 1}};
  EXPECT_EQ(slots, expected);
  ASSERT_EQ(plan.steps.size(), 5u);  // the sum, two copies aside, two to their place
  for (std::size_t i = 3; i < 5; ++i) {
    const auto& copy = std::get<CopyKernel>(plan.steps[i].kernel);
    EXPECT_EQ(plan.buffers[copy.from].place, Place::workspace);
    EXPECT_EQ(plan.buffers[copy.to].slot, static_cast<std::uint32_t>(i));
  }
}

TEST(Plan, ReshapesAreViewsOfTheSameMemory) {
  const Plan plan = plan_of(R"(func @main(%x: f32[4, 6]) -> (f32[24]) {
  %0 = exp %x : f32[4, 6]
  %1 = reshape %0 {shape = [24]} : f32[24]
  return %1
}
)");
  EXPECT_EQ(plan.steps.size(), 1u) << to_string(plan);
  EXPECT_EQ(plan.workspace_bytes, 0u);
}

TEST(Plan, RowsBetweenDenseLayersAreNeverAKilobyteApart) {
  const Plan plan =
      plan_of(R"(func @main(%x: f32[8, 256], %w: f32[256, 256] = param "w") -> (f32[8, 256]) {
  %0 = dense %x, %w : f32[8, 256]
  %1 = dense %0, %w : f32[8, 256]
  return %1
}
)");
  const auto &first = std::get<DenseKernel>(plan.steps[0].kernel),
             &second = std::get<DenseKernel>(plan.steps[1].kernel);
  EXPECT_EQ(first.out.strides[0], second.x_stride);
  EXPECT_FALSE((first.out.strides[0] * 4).multiple_of(1024));
  EXPECT_EQ(first.x_stride, 256);
  EXPECT_EQ(second.out.strides[0], 256);
}

TEST(Plan, NeighbouringLoopsBecomeOne) {
  const Plan plan =
      plan_of(R"(func @main(%x: f32[4, 6, 5], %y: f32[5]) -> (f32[4, 6, 5], f32[4, 6, 5]) {
  %0 = exp %x : f32[4, 6, 5]
  %1 = add %x, %y : f32[4, 6, 5]
  return %0, %1
}
)");
  EXPECT_EQ(std::get<ElementwiseKernel>(plan.steps[0].kernel).loops, std::vector<Extent>{120});
  EXPECT_EQ(std::get<ElementwiseKernel>(plan.steps[1].kernel).loops, (std::vector<Extent>{24, 5}));
}

// A group that one kernel takes counts as a fusion; one that none takes does not, and says why.
TEST(Plan, CountsTheGroupsThatAreOneKernel) {
  const char* const text =
      R"(func @main(%x: f32[4, 8], %w: f32[8, 8] = param "w") -> (f32[4, 8]) {
  %0 = fusion %x, %w {kind = "dense"} {
    ^(%a: f32[4, 8], %b: f32[8, 8])
    %1 = dense %a, %b : f32[4, 8] @"fc"
    %2 = relu %1 : f32[4, 8] @"act"
    yield %2
  } : f32[4, 8]
  return %0
}
)";
  const Plan fused = plan_of(text);
  EXPECT_EQ(fused.fusions, 1);
  ASSERT_EQ(fused.steps.size(), 1u) << to_string(fused);
  EXPECT_EQ(fused.steps[0].reason.find("not one kernel"), std::string::npos);
  EXPECT_EQ(fused.steps[0].fused, (std::vector{ir::Opcode::dense, ir::Opcode::relu}));

  const Plan apart = plan_of(text, support::Isa::baseline);
  EXPECT_EQ(apart.fusions, 0);
  ASSERT_EQ(apart.steps.size(), 2u) << to_string(apart);
  for (const Step& step : apart.steps) {
    EXPECT_TRUE(step.fused.empty());
    EXPECT_TRUE(step.reason.ends_with("; not one kernel with its group: narrow, no fma"))
        << step.reason;
  }
}

TEST(Plan, TilesFitTheRegisters) {
  for (const support::Isa isa : {support::Isa::avx2, support::Isa::avx512}) {
    const Target target = make_target(isa);
    for (const DType dtype : {DType::f32, DType::f64}) {
      for (const std::int64_t m : {1, 2, 3, 5, 7, 16, 64, 1000}) {
        for (const std::int64_t n : {5, 16, 48, 100, 256, 2048}) {
          DenseKernel kernel;
          kernel.chains = n <= 16 ? 4 : n <= 64 ? 2 : 1;
          kernel.dtype = dtype;
          kernel.panel = static_cast<std::int64_t>(64 / size_of(dtype));
          kernel.m = m;
          kernel.n = n;
          kernel.k = 300;
          const Tile tile = choose_tile(kernel, target).first;
          const int vectors = 64 / target.vector_bytes;
          const int columns = tile.panels * vectors;
          EXPECT_LE(tile.live * tile.rows * columns + (tile.rows == 1 ? 1 : columns) + 1,
                    target.vector_registers);
          EXPECT_LE(tile.live, kernel.chains);
          EXPECT_LE(tile.rows, m);
        }
      }
    }
  }
}

// "about 1781 cycles" of the one kernel of a dense layer of `rows` rows, with an activation or "".
double cycles_of(const std::string& activation, support::Isa isa, int rows = 1,
                 const std::string& dtype = "f32") {
  const std::string m = std::to_string(rows);
  std::string op = "    %2 = " + activation + " %1\n";
  if (activation.empty()) op = "    %2 = add %1, %1\n";
  std::string text = "func @main(%x: f32[" + m + ", 64], %w: f32[256, 64] = param \"w\") -> (f32[" +
                     m + ", 256]) {\n  %0 = fusion %x, %w {kind = \"dense\"} {\n    ^(%a: f32[" +
                     m + ", 64], %b: f32[256, 64])\n    %1 = dense %a, %b\n" + op +
                     "    yield %2\n  } : f32[" + m + ", 256]\n  return %0\n}\n";
  for (std::size_t at; dtype != "f32" && (at = text.find("f32")) != std::string::npos;)
    text.replace(at, 3, dtype);
  const Plan plan = plan_of(text, isa);
  EXPECT_EQ(plan.steps.size(), 1U);
  const std::string& reason = plan.steps[0].reason;
  const std::size_t about = reason.find("about ");
  EXPECT_NE(about, std::string::npos) << reason;
  return std::stod(reason.substr(about + 6));
}

TEST(Plan, CyclesCountTheOpsAfterTheProduct) {
  for (const support::Isa isa : {support::Isa::avx2, support::Isa::avx512}) {
    for (const std::string dtype : {"f32", "f64"}) {
      SCOPED_TRACE(dtype);
      const double cheap = cycles_of("", isa, 1, dtype), relu = cycles_of("relu", isa, 1, dtype),
                   tanh = cycles_of("tanh", isa, 1, dtype), gelu = cycles_of("gelu", isa, 1, dtype);
      EXPECT_EQ(cheap, relu) << "one instruction each";
      EXPECT_GT(tanh, relu * 1.05);
      EXPECT_GT(gelu - relu, 1.3 * (tanh - relu));
      // So much per vector of results, however many rows there are.
      const double more = cycles_of("tanh", isa, 16, dtype) - cycles_of("relu", isa, 16, dtype);
      EXPECT_NEAR(more, 16 * (tanh - relu), 16 * 1.0);
      EXPECT_GT(cycles_of("exp", isa, 1, dtype), relu);
    }
  }
  // Vectors of half the size are twice as many.
  const auto surplus = [](support::Isa isa) {
    return cycles_of("gelu", isa) - cycles_of("relu", isa);
  };
  EXPECT_GT(surplus(support::Isa::avx2), 1.5 * surplus(support::Isa::avx512));
}

TEST(Plan, PackingPadsWithZerosAndKeepsEveryWeight) {
  const PackedLayout layout = packed_layout(21, 5, DType::f32);
  std::vector<float> weight(21 * 5), packed(layout.bytes() / sizeof(float), -1.0f);
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = static_cast<float>(i + 1);
  pack(layout, weight.data(), packed.data());
  for (std::int64_t p = 0; p < layout.panels(); ++p) {
    for (std::int64_t i = 0; i < layout.panel_stride; ++i) {
      const std::int64_t k = i / layout.panel, n = p * layout.panel + i % layout.panel;
      const float expected = k < 5 && n < 21 ? weight[static_cast<std::size_t>(n * 5 + k)] : 0.0f;
      EXPECT_EQ(packed[static_cast<std::size_t>(p * layout.panel_stride + i)], expected)
          << p << " " << i;
    }
  }
}

void expect_apart(const Plan& plan) {
  for (const Buffer& a : plan.buffers) {
    for (const Buffer& b : plan.buffers) {
      if (&a == &b || a.place != Place::workspace || b.place != Place::workspace ||
          a.root == b.root)
        continue;
      const bool alive_together = a.first_step <= b.last_step && b.first_step <= a.last_step;
      const bool overlap = a.offset.known() < (b.offset + b.bytes).known() &&
                           b.offset.known() < (a.offset + a.bytes).known();
      EXPECT_FALSE(alive_together && overlap) << a.name << " and " << b.name << to_string(plan);
    }
  }
}

TEST(Plan, BranchesWriteTheResultWhereItBelongs) {
  const Plan plan = plan_of(R"(func @main(%x: f32[8], %p: bool[]) -> (f32[8]) {
  %r = cond %p, %x { ^(%a) %e = exp %a yield %e } { ^(%b)
    %q = cond %p { %t = tanh %b yield %t } { yield %x }
    yield %q }
  return %r
}
)");
  ASSERT_EQ(plan.steps.size(), 5u) << to_string(plan);
  const auto& cond = std::get<CondKernel>(plan.steps[0].kernel);
  EXPECT_EQ(cond.then_steps.begin, 1u);
  EXPECT_EQ(cond.then_steps.end, 2u);
  EXPECT_EQ(cond.else_steps.end, 5u);
  EXPECT_EQ(plan.after(0), 5u);
  EXPECT_EQ(plan.after(2), 5u);
  EXPECT_EQ(plan.steps[3].name, "cond.else.cond.then.tanh");
  for (const std::uint32_t step : {1u, 3u}) {
    const auto& kernel = std::get<ElementwiseKernel>(plan.steps[step].kernel);
    const Buffer& out = plan.buffers[kernel.outputs[0].buffer];
    EXPECT_EQ(out.place, Place::slot);
    EXPECT_EQ(out.slot, 2u);
  }
  EXPECT_EQ(std::get<CopyKernel>(plan.steps[4].kernel).from, 0u) << "the one that is yielded as is";
}

TEST(Plan, ATurnWritesCarriedValuesToTheOtherOfTwoBuffers) {
  const Plan plan = plan_of(R"(func @main(%x: f32[8], %y: f32[8]) -> (f32[8], f32[8], f32[8]) {
  %a, %b, %c = while_loop %x, %y, %y {
    ^(%i, %j, %same) %s = sum %i {axes = [0]}
    %z = constant f32[] 0
    %go = less %s, %z yield %go
  } { ^(%k, %l, %kept) %e = exp %k yield %e, %k, %kept }
  return %a, %b, %c
}
)");
  const auto& loop = std::get<WhileKernel>(plan.steps.at(0).kernel);
  ASSERT_EQ(loop.carried.size(), 2u) << "a value that stays is not carried";
  const Carried& first = loop.carried[0];
  const auto& exp = std::get<ElementwiseKernel>(plan.steps.at(3).kernel);
  EXPECT_EQ(exp.inputs[0].buffer, first.current);
  EXPECT_EQ(plan.buffers[exp.outputs[0].buffer].root, first.next);
  EXPECT_EQ(plan.buffers[first.current].targets,
            (std::vector<BufferId>{first.initial, first.memory[0], first.memory[1]}));
  const auto& moved = std::get<CopyKernel>(plan.steps.at(4).kernel);
  EXPECT_EQ(moved.from, first.current);
  EXPECT_EQ(moved.to, loop.carried[1].next);
  expect_apart(plan);
}

TEST(Plan, WhatALoopTakesFromOutsideLivesAsLongAsTheLoop) {
  const Plan plan = plan_of(R"(func @main(%x: f32[64], %xs: f32[5, 64]) -> (f32[64], f32[5, 64]) {
  %outside = exp %x
  %r, %ys = scan %x, %xs {carried = 1} { ^(%c, %e)
    %t = add %outside, %c
    %u = tanh %t
    %o = sin %u
    %v = exp %o
    %w = add %v, %e
    yield %w, %v }
  return %r, %ys
}
)");
  const std::uint32_t last = plan.after(1) - 1;
  for (const Buffer& buffer : plan.buffers) {
    if (buffer.name == "outside") {
      EXPECT_EQ(buffer.last_step, last);
    }
  }
  const auto& scan = std::get<ScanKernel>(plan.steps.at(1).kernel);
  EXPECT_EQ(plan.buffers[scan.ys.at(0).whole].place, Place::slot) << "stacked in the output";
  expect_apart(plan);
  EXPECT_LT(plan.workspace_bytes.known(), plan.unshared_bytes.known())
      << "a turn's own values share memory";
}

TEST(Plan, TheTextNamesEveryStepWithItsReason) {
  const Plan plan = plan_of(kChain);
  const std::string text = to_string(plan);
  for (const Step& step : plan.steps) {
    EXPECT_NE(text.find(step.name), std::string::npos);
    EXPECT_FALSE(step.reason.empty());
  }
  EXPECT_NE(text.find("tiles of"), std::string::npos) << text;
}

}  // namespace
}  // namespace mlpjit::plan
