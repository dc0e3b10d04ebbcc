// Every invariant is broken once, by hand: what the parser cannot make.
#include "lib/ir/verify.h"
#include "lib/ir/opcodes.h"

#include <gtest/gtest.h>

#include <functional>

#include "lib/ir/text.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

constexpr const char* kProgram = R"(
func @callee(%a: f32[4]) {
  %b = relu %a
  return %b
}
func @main(%x: f32[4], %p: bool[], %s: i64[2] = state, %t: token = token) {
  %y = add %x, %x
  %c = constant f32[4] [1, 2, 3, 4]
  %z = call @callee(%y)
  %r = cond %p, %z {
    ^(%u)
    %v = tanh %u
    yield %v
  } {
    ^(%w)
    yield %w
  }
  %sum = sum %r {axes = [0]}
  %f = fusion %x {kind = "elementwise"} { ^(%g) %h = exp %g %i = exp %h yield %i }
  %t1 = print "r" %t, %r
  return %r, %sum, %f update %t = %t1
}
)";

struct Broken {
  Graph graph = parse(kProgram);
  Function& main = graph.main();

  ValueId value(std::string_view name) const {
    for (std::size_t i = 0; i < main.value_count(); ++i) {
      if (main.value(ValueId(i)).name == name) return ValueId(i);
    }
    throw std::logic_error("no such value");
  }
  Op& op(std::string_view result) { return main.op(main.value(value(result)).producer); }
};

// Breaks the program and expects a fault of these words, at this place.
void expect_fault(const std::function<void(Broken&)>& damage, const std::string& where,
                  const std::string& what) {
  Broken broken;
  damage(broken);
  const std::vector<Fault> faults = verify(broken.graph);
  std::string all;
  for (const Fault& fault : faults) {
    if (fault.where == where && fault.what.find(what) != std::string::npos) return;
    all += fault.where + ": " + fault.what + "\n";
  }
  ADD_FAILURE() << "expected a fault at " << where << ": " << what << "\nfound:\n" << all;
}

TEST(Verify, AcceptsASoundProgram) {
  EXPECT_TRUE(verify(parse(kProgram)).empty());
  EXPECT_NO_THROW(verify_or_throw(parse(kProgram), "parse"));
}

TEST(Verify, ReportsAllFaultsWithTheStageThatMadeThem) {
  Broken broken;
  broken.op("y").operands.pop_back();
  broken.op("sum").operands.clear();
  EXPECT_EQ(verify(broken.graph).size(), 2u);
  try {
    verify_or_throw(broken.graph, "cse");
    FAIL();
  } catch (const InternalError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("after cse"), std::string::npos);
    EXPECT_NE(text.find("@main, %y = add: expected 2 operands, found 1"), std::string::npos)
        << text;
    EXPECT_NE(text.find("@main, %sum = sum"), std::string::npos) << text;
  }
}

TEST(Verify, FindsBrokenStructure) {
  expect_fault([](Broken& b) { b.op("y").operands[0] = ValueId(1000); }, "@main, %y = add",
               "out of range");
  expect_fault([](Broken& b) { b.op("y").operands[0] = ValueId{}; }, "@main, %y = add",
               "out of range");
  expect_fault([](Broken& b) { b.main.body().ops.push_back(OpId(99)); }, "@main", "out of range");
  expect_fault([](Broken& b) { b.main.body().ops.push_back(b.main.body().ops[0]); },
               "@main, %y = add", "twice");
  expect_fault([](Broken& b) { b.op("y").parent = RegionId(1); }, "@main, %y = add", "parent");
  expect_fault([](Broken& b) { b.op("r").regions[1] = b.op("r").regions[0]; }, "@main, %r = cond",
               "held twice");
  expect_fault([](Broken& b) { b.main.region(b.op("r").regions[0]).parent = OpId(0); },
               "@main, %r = cond", "point back");
  expect_fault([](Broken& b) { b.main.value(b.value("y")).index = 1; }, "@main, %y = add",
               "point back");
  expect_fault([](Broken& b) { b.main.value(b.value("y")).name = "x"; }, "@main, %x = add",
               "distinct names");
  expect_fault([](Broken& b) { b.main.value(b.value("y")).name.clear(); }, "@main, %\"\" = add",
               "a name");
  expect_fault([](Broken& b) { b.main.body().results.push_back(ValueId(77)); }, "@main",
               "out of range");
}

TEST(Verify, FindsUsesThatAreNotDominated) {
  expect_fault([](Broken& b) { std::swap(b.main.body().ops[0], b.main.body().ops[2]); },
               "@main, %z = call", "defined before");
  expect_fault([](Broken& b) { b.op("sum").operands[0] = b.value("v"); }, "@main, %sum = sum",
               "defined before");
  expect_fault([](Broken& b) { b.main.body().results[0] = b.value("u"); }, "@main",
               "a value returned");
  expect_fault([](Broken& b) { b.op("h").operands[0] = b.value("x"); }, "@main, %h = exp",
               "its own arguments");
  expect_fault([](Broken& b) { b.main.updates()[0].value = b.value("v"); }, "@main",
               "the value of an update");
}

TEST(Verify, FindsWhatTheOpTableForbids) {
  expect_fault([](Broken& b) { b.op("sum").attrs = {}; }, "@main, %sum = sum", "attribute axes");
  expect_fault([](Broken& b) { b.op("y").attrs.set("axis", std::int64_t{0}); }, "@main, %y = add",
               "axis");
  expect_fault([](Broken& b) { b.op("sum").attrs.set("axes", std::int64_t{0}); },
               "@main, %sum = sum", "of its kind");
  expect_fault([](Broken& b) { b.op("y").results.clear(); }, "@main, add", "1 results");
  expect_fault([](Broken& b) { b.op("y").regions.push_back(b.main.add_region()); },
               "@main, %y = add", "no regions");
}

TEST(Verify, FindsTypesThatAreNotThoseOfTheRules) {
  expect_fault([](Broken& b) { b.main.value(b.value("y")).type.dtype = DType::f64; },
               "@main, %y = add", "expected result types (f32[4]), found (f64[4])");
  expect_fault([](Broken& b) { b.main.value(b.value("u")).type.shape = Shape{5}; },
               "@main, %r = cond", "arguments of the branch");
  expect_fault([](Broken& b) { b.op("r").regions.pop_back(); }, "@main, %r = cond", "2 regions");
  expect_fault([](Broken& b) { b.main.value(b.value("z")).type.shape = Shape{5}; },
               "@main, %z = call", "results");
  expect_fault([](Broken& b) { b.op("z").attrs.set("callee", FunctionRef{"gone"}); },
               "@main, %z = call", "expected a function of this graph, found @gone");
  expect_fault(
      [](Broken& b) {
        auto literal = b.op("c").attrs.get<Literal>("value");
        literal.bytes = std::make_shared<const std::vector<std::byte>>(3);
        b.op("c").attrs.set("value", literal);
      },
      "@main, %c = constant", "as many bytes");
  expect_fault(
      [](Broken& b) {
        const Shape huge{std::int64_t{1} << 40, std::int64_t{1} << 40};
        b.main.append(Function::kBody, Opcode::broadcast_to, {b.value("sum")}, {{"shape", huge}});
      },
      "@main, %0 = broadcast_to", "at most 2^63 - 1 bytes");
}

TEST(Verify, FindsInputsAndUpdatesThatDoNotCorrespond) {
  expect_fault([](Broken& b) { b.main.add_argument(Function::kBody, {DType::f32, {}, false}); },
               "@main", "as many inputs");
  expect_fault([](Broken& b) { b.main.updates().push_back({9, b.value("x")}); }, "@main",
               "an update of an input");
  expect_fault([](Broken& b) { b.main.updates().push_back({0, b.value("sum")}); }, "@main",
               "of its type");
  expect_fault([](Broken& b) { b.main.updates().push_back(b.main.updates()[0]); }, "@main",
               "one update");
  expect_fault(
      [](Broken& b) { b.main.add_input({InputKind::argument, "x"}, {DType::f32, {}, false}); },
      "@main", "distinct names of each kind");
}

TEST(Verify, FindsRecursion) {
  Broken broken;
  Function& callee = *broken.graph.find("callee");
  const ValueId argument = callee.body().arguments[0];
  callee.append_typed(Function::kBody, Opcode::call, {argument},
                      {{"callee", FunctionRef{"callee"}}}, {}, {callee.value(argument).type});
  const std::vector<Fault> faults = verify(broken.graph);
  ASSERT_EQ(faults.size(), 2u);  // the caller cannot end either
  EXPECT_EQ(faults[0].where, "@callee");
  EXPECT_NE(faults[0].what.find("no recursion"), std::string::npos);
}

// A function @name that calls @callee (none: does nothing) inside `depth` conds.
std::string nested_call(const std::string& name, const std::string& callee, int depth) {
  std::string text = "func @" + name + "(%p: bool[]) {\n", close;
  for (int i = 0; i < depth; ++i) {
    const std::string result = "%r" + std::to_string(i);
    const std::string inner = i + 1 < depth ? "%r" + std::to_string(i + 1) : "%c";
    text += result + " = cond %p { yield %p } {\n";
    close = "yield " + inner + " }\n" + close;
  }
  text += callee.empty() ? "%c = logical_not %p\n" : "%c = call @" + callee + "(%p)\n";
  return text + close + "return " + (depth > 0 ? "%r0" : "%c") + "\n}\n";
}

void expect_depth_error(const std::string& text, const std::string& part) {
  std::string said = "nothing";
  try {
    parse(text);
  } catch (const FormatError& error) {
    said = error.what();
  }
  EXPECT_NE(said.find(part), std::string::npos) << said;
}

TEST(Verify, CountsRegionsOfCallees) {
  const std::string leaf = nested_call("leaf", "", 30);
  parse(leaf + nested_call("main", "leaf", kDeepestRegion - 30));
  expect_depth_error(leaf + nested_call("main", "leaf", kDeepestRegion - 29),
                     "at most 64 deep, those of called functions included; with @leaf they are 65");
  // Sixty in each of a chain: without a limit on the sum, inlining nests them 1200 deep.
  std::string chain = nested_call("f0", "", 60);
  for (int i = 1; i < 20; ++i) {
    chain += nested_call("f" + std::to_string(i), "f" + std::to_string(i - 1), 60);
  }
  expect_depth_error(chain + nested_call("main", "f19", 0), "@f1, %c = call");
}

TEST(Verify, BoundsHowDeepCallsLead) {
  std::string chain = nested_call("f0", "", 0);
  for (int i = 1; i < kDeepestCall; ++i) {
    chain += nested_call("f" + std::to_string(i), "f" + std::to_string(i - 1), 0);
  }
  const std::string last = "f" + std::to_string(kDeepestCall - 1);
  parse(chain + nested_call("main", last, 0));
  expect_depth_error(chain + nested_call("more", last, 0) + nested_call("main", "more", 0),
                     "expected calls nested at most 256 deep");
}

TEST(Verify, FindsEffectsOutOfOrder) {
  expect_fault([](Broken& b) { b.main.updates().clear(); }, "@main, %t1 = print",
               "its effect is lost");
  expect_fault(
      [](Broken& b) {
        b.main.append(Function::kBody, Opcode::print, {b.value("t")},
                      {{"text", std::string("again")}});
      },
      "@main, %0 = print", "used once");
}

}  // namespace
}  // namespace mlpjit::ir
