#include "lib/ir/copy.h"

#include <gtest/gtest.h>

#include "lib/ir/text.h"
#include "lib/ir/verify.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

Graph program() {
  return parse(R"(func @main(%x: f32[], %p: bool[]) {
    %0 = relu %x @"in"
    %r = cond %p, %0 { ^(%a) %b = tanh %a yield %b } { ^(%c) yield %x } @"gate"
    return %r
  })");
}

// Twice, the second time with the first result for %x.
std::string twice(Copier::Names names, const std::string& path = "") {
  const Graph from = program();
  Graph result;
  Function& to = result.add_function("main");
  const Function& main = from.main();
  const ValueId x = main.body().arguments[0], p = main.body().arguments[1];
  ValueId input = to.add_input({InputKind::argument, "x"}, main.value(x).type, "x");
  const ValueId flag = to.add_input({InputKind::argument, "p"}, main.value(p).type, "p");
  for (int i = 0; i < 2; ++i) {
    Copier copy(main, to, names);
    copy.set_path(path);
    copy.bind(x, input);
    copy.bind(p, flag);
    copy.ops(Function::kBody, Function::kBody);
    input = copy[main.body().results.front()];
  }
  to.body().results = {input};
  verify_or_throw(result, "the copy");
  return print(result);
}

TEST(Copier, NumbersCopies) {
  EXPECT_EQ(twice(Copier::Names::numbered), R"(func @main(%x: f32[], %p: bool[]) -> (f32[]) {
  %0 = relu %x : f32[] @"in"
  %4 = cond %p, %0 {
    ^(%1: f32[])
    %2 = tanh %1 : f32[]
    yield %2
  } {
    ^(%3: f32[])
    yield %x
  } : f32[] @"gate"
  %5 = relu %4 : f32[] @"in"
  %9 = cond %p, %5 {
    ^(%6: f32[])
    %7 = tanh %6 : f32[]
    yield %7
  } {
    ^(%8: f32[])
    yield %4
  } : f32[] @"gate"
  return %9
}
)");
}

TEST(Copier, KeepsTheNamesThatWereGivenAndPutsAPathInFront) {
  EXPECT_EQ(twice(Copier::Names::given, "net"), R"(func @main(%x: f32[], %p: bool[]) -> (f32[]) {
  %0 = relu %x : f32[] @"net.in"
  %r = cond %p, %0 {
    ^(%a: f32[])
    %b = tanh %a : f32[] @"net"
    yield %b
  } {
    ^(%c: f32[])
    yield %x
  } : f32[] @"net.gate"
  %1 = relu %r : f32[] @"net.in"
  %r_1 = cond %p, %1 {
    ^(%a_1: f32[])
    %b_1 = tanh %a_1 : f32[] @"net"
    yield %b_1
  } {
    ^(%c_1: f32[])
    yield %r
  } : f32[] @"net.gate"
  return %r_1
}
)");
}

TEST(Copier, WithinOneFunctionValuesStandForThemselves) {
  Graph graph = program();
  Function& main = graph.main();
  Copier copy(main, main, Copier::Names::numbered);
  const OpId cond = main.body().ops[1];
  const OpId second = copy.op(cond, Function::kBody);
  EXPECT_EQ(main.op(second).operands, main.op(cond).operands);
  EXPECT_EQ(copy[main.result(cond)], main.result(second));
  EXPECT_TRUE(verify(graph).empty());
}

TEST(Copier, RefusesAValueThatNothingStandsFor) {
  const Graph from = program();
  Graph graph;
  Copier copy(from.main(), graph.add_function("main"), Copier::Names::given);
  EXPECT_THROW(copy.ops(Function::kBody, Function::kBody), InternalError);
}

TEST(Function, GivesAThousandValuesOfOneNameSuffixes) {
  Function function("main");
  ValueId last;
  for (int i = 0; i < 1000; ++i)
    last = function.add_input({InputKind::argument, std::to_string(i)}, {DType::f32, {}}, "x");
  EXPECT_EQ(function.value(last).name, "x_999");
}

}  // namespace
}  // namespace mlpjit::ir
