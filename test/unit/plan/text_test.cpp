// The text form of plans, and what every plan keeps to.

#include "lib/plan/text.h"

#include <gtest/gtest.h>

#include <functional>

#include "lib/ir/text.h"
#include "lib/plan/verify.h"
#include "mlpjit/error.h"

namespace mlpjit::plan {
namespace {

// Every kind of kernel, any number of rows, padded rows, packed weights, constants, control flow.
constexpr const char* kProgram = R"(func @main(%x: f32[B, 40], %w: f32[48, 40] = param "w",
    %v: f32[2, 48] = param "v", %g: f32[48], %p: bool[], %s: f32[3] = capture 0,
    %k: f32[B, 4, 6], %l: f32[B, 6, 20], %i: i64[5], %i2: i64[2], %one: f32[6]) {
  %h = dense %x, %w
  %t = tanh %h
  %n = layer_norm %t, %g, %g {epsilon = 1e-05}
  %soft = softmax %h {axis = 1}
  %y = dense %n, %v
  %m = mean %y {axes = [1], keepdims = false}
  %q = concat %s, %s {axis = 0}
  %r, %z = random_uniform %i2 {shape = [3], dtype = f32}
  %o = matmul %k, %l
  %e1 = sum %l {axes = [1], keepdims = false}
  %e2 = matmul %k, %one
  %e3 = gather %s, %i {axis = 0}
  %e4 = one_hot %i {depth = 9, dtype = i32}
  %e6 = transpose %k {permutation = [0, 2, 1]}
  %e5 = argmax %k {axes = [2], keepdims = false}
  %c = cond %p, %s {
    ^(%a: f32[3])
    %e = exp %a
    yield %e
  } {
    ^(%b: f32[3])
    yield %b
  }
  return %m, %soft, %q, %r, %o, %e1, %e2, %e3, %e4, %e5, %e6, %c, %x
}
)";

Plan plan_of(const std::string& text, const Target& target, const Division& division = {}) {
  return make_plan(std::make_shared<const ir::Graph>(ir::parse(text)), target, division);
}

TEST(PlanText, ReadsBackForEveryTarget) {
  for (const Target& target : all_targets()) {
    const Plan plan =
        plan_of(kProgram, target, target.name == "avx2" ? Division{2, 0} : Division{});
    EXPECT_EQ(verify(plan), "") << target.name;
    const std::string text = to_string(plan);
    const Plan back = parse(text, plan.graph);
    EXPECT_EQ(to_string(back), text);
    EXPECT_TRUE(back == plan) << text;
  }
}

TEST(PlanText, SaysWhereItIsWrong) {
  const Plan plan = plan_of(kProgram, *find_target("avx2"));
  const std::string text = to_string(plan);
  const auto fault = [&](const std::string& from, const std::string& to) -> std::string {
    std::string wrong = text;
    const std::size_t at = wrong.find(from);
    if (at == std::string::npos) return "the text has no " + from;
    wrong.replace(at, from.size(), to);
    try {
      parse(wrong, plan.graph);
    } catch (const FormatError& error) {
      return error.what();
    }
    return "read";
  };
  EXPECT_NE(fault("target avx2", "target z80").find("name of a target"), std::string::npos);
  EXPECT_NE(fault("chains = ", "changes = ").find("'chains'"), std::string::npos);
  EXPECT_NE(fault("slot 1 input", "slot 2 input").find("number 1"), std::string::npos);
  EXPECT_NE(fault("%t = tanh", "%t = exp").find("a result of exp"), std::string::npos);
  EXPECT_NE(fault("epilogue = [%h]", "epilogue = [%nobody]").find("no value '%nobody'"),
            std::string::npos)
      << fault("epilogue = [%h]", "epilogue = [%nobody]");
  EXPECT_NE(fault("k = 40", "k = 4000").find("plan: "), std::string::npos);
  EXPECT_EQ(fault("reuse", "reuse"), "read");
  for (std::size_t i = 0; i + 1 < text.size(); i += 7)
    EXPECT_THROW(parse(text.substr(0, i), plan.graph), FormatError) << i;
}

template <class K>
K& first(Plan& plan) {
  for (Step& step : plan.steps) {
    if (auto* kernel = std::get_if<K>(&step.kernel)) return *kernel;
  }
  throw InternalError("no such kernel");
}

template <class K>
Step& step(Plan& plan) {
  for (Step& each : plan.steps) {
    if (std::holds_alternative<K>(each.kernel)) return each;
  }
  throw InternalError("no such kernel");
}
DenseKernel& batch(Plan& plan) {
  for (Step& step : plan.steps) {
    auto* kernel = std::get_if<DenseKernel>(&step.kernel);
    if (kernel != nullptr && !kernel->batch.empty()) return *kernel;
  }
  throw InternalError("no such kernel");
}
Step& softmax(Plan& plan) {
  for (Step& step : plan.steps) {
    const auto* row = std::get_if<RowKernel>(&step.kernel);
    if (row != nullptr && row->scratch >= 0) return step;
  }
  throw InternalError("no such kernel");
}
Extent dim_extent() {
  return Extent(dim("B"));
}

TEST(PlanVerifier, FindsEachFault) {
  const Plan good = plan_of(kProgram, *find_target("avx512"));
  ASSERT_EQ(verify(good), "");
  const std::pair<const char*, std::function<void(Plan&)>> faults[] = {
      {"out of order", [](Plan& p) { std::swap(p.slots.front(), p.slots.back()); }},
      {"slots of inputs", [](Plan& p) { p.slots.erase(p.slots.begin()); }},
      {"stands for number", [](Plan& p) { p.slots[0].index = 99; }},
      {"view of no buffer", [](Plan& p) { p.buffers[0].root = 999; }},
      {"ends before", [](Plan& p) { p.buffers[0].first_step = p.buffers[0].last_step + 1; }},
      {"bytes for", [](Plan& p) { p.buffers[0].bytes = 8; }},
      {"behind the workspace", [](Plan& p) { p.workspace_bytes = 0; }},
      {"share memory",
       [](Plan& p) {
         for (Buffer& each : p.buffers) {
           if (each.place != Place::workspace) continue;
           each.offset = 0;
           each.first_step = 0;
           each.last_step = 99;
         }
       }},
      {"not aligned",
       [](Plan& p) {
         for (Buffer& each : p.buffers) {
           if (each.place == Place::workspace && !(each.offset == 0)) each.offset = each.offset + 4;
         }
         p.workspace_bytes = p.workspace_bytes + 64;
       }},
      {"not right behind", [](Plan& p) { first<CondKernel>(p).then_steps.begin += 1; }},
      {"not alive",
       [](Plan& p) {
         first<DenseKernel>(p).bias = static_cast<std::int64_t>(p.buffers.size()) - 1;
       }},
      {"writes to",
       [](Plan& p) {
         auto& dense = first<DenseKernel>(p);
         dense.out.buffer = dense.x;
       }},
      {"strides for", [](Plan& p) { first<DenseKernel>(p).out.strides.pop_back(); }},
      {"is left", [](Plan& p) { first<DenseKernel>(p).x_stride += 1; }},
      {"is left", [](Plan& p) { first<ReductionKernel>(p).inner += 1; }},
      {"is left", [](Plan& p) { first<RowKernel>(p).columns += 1; }},
      {"leaves the weight", [](Plan& p) { first<DenseKernel>(p).k_step += 16; }},
      {"not the one of", [](Plan& p) { p.slots.back().layout.k += 1; }},
      {"is not written", [](Plan& p) { p.steps.pop_back(); }},
      {"a body of", [](Plan& p) { first<ElementwiseKernel>(p).body.arguments.clear(); }},
      {"before it is made",
       [](Plan& p) {
         Body& body = first<ElementwiseKernel>(p).body;
         body.arguments[0] = body.results[0];
       }},
      {"is not made", [](Plan& p) { first<ElementwiseKernel>(p).body.ops.clear(); }},
      {"vectors of", [](Plan& p) { first<DenseKernel>(p).lanes = 32; }},
      {"elements of a vector", [](Plan& p) { first<NarrowDenseKernel>(p).lanes = 5; }},
      {"all columns", [](Plan& p) { first<NarrowDenseKernel>(p).columns.groups += 1; }},
      {"all panels", [](Plan& p) { first<DenseKernel>(p).tilings[0].panels.groups += 1; }},
      {"no tile of one row", [](Plan& p) { first<DenseKernel>(p).tilings.pop_back(); }},
      {"two heights", [](Plan& p) { first<DenseKernel>(p).tilings[0].rows.larger = 1; }},
      {"do not get lower",
       [](Plan& p) {
         auto& all = first<DenseKernel>(p).tilings;
         std::swap(all.front(), all.back());
       }},
      {"not those", [](Plan& p) { first<DenseKernel>(p).micro_kernels.pop_back(); }},
      {"two micro-kernels",
       [](Plan& p) {
         auto& all = first<DenseKernel>(p).micro_kernels;
         all.push_back(all.back());
       }},
      {"chains at a time", [](Plan& p) { first<DenseKernel>(p).micro_kernels[0].live = 3; }},
      {"turns of", [](Plan& p) { first<DenseKernel>(p).micro_kernels[0].steps = 0; }},
      {"on the accumulators",
       [](Plan& p) {
         auto& dense = first<DenseKernel>(p);
         dense.epilogue_lanes /= 2;
         dense.micro_kernels[0].looped_epilogue = false;
       }},
      {"no turns", [](Plan& p) { step<DenseKernel>(p).units = {7, 1}; }},
      {"no turns", [](Plan& p) { step<RowKernel>(p).units = {7, 1}; }},
      {"no turns", [](Plan& p) { step<ReductionKernel>(p).units = {dim_extent(), 2}; }},
      {"scratch of", [](Plan& p) { softmax(p).units = {dim_extent(), 1}; }},
      {"units of 4 are not", [](Plan& p) { step<CopyKernel>(p).units = {2, 4}; }},
      {"units of 0 cycles", [](Plan& p) { step<RowKernel>(p).units = {dim_extent(), 1, 0}; }},
      {"cannot be divided", [](Plan& p) { step<LibraryKernel>(p).units = {2, 1}; }},
      {"operands and", [](Plan& p) { first<LibraryKernel>(p).inputs.pop_back(); }},
      {"operands and", [](Plan& p) { first<GatherKernel>(p).inputs.pop_back(); }},
      {"is left",
       [](Plan& p) {
         auto& gather = first<GatherKernel>(p);
         gather.size = gather.size + 1;
       }},
      {"is left",
       [](Plan& p) {
         auto& gather = first<GatherKernel>(p);
         gather.count = gather.count + 1;
       }},
      {"is left", [](Plan& p) { first<OneHotKernel>(p).depth += 1; }},
      {"vectors of", [](Plan& p) { first<OneHotKernel>(p).lanes = 128; }},
      {"is left", [](Plan& p) { first<ColumnReductionKernel>(p).inner += 1; }},
      {"walk its output", [](Plan& p) { first<ColumnReductionKernel>(p).out.strides.back() = 0; }},
      {"not its first", [](Plan& p) { first<ColumnReductionKernel>(p).out.first = 1; }},
      {"not its first", [](Plan& p) { first<DenseKernel>(p).out.first = 1; }},
      {"not its first", [](Plan& p) { first<RowKernel>(p).inputs[0].first = 1; }},
      {"before its beginning", [](Plan& p) { first<ElementwiseKernel>(p).inputs[0].first = -1; }},
      {"is left",
       [](Plan& p) {
         auto& inputs = first<ElementwiseKernel>(p).inputs;
         inputs[0].first = inputs[0].first + 1;
       }},
      {"leaves the weight",
       [](Plan& p) {
         auto& batched = batch(p);
         batched.weight_batch[0] = batched.weight_batch[0] + 1;
       }},
      {"is left",
       [](Plan& p) {
         auto& batched = batch(p);
         batched.x_batch[0] = batched.x_batch[0] + 1;
       }},
      {"not side by side", [](Plan& p) { first<TransposeKernel>(p).in.strides.back() = 0; }},
      {"is left",
       [](Plan& p) {
         auto& turned = first<TransposeKernel>(p);
         turned.rows = turned.rows + 1;
       }},
      {"strides for", [](Plan& p) { batch(p).x_batch.clear(); }},
      {"packed weights", [](Plan& p) { batch(p).packed = true; }},
      {"more than one column", [](Plan& p) { first<MatrixVectorKernel>(p).n = 2; }},
      {"0 vectors of rows", [](Plan& p) { first<MatrixVectorKernel>(p).vectors = 0; }},
      {"3 vectors of rows", [](Plan& p) { first<MatrixVectorKernel>(p).vectors = 3; }},
      {"3 elements of a vector", [](Plan& p) { first<TransposeKernel>(p).lanes = 3; }},
      {"reduces by tanh", [](Plan& p) { first<ReductionKernel>(p).op = ir::Opcode::tanh; }},
      {"at a time of columns", [](Plan& p) { first<ColumnReductionKernel>(p).rows = 2; }},
      {"a lookup by", [](Plan& p) { first<OneHotKernel>(p).op = first<GatherKernel>(p).op; }},
      {"an index of", [](Plan& p) { first<OneHotKernel>(p).inputs[0] = first<GatherKernel>(p).inputs[0]; }},
      {"of a token", [](Plan& p) { first<GatherKernel>(p).outputs[0] = -1; }},
      {"which it reads",
       [](Plan& p) {
         auto& turned = first<TransposeKernel>(p);
         turned.in.buffer = turned.out.buffer;
       }},
      {"panels ahead", [](Plan& p) { first<DenseKernel>(p).prefetch_panels = 1; }},
      {"side by side",
       [](Plan& p) {
         auto& product = first<MatrixVectorKernel>(p);
         product.out.strides[product.batch.size()] = 0;
       }},
      {"between sizes",
       [](Plan& p) {
         Buffer& from = p.buffers[first<CopyKernel>(p).from];
         from.bytes = from.bytes + 64;
       }},
      {"vectors of 0 bytes", [](Plan& p) { first<CopyKernel>(p).vector_bytes = 0; }},
      {"streams of",
       [](Plan& p) {
         auto& kernel = first<ElementwiseKernel>(p);
         kernel.streams = kernel.shared_tail = true;
       }},
      {"rows at a time", [](Plan& p) { first<ReductionKernel>(p).rows = 3; }},
      {"rows at a time", [](Plan& p) { first<RowKernel>(p).rows = 0; }},
      {"no row of scratch", [](Plan& p) { std::get<RowKernel>(softmax(p).kernel).scratch = -1; }},
      {"no row of scratch", [](Plan& p) { first<RowKernel>(p).kept = true; }},
      {"one row of scratch", [](Plan& p) { std::get<RowKernel>(softmax(p).kernel).kept = true; }},
      {"a predicate of", [](Plan& p) { first<CondKernel>(p).predicate = 0; }},
  };
  for (const auto& [what, damage] : faults) {
    Plan bad = good;
    damage(bad);
    EXPECT_NE(verify(bad).find(what), std::string::npos) << what << ": " << verify(bad);
  }
}

}  // namespace
}  // namespace mlpjit::plan
