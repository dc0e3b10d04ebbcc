#include "lib/ir/graph.h"
#include "lib/ir/copy.h"
#include "lib/ir/opcodes.h"

#include <gtest/gtest.h>

#include "lib/ir/text.h"
#include "lib/ir/verify.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

const Type kVector{DType::f32, Shape{4}, false};

TEST(Function, NamesValuesThatNobodyNamed) {
  Function function("main");
  const ValueId x = function.add_input({InputKind::argument, "x"}, kVector, "x");
  const OpId first = function.append(Function::kBody, Opcode::relu, {x});
  const OpId second = function.append(Function::kBody, Opcode::tanh, {function.result(first)});
  EXPECT_EQ(function.value(function.result(first)).name, "0");
  EXPECT_EQ(function.value(function.result(second)).name, "1");
  EXPECT_EQ(function.value(function.result(second)).producer, second);
}

TEST(Function, KeepsNamesDistinct) {
  Function function("main");
  const ValueId x = function.add_input({InputKind::argument, "a"}, kVector, "x");
  const ValueId y = function.add_input({InputKind::argument, "b"}, kVector, "x");
  EXPECT_EQ(function.value(y).name, "x_1");
  function.set_name(x, "first");
  function.set_name(y, "x");
  EXPECT_EQ(function.value(x).name, "first");
  EXPECT_EQ(function.value(y).name, "x");
  function.set_name(x, "x");
  EXPECT_EQ(function.value(x).name, "x_1");
}

TEST(Function, AppendChecksTypesAndSaysWhichOp) {
  Function function("main");
  const ValueId x = function.add_input({InputKind::argument, "x"}, kVector);
  const ValueId y = function.add_input({InputKind::argument, "y"}, {DType::f32, Shape{3}, false});
  try {
    function.append(Function::kBody, Opcode::add, {x, y});
    FAIL() << "unequal shapes were added";
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("add: "), std::string::npos);
  }
  EXPECT_EQ(function.op_count(), 0u);
}

TEST(Function, ReplacesUsesInOpsYieldsAndUpdates) {
  Graph graph = parse(R"(func @main(%x: f32[], %y: f32[], %p: bool[]) {
    %z = relu %x
    %r = cond %p { yield %x } { yield %y }
    return %x, %r, %z update %y = %x
  })");
  Function& main = graph.main();
  main.replace_uses(main.body().arguments[0], main.body().arguments[1]);
  EXPECT_TRUE(verify(graph).empty());
  EXPECT_EQ(print(graph).find("%x", print(graph).find('{')), std::string::npos);
}

TEST(Graph, FindsRemovesAndClonesFunctions) {
  Graph graph = parse("func @f() { return }\nfunc @main(%x: f32[]) { %y = relu %x return %y }");
  EXPECT_THROW(graph.add_function("f"), UserError);
  const Graph copy = graph.clone();
  graph.remove_function("main");
  EXPECT_EQ(graph.find("main"), nullptr);
  EXPECT_THROW(graph.main(), UserError);
  EXPECT_NE(graph.find("f"), nullptr);
  EXPECT_EQ(copy.main().op_count(), 1u);
}

TEST(Compact, DropsWhatNothingReaches) {
  Graph graph = parse(R"(func @main(%x: f32[], %p: bool[], %s: i64[2] = state) {
    %dead = relu %x
    %r = cond %p, %x { ^(%a) %b = tanh %a yield %b } { ^(%c) yield %x }
    %d, %s1 = random_uniform %s {shape = [2], dtype = f32}
    return %r, %d update %s = %s1
  })");
  Function& main = graph.main();
  main.body().ops.erase(main.body().ops.begin());
  const std::string before = print(graph);
  const Function packed = compact(main);
  EXPECT_EQ(packed.op_count(), main.op_count() - 1);
  EXPECT_EQ(packed.value_count(), main.value_count() - 1);
  EXPECT_EQ(print(packed), before);
  main = packed;
  EXPECT_TRUE(verify(graph).empty());
}

TEST(Canonical, IgnoresNamesOfValuesLayersAndParameters) {
  const Graph one = parse(R"(func @f(%a: f32[2]) { %b = relu %a return %b }
    func @main(%x: f32[2], %w: f32[2] = param "0.weight") {
      %y = add %x, %w @"0"
      %z = call @f(%y)
      return %z
    })");
  const Graph two = parse(R"(func @g(%q: f32[2]) { %r = relu %q return %r }
    func @main(%in: f32[2], %other: f32[2] = param "1.weight") {
      %out = add %in, %other @"1"
      %7 = call @g(%out)
      return %7
    })");
  EXPECT_EQ(canonical(one), canonical(two));
}

TEST(Canonical, TellsApartWhatComputesOtherwise) {
  const auto text = [](const std::string& body) {
    return canonical(parse("func @main(%x: f32[1], %y: f32[1]) {\n" + body + "\n}"));
  };
  const std::string base = text("%z = subtract %x, %y\nreturn %z");
  EXPECT_NE(base, text("%z = subtract %y, %x\nreturn %z"));
  EXPECT_NE(base, text("%z = add %x, %y\nreturn %z"));
  EXPECT_NE(base, text("%z = subtract %x, %y\nreturn %z, %z"));
  EXPECT_NE(base, text("%z = subtract %x, %y\nreturn update %x = %z"));
  // NaNs of other payloads print alike, but a key is of the bits.
  EXPECT_NE(text("%z = constant f32[1] hex \"0000c07f\"\nreturn %z"),
            text("%z = constant f32[1] hex \"0100c07f\"\nreturn %z"));
  EXPECT_NE(text("%z = constant f32[1] [0]\nreturn %z"),
            text("%z = constant f32[1] [-0]\nreturn %z"));
}

}  // namespace
}  // namespace mlpjit::ir
