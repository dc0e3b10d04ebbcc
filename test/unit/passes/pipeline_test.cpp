#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"
#include "test/programs/passes.h"

namespace mlpjit::passes::testing {
namespace {

PipelineSettings settings() {
  PipelineSettings result;
  result.isa = support::default_isa();
  result.verify = true;
  return result;
}

constexpr const char* kTextbook = R"(
func @add(%a: f32[], %b: f32[]) {
  %c = add %a, %b
  return %c
}
func @fancy_func(%a: f32[], %b: f32[], %c: f32[], %d: f32[]) {
  %e = call @add(%a, %b) : f32[]
  %f = call @add(%c, %d) : f32[]
  %g = call @add(%e, %f) : f32[]
  return %g
}
func @main(%t: token = token) {
  %1 = constant f32[] 1
  %2 = constant f32[] 2
  %3 = constant f32[] 3
  %4 = constant f32[] 4
  %r = call @fancy_func(%1, %2, %3, %4) : f32[]
  %u = print "" %t, %r
  return update %t = %u
}
)";

TEST(pipeline, folds_the_textbooks_program_to_a_print_of_ten) {
  ir::Graph graph = ir::parse(kTextbook);
  run_pipeline(graph, settings());
  EXPECT_EQ(graph.functions().size(), 1u);
  EXPECT_EQ(count_ops(graph), 1);
  EXPECT_EQ(count(graph, "print"), 1);
  ASSERT_EQ(count(graph, "constant"), 1);
  const ir::Function& main = graph.main();
  const ir::Op& print = main.op(main.body().ops.back());
  const ir::OpId made = main.value(print.operands.back()).producer;
  EXPECT_EQ(main.op(made).attrs.get<ir::Literal>("value"), ir::scalar_literal(DType::f32, 10));
}

TEST(pipeline, folds_calls_too_when_inlining_is_off) {
  ir::Graph graph = ir::parse(kTextbook);
  PipelineSettings only_fold = settings();
  only_fold.options.inline_calls = false;
  run_pipeline(graph, only_fold);
  const ir::Function& main = graph.main();
  EXPECT_EQ(main.body().ops.size(), 2u) << ir::print(graph);
}

TEST(pipeline, reports_each_pass_once_and_calls_back_on_change) {
  ir::Graph graph = ir::parse(kTextbook);
  PipelineSettings with_callback = settings();
  std::vector<std::string> changed;
  with_callback.on_change = [&](std::string_view pass, const ir::Graph&) {
    changed.emplace_back(pass);
  };
  const std::vector<PassReport> reports = run_pipeline(graph, with_callback);
  std::vector<std::string> names;
  for (const PassReport& report : reports) names.push_back(report.name);
  EXPECT_EQ(names, (std::vector<std::string>{"inline_calls", "fold", "simplify", "cse",
                                             "eliminate_dead_values", "fuse"}));
  EXPECT_EQ(changed,
            (std::vector<std::string>{"inline_calls", "fold", "cse", "eliminate_dead_values"}));
  EXPECT_GT(reports[0].changes, 0);
  EXPECT_EQ(reports[5].changes, 0);
  EXPECT_EQ(reports[0].ops.at(ir::Opcode::call), -4);
  EXPECT_EQ(reports[0].ops.at(ir::Opcode::add), 2);  // three, less the one of @add
  EXPECT_LT(reports[4].ops.at(ir::Opcode::constant), 0);
  EXPECT_TRUE(reports[5].ops.empty());
}

TEST(pipeline, leaves_out_what_is_switched_off) {
  ir::Graph graph = ir::parse(kTextbook);
  PipelineSettings off = settings();
  off.options = {false, false, false, false, false, false};
  EXPECT_TRUE(run_pipeline(graph, off).empty());
  EXPECT_EQ(graph.functions().size(), 3u);
  off.options.fuse = true;
  off.fuse = false;
  EXPECT_TRUE(run_pipeline(graph, off).empty());
}

TEST(pipeline, repeats_while_passes_give_each_other_work) {
  // The predicate is known only after folding; the branch simplifies; what is left folds.
  const ir::Graph before =
      parse_main("%x: f32[20]",
                 "%one = constant f32[] 1 %two = constant f32[] 2 %p = less %one, %two "
                 "%r = cond %p, %x, %one { ^(%a: f32[20], %b: f32[]) %c = multiply %a, %b %n = "
                 "negative %c %m = negative %n "
                 "yield %m } { ^(%a2: f32[20], %b2: f32[]) %c2 = add %a2, %b2 yield %c2 }",
                 "%r");
  const ir::Graph after = check_pass(before, [](ir::Graph& graph) {
    run_pipeline(graph, settings());
    return 1;
  });
  EXPECT_EQ(count_ops(after), 0) << ir::print(after);
}

TEST(pipeline, works_on_symbolic_shapes) {
  ir::Graph graph = parse_main(
      "%x: f32[B, 7], %w: f32[5, 7] = param \"w\", %b: f32[5] = param \"b\"",
      "%d = dense %x, %w, %b %a = relu %d %e = relu %a %s = softmax %e {axis = 1} "
      "%m = max %s {axes = [1], keepdims = false} %n = mean %s {axes = [0], keepdims = false}",
      "%m, %n");
  run_pipeline(graph, settings());
  EXPECT_EQ(count(graph, "relu"), 1);
  EXPECT_EQ(count(graph, "fusion"), 1);
}

}  // namespace
}  // namespace mlpjit::passes::testing
