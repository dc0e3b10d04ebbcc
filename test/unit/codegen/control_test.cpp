// Branches and loops as machine code: the bits of the interpreter, whatever regions yield.

#include <gtest/gtest.h>

#include <random>

#include "mlpjit/error.h"
#include "test/programs/compiled.h"

namespace mlpjit::test {
namespace {

void expect_same(const std::string& text) {
  for (const support::Isa isa : runnable_isas()) {
    for (const bool optimize : {true, false}) {
      EXPECT_EQ(compare(ir::parse(text), isa, Numbers::mixed, optimize), "")
          << text << to_string(isa) << (optimize ? "" : ", not optimised");
    }
  }
}

TEST(CompiledControl, CondTakesOneBranch) {
  expect_same(R"(func @main(%x: f32[5, 7], %p: bool[]) {
  %not = logical_not %p
  %a = cond %p, %x { ^(%t) %e = exp %t yield %e } { ^(%f) %g = negative %f yield %g }
  %b = cond %not { %e2 = tanh %a yield %e2 } { %g2 = abs %x yield %g2 }
  %c = multiply %a, %b
  return %a, %c
})");
}

TEST(CompiledControl, BranchesYieldWhatTheyWereGiven) {
  for (const char* predicate : {"%p", "%q"}) {
    expect_same(R"(func @main(%x: f32[9], %y: f32[9], %p: bool[]) {
  %q = logical_not %p
  %z = exp %x
  %k = constant f32[9] fill 2
  %a, %b, %c, %d, %e, %f = cond )" +
                std::string(predicate) + R"(, %x, %y {
    ^(%s, %t) %u = add %s, %z yield %t, %s, %u, %u, %k, %z
  } { ^(%v, %w) %r = reshape %z {shape = [9]} yield %v, %w, %k, %z, %r, %z }
  return %a, %b, %c, %d, %e, %f, %z
})");
  }
}

const std::string kCount = R"( %one = constant i64[] 1
 %j = add %i, %one )";

// A loop of `turns` over (i, a, b, c), whose body yields `yields`.
std::string loop(int turns, const std::string& body, const std::string& yields,
                 const std::string& attributes = "") {
  return R"(func @main(%x: f32[6], %y: f32[6], %z: f32[6]) {
  %zero = constant i64[] 0
  %outside = tanh %x
  %k = constant f32[6] [1, 2, 3, 4, 5, 6]
  %n, %ra, %rb, %rc = while_loop %zero, %x, %y, %outside )" +
         attributes + R"( {
    ^(%ci, %ca, %cb, %cc) %limit = constant i64[] )" +
         std::to_string(turns) + R"(
    %go = less %ci, %limit yield %go
  } { ^(%i, %a, %b, %c) )" +
         kCount + body + "yield %j, " + yields + R"( }
  %after = add %outside, %rc
  return %n, %ra, %rb, %rc, %after
})";
}

TEST(CompiledControl, CarriedValuesArePermutedRepeatedAndReplaced) {
  const std::string sums = "%s = add %a, %b %t = multiply %s, %c ";
  for (const int turns : {0, 1, 2, 3, 6}) {
    for (const char* yields :
         {"%b, %a, %c", "%b, %c, %a", "%b, %s, %c", "%s, %a, %s", "%s, %s, %s", "%outside, %t, %b",
          "%k, %z, %t", "%a, %b, %c", "%t, %c, %s", "%z, %a, %outside", "%s, %t, %z"}) {
      expect_same(loop(turns, sums, yields));
    }
  }
}

TEST(CompiledControl, TheLimitEndsALoop) {
  for (const int limit : {0, 1, 4, 100}) {
    expect_same(loop(9, "%s = add %a, %b ", "%s, %a, %b",
                     "{max_iterations = " + std::to_string(limit) + "}"));
  }
}

TEST(CompiledControl, ConditionsAreCarriedCapturedOrConstant) {
  for (const char* condition : {"%go", "%p", "%true", "%not"}) {
    expect_same(R"(func @main(%x: f32[3], %p: bool[]) {
  %true = constant bool[] true
  %not = logical_not %p
  %g, %h, %r = while_loop %true, %true, %x {max_iterations = 5} {
    ^(%go, %next, %a) yield )" +
                std::string(condition) + R"(
  } { ^(%go2, %next2, %b) %false = constant bool[] false
    %c = exp %b yield %next2, %false, %c }
  return %g, %h, %r
})");
  }
}

TEST(CompiledControl, ScansReadAndStackEntries) {
  for (const int length : {0, 1, 4}) {
    const std::string n = std::to_string(length);
    expect_same("func @main(%xs: f32[" + n + ", 3, 5], %us: i64[" + n +
                R"(], %c: f32[3, 5], %w: f32[5, 5] = param "w") {
  %neg = negative %xs
  %sum, %last, %ys, %same, %carries, %outer, %counts, %twice = scan %c, %c, %neg, %us {carried = 2} {
    ^(%a, %b, %x, %u)
    %y = dense %x, %w
    %next = add %a, %y
    %m = maximum %next, %x
    %t = tanh %m
    yield %next, %x, %t, %x, %b, %c, %u, %t
  }
  %all = add %ys, %twice
  return %sum, %last, %ys, %same, %carries, %outer, %counts, %all
})");
  }
  expect_same(R"(func @main(%xs: f32[7]) {
  %ys = scan %xs {carried = 0} { ^(%x) %y = exp %x yield %y }
  return %ys
})");
  expect_same(R"(func @main(%xs: f32[4, 0], %c: f32[0]) {
  %r, %ys = scan %c, %xs {carried = 1} { ^(%a, %x) %y = add %a, %x yield %y, %y }
  return %r, %ys
})");
}

TEST(CompiledControl, DenseLayersOfALoopKeepTheirPackedWeights) {
  const std::string text = R"(func @main(%x: f32[8, 256], %w: f32[256, 256] = param "w",
    %b: f32[256] = param "b", %v: f32[2, 256] = param "v") {
  %zero = constant i64[] 0
  %n, %h, %o = while_loop %zero, %x, %x {
    ^(%ci, %ca, %cp) %three = constant i64[] 3
    %go = less %ci, %three yield %go
  } { ^(%i, %a, %p) %one = constant i64[] 1
    %j = add %i, %one
    %d = dense %a, %w, %b %r = tanh %d %e = dense %r, %w %f = tanh %e
    yield %j, %f, %r }
  %head = dense %h, %v
  return %n, %head, %o
})";
  expect_same(text);
  const Compiled program(text, support::detect_isa());
  int packed = 0, dense = 0;
  for (const plan::Slot& slot : program.plan().slots) packed += slot.kind == plan::SlotKind::packed;
  for (const plan::Step& step : program.plan().steps)
    dense += std::string(plan::kind_of(step.kernel)).ends_with("dense");
  EXPECT_EQ(packed, 1);
  EXPECT_EQ(dense, 3) << plan::to_string(program.plan());
}

// Rows that only dense layers touch are padded; a loop takes them as they come.
TEST(CompiledControl, ALoopStartsFromAResultOfADenseLayer) {
  expect_same(R"(func @main(%x: f32[4, 32], %w: f32[32, 32] = param "w", %xs: f32[3, 4, 32]) {
  %zero = constant i64[] 0
  %start = dense %x, %w
  %n, %a = while_loop %zero, %start {
    ^(%ci, %ca) %two = constant i64[] 2
    %go = less %ci, %two yield %go
  } { ^(%i, %b) %one = constant i64[] 1
    %j = add %i, %one
    %next = dense %b, %w
    yield %j, %next }
  %other = dense %a, %w
  %c, %ys = scan %other, %xs {carried = 1} { ^(%d, %e) %f = dense %d, %w yield %f, %d }
  %end = dense %c, %w
  return %end, %ys
})");
}

TEST(CompiledControl, UpdatesOfInputsThatALoopSwapped) {
  for (const int turns : {0, 1, 2}) {
    Builder b;
    std::string text = loop(turns, "", "%b, %a, %c");
    const auto at = text.rfind("return");
    text.replace(at, std::string::npos, "return %after update %x = %rb, %y = %ra }");
    expect_same(text);
  }
}

TEST(CompiledControl, PrintsAndDrawsKeepTheirOrder) {
  const std::string text = R"(func @main(%x: f32[2], %s: i64[2] = state) {
  %zero = constant i64[] 0
  print "start" %x
  %n, %a, %s1 = while_loop %zero, %x, %s {
    ^(%ci, %cv, %cst) %three = constant i64[] 3
    %go = less %ci, %three yield %go
  } { ^(%i, %v, %st) %one = constant i64[] 1
    %j = add %i, %one
    print "turn" %i
    %noise, %st1 = random_normal %st {shape = [2], dtype = f32}
    %odd = equal %i, %one
    %w, %st2 = cond %odd, %st1 { ^(%q)
        print "odd" %noise
        %more, %q1 = random_uniform %q {shape = [2], dtype = f32} yield %more, %q1 }
      { ^(%q2) print "even"
        yield %v, %q2 }
    %sum = add %w, %noise
    yield %j, %sum, %st2 }
  print "end" %a
  return %a update %s = %s1
})";
  for (const support::Isa isa : runnable_isas()) {
    const Compiled program(text, isa);
    const Values inputs = draw_inputs(program.original(), 3, Numbers::ordinary);
    testing::internal::CaptureStdout();
    const Outcome want = program.interpret(inputs);
    const std::string expected = testing::internal::GetCapturedStdout();
    testing::internal::CaptureStdout();
    const Outcome got = program.run(inputs);
    EXPECT_EQ(testing::internal::GetCapturedStdout(), expected);
    EXPECT_NE(expected.find("odd"), std::string::npos);
    EXPECT_EQ(difference(want, got), "");
  }
}

TEST(CompiledControl, AFailureInARegionNamesItsStepAndChangesNoInput) {
  const std::string text = R"(func @main(%table: f32[4], %x: f32[3]) {
  %zero = constant i64[] 0
  %true = constant bool[] true
  %n, %a = while_loop %zero, %x {
    ^(%ci, %cv) %ten = constant i64[] 10
    %go = less %ci, %ten yield %go
  } { ^(%i, %v) %one = constant i64[] 1
    %j = add %i, %one
    %w = cond %true, %i { ^(%k) %g = gather %table, %k {axis = 0} %h = add %g, %v yield %h } { ^(%k2) yield %v }
    yield %j, %w }
  return %a update %x = %a
})";
  const Compiled program(text, support::detect_isa(), false);
  const Values inputs = draw_inputs(program.original(), 3, Numbers::ordinary);
  const Outcome outcome = program.run(inputs);
  const std::int64_t status = outcome.status;
  EXPECT_EQ(status & 0xffffffff, codegen::kLibraryFailed);
  EXPECT_NE(program.plan().steps.at(static_cast<std::size_t>(status >> 32)).name.find("gather"),
            std::string::npos);
  EXPECT_NE(outcome.error.find("gather"), std::string::npos) << outcome.error;
  EXPECT_EQ(difference("input", inputs, outcome.inputs), "");
}

TEST(CompiledControl, ACallThatIsNotInlinedIsALibraryStepOfTheRegion) {
  expect_same(R"(func @half(%a: f32[4]) -> (f32[4]) {
  %k = constant f32[] 0.5
  %s = sum %a {axes = [0]}
  %z = constant f32[] 0
  %p = less %s, %z
  %r = cond %p { %m = multiply %a, %k yield %m } { yield %a }
  return %r
}
func @main(%x: f32[4], %xs: f32[3, 4]) {
  %c, %ys = scan %x, %xs {carried = 1} { ^(%d, %e) %f = call @half(%d)
    %g = add %f, %e
    yield %g, %f }
  return %c, %ys
})");
}

}  // namespace
}  // namespace mlpjit::test
