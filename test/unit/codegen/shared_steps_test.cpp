// Steps that are equal but for their buffers share one function, others do not; the bits are the
// interpreter's either way.

#include <gtest/gtest.h>

#include <algorithm>

#include <fmt/format.h>

#include "lib/codegen/abi.h"
#include "test/programs/compiled.h"

namespace mlpjit::test {
namespace {

// Functions of steps: all but the entry, micro-kernels and helpers.
std::ptrdiff_t step_functions(const Compiled& program) {
  return std::ranges::count_if(program.symbols(), [](const std::string& name) {
    return name != codegen::kEntryName && !name.starts_with("tile.") && !name.starts_with("fma.");
  });
}

// How many functions the steps of a program have on this machine; expects the interpreter's bits,
// on each instruction set.
std::ptrdiff_t functions_of(const std::string& text, bool optimize = true,
                            const plan::Division& division = {}) {
  for (const support::Isa isa : runnable_isas()) {
    const Compiled program(text, isa, optimize, division);
    for (const Numbers numbers : {Numbers::ordinary, Numbers::mixed})
      EXPECT_EQ(compare(program, numbers, 5), "") << text << to_string(isa);
  }
  return step_functions(Compiled(text, support::detect_isa(), optimize, division));
}

// main(inputs) with `lines` repeated, where {0} is the number of the turn and {1} of the one
// before.
std::string repeated(const std::string& inputs, const std::string& lines, int times,
                     const std::string& end) {
  std::string text = "func @main(" + inputs + ") {\n";
  for (int i = 1; i <= times; ++i) text += fmt::format(fmt::runtime(lines), i, i - 1);
  return text + end + "\n}\n";
}

TEST(SharedSteps, EqualStepsHaveOneFunction) {
  const std::string reductions =
      "%m{0} = mean %a{1} {{axes = [0]}}\n %a{0} = subtract %a{1}, %m{0}\n";
  EXPECT_EQ(functions_of(repeated("%a0: f32[67]", reductions, 5, "return %a5")), 2);
  EXPECT_EQ(functions_of(repeated("%a0: f32[67]", reductions, 3, "return %a3, %m2"), false), 2);
  EXPECT_EQ(
      functions_of(repeated("%a0: f64[3, 9]", "%a{0} = tanh %a{1}\n", 4, "return %a4"), false), 1);
  EXPECT_EQ(functions_of(repeated("%a0: f32[7, 33], %g: f32[33], %b: f32[33]",
                                  "%n{0} = layer_norm %a{1}, %g, %b {{epsilon = 1e-05}}\n"
                                  "%s{0} = softmax %n{0} {{axis = 1}}\n"
                                  "%a{0} = add %s{0}, %a{1}\n",
                                  3, "return %a3")),
            2);
}

// Layers of `width`, each with weights of its own.
std::string layers(const std::string& type, int rows, int width, int times) {
  std::string inputs = fmt::format("%h0: {}[{}, {}]", type, rows, width);
  for (int i = 1; i <= times; ++i) {
    inputs +=
        fmt::format(", %w{1}: {0}[{2}, {2}] = param \"w{1}\", %b{1}: {0}[{2}] = param \"b{1}\"",
                    type, i, width);
  }
  return repeated(inputs, "%d{0} = dense %h{1}, %w{0}, %b{0}\n %h{0} = relu %d{0}\n", times,
                  fmt::format("return %h{}", times));
}

TEST(SharedSteps, EqualLayersHaveOneFunction) {
  for (const char* type : {"f32", "f64"}) {
    for (const int width : {64, 21}) {
      EXPECT_EQ(functions_of(layers(type, 1, width, 4)), 1);
      // Rows between layers are padded: the first and the last have other strides.
      EXPECT_EQ(functions_of(layers(type, 3, width, 6)), 3);
    }
    EXPECT_EQ(functions_of(layers(type, 1, 3, 3)), 1);  // narrow
  }
}

TEST(SharedSteps, TwoAreEnough) {
  for (const int times : {1, 2, 3}) {
    EXPECT_EQ(functions_of(repeated("%a0: f32[19]", "%a{0} = tanh %a{1}\n", times,
                                    fmt::format("return %a{}", times)),
                           false),
              1);
  }
}

TEST(SharedSteps, SizesThatOnlyCallsKnow) {
  EXPECT_EQ(functions_of(repeated("%a0: f32[B, 24], %w: f32[24, 24] = param \"w\"",
                                  "%d{0} = dense %a{1}, %w\n %s{0} = softmax %d{0} {{axis = 1}}\n"
                                  "%a{0} = tanh %s{0}\n",
                                  4, "return %a4, %s2"),
                         false),
            3);
}

TEST(SharedSteps, CarriedValuesAndEntriesAreFoundAtTheCall) {
  const std::string body = R"(%e{0} = exp %h{1}
    %h{0} = tanh %e{0}
)";
  std::string steps;
  for (int i = 1; i <= 3; ++i) steps += fmt::format(fmt::runtime(body), i, i - 1);
  EXPECT_EQ(
      functions_of("func @main(%x: f32[37], %y: f32[37]) {\n  %zero = constant i64[] 0\n"
                   "  %n, %a, %b = while_loop %zero, %x, %y {\n    ^(%ci, %ca, %cb)\n"
                   "    %four = constant i64[] 4\n    %go = less %ci, %four yield %go\n"
                   "  } { ^(%i, %p, %h0)\n    %one = constant i64[] 1\n    %j = add %i, %one\n" +
                       steps +
                       "%c1 = add %p, %h3\n %c2 = add %c1, %p\n %c3 = add %c2, %h0\n"
                       "    yield %j, %h3, %c3 }\n  return %n, %a, %b\n}\n",
                   false),
      8);  // the loop, condition, counter, exp, tanh, add, and copies of two sizes
  EXPECT_EQ(functions_of(R"(func @main(%xs: f32[5, 11], %c: f32[11]) {
  %last, %ys = scan %c, %xs {carried = 1} { ^(%a, %x)
    %p = multiply %a, %x
    %q = multiply %p, %x
    %r = multiply %x, %q
    yield %q, %r }
  %other = multiply %last, %c
  return %other, %ys
})",
                         false),
            2);
}

TEST(SharedSteps, BranchesShareWithEachOtherAndWithWhatIsAround) {
  for (const char* predicate : {"%p", "%not"}) {
    EXPECT_EQ(functions_of(R"(func @main(%x: f32[13], %p: bool[]) {
  %not = logical_not %p
  %e = exp %x
  %a = cond )" + std::string(predicate) +
                               R"(, %e { ^(%t) %u = exp %t %v = exp %u yield %v }
    { ^(%f) %g = exp %f yield %g }
  %z = exp %a
  return %z
})",
                           false),
              3);  // the branch, the predicate, exp
  }
}

TEST(SharedSteps, UpdatesAndCopies) {
  EXPECT_EQ(functions_of(R"(func @main(%x: f32[50], %y: f32[50], %z: f32[50]) {
  %a = add %x, %y
  %b = add %y, %z
  %c = add %z, %x
  return %a, %a, %a, %a update %x = %b, %y = %c, %z = %a
})",
                         false),
            2);
}

// Two buffers of a step that are the same memory are two arguments.
TEST(SharedSteps, ViewsOfOneBuffer) {
  EXPECT_EQ(functions_of(R"(func @main(%x: f32[4, 4], %y: f32[4, 4]) {
  %e = exp %x
  %r = reshape %e {shape = [16]}
  %q = reshape %r {shape = [4, 4]}
  %a = multiply %e, %q
  %b = multiply %y, %a
  %c = multiply %b, %e
  return %a, %b, %c
})",
                         false),
            2);
}

// Three of each kind: each has its own function.
void expect_apart(const std::string& inputs, const std::string& one, const std::string& other,
                  bool optimize = false) {
  EXPECT_EQ(functions_of(repeated(inputs, "%a{0} = " + one + "\n%b{0} = " + other + "\n", 3,
                                  "return %a1, %a2, %a3, %b1, %b2, %b3"),
                         optimize),
            2)
      << one << " and " << other;
}

TEST(SharedSteps, OneDifferenceIsEnough) {
  const std::string start = "%a0: f32[6, 6], %b0: f32[6, 6], %g: f32[6]";
  expect_apart(start, "leaky_relu %a{1} {{alpha = 0.5}}", "leaky_relu %b{1} {{alpha = 0.25}}");
  expect_apart(start, "hardtanh %a{1} {{min = -1, max = 1}}",
               "hardtanh %b{1} {{min = -1, max = 2}}");
  expect_apart(start, "layer_norm %a{1}, %g, %g {{epsilon = 1e-05}}",
               "layer_norm %b{1}, %g, %g {{epsilon = 2e-05}}");
  expect_apart(start, "softmax %a{1} {{axis = 1}}", "log_softmax %b{1} {{axis = 1}}");
  expect_apart(start, "subtract %a{1}, %g", "add %b{1}, %g");
  expect_apart(start, "subtract %a{1}, %g", "subtract %g, %b{1}");
  expect_apart("%a0: f32[6], %b0: f64[6]", "exp %a{1}", "exp %b{1}");
  expect_apart("%a0: f32[6], %b0: f32[7]", "exp %a{1}", "exp %b{1}");
  expect_apart("%a0: f32[6, 6], %b0: f32[6, 6], %g: f32[6, 1], %h: f32[6]", "add %a{1}, %g",
               "add %b{1}, %h");
}

TEST(SharedSteps, ScalarsOfTheBodyAreOfTheCode) {
  std::string text = "func @main(%x: f32[40]) {\n";
  for (int i = 0; i < 6; ++i)
    text += fmt::format("  %k{0} = constant f32[] {1}\n  %m{0} = multiply %x, %k{0}\n", i,
                        i % 2 == 0 ? "3" : "0.1");
  EXPECT_EQ(functions_of(text + "  return %m0, %m1, %m2, %m3, %m4, %m5\n}\n", false), 2);
}

// `times` lines, each with a constant of its own, and all their results; numbers as in repeated().
std::string with_constants(const std::string& inputs, const std::string& dtype,
                           const std::string& line, int times) {
  std::string text = "func @main(" + inputs + ") {\n", results;
  for (int i = 1; i <= times; ++i) {
    text += fmt::format("  %k{} = constant {}[] {}\n", i, dtype, i + 2);
    text += fmt::format(fmt::runtime("  " + line + "\n"), i, i - 1);
    results += fmt::format("{}%r{}", i == 1 ? "" : ", ", i);
  }
  return text + "  return " + results + "\n}\n";
}

// Of many steps that differ in scalars alone these become arguments.
TEST(SharedSteps, ScalarsOfManySteps) {
  for (const char* type : {"f32", "f64", "i32", "i64"}) {
    for (const char* line : {"%r{0} = multiply %x, %k{0}", "%r{0} = subtract %k{0}, %x",
                             "%r{0} = clip %x, %k{0}, %k{0}"}) {
      const std::string text = with_constants(fmt::format("%x: {}[37]", type), type, line, 20);
      EXPECT_EQ(functions_of(text, false), 1) << line;
      functions_of(text);
    }
  }
  const std::string multiply = "%r{0} = multiply %x, %k{0}";
  EXPECT_EQ(functions_of(with_constants("%x: f32[9]", "f32", multiply, 16), false), 1);
  EXPECT_EQ(functions_of(with_constants("%x: f32[9]", "f32", multiply, 15), false), 15);
}

// Equal ones of them are no exception.
TEST(SharedSteps, ScalarsOfManyGroups) {
  for (const int values : {15, 16}) {
    std::string text = "func @main(%x: f32[21]) {\n", results;
    for (int i = 0; i < 3 * values; ++i) {
      text += fmt::format(" %k{0} = constant f32[] {1}\n %r{0} = divide %x, %k{0}\n", i,
                          0.3 * (i % values + 1));
      results += fmt::format("{}%r{}", i == 0 ? "" : ", ", i);
    }
    EXPECT_EQ(functions_of(text + " return " + results + "\n}\n", false), values == 16 ? 1 : 15);
  }
}

// Before and behind the root of a kernel; a dense layer keeps them in its micro-kernels.
TEST(SharedSteps, ScalarsAroundRoots) {
  EXPECT_EQ(
      functions_of(with_constants("%x: f32[67]", "f32",
                                  "%m{0} = multiply %x, %k{0} %s{0} = sum %m{0} {{axes = [0]}} "
                                  "%r{0} = subtract %k{0}, %s{0}",
                                  20)),
      1);
  EXPECT_EQ(functions_of(with_constants("%x: f64[3, 21]", "f64",
                                        "%m{0} = multiply %x, %k{0} "
                                        "%s{0} = softmax %m{0} {{axis = 1}} "
                                        "%r{0} = subtract %k{0}, %s{0}",
                                        20)),
            1);
  const std::string layer =
      "%a{0} = subtract %k{0}, %x %s{0} = softmax %a{0} {{axis = 1}} %d{0} = dense %s{0}, %w "
      "%r{0} = multiply %d{0}, %k{0}";
  EXPECT_EQ(functions_of(
                with_constants("%x: f32[5, 90], %w: f32[2, 90] = param \"w\"", "f32", layer, 20)),
            2);
  EXPECT_EQ(functions_of(
                with_constants("%x: f32[5, 30], %w: f32[30, 30] = param \"w\"", "f32", layer, 20)),
            21);
}

// Scalars that all steps have alike are immediate operands, and one constant may stand in several
// places of one step but not of another.
TEST(SharedSteps, ScalarsOfSomePlaces) {
  std::string text = "func @main(%x: f32[67]) {\n %half = constant f32[] 0.5\n", results;
  for (int i = 0; i < 18; ++i) {
    text += fmt::format(
        " %k{0} = constant f32[] {0}\n %m{0} = add %x, %k{0}\n %n{0} = multiply %m{0}, %half\n"
        " %s{0} = sum %n{0} {{axes = [0]}}\n %r{0} = add %s{0}, %k{1}\n",
        i, i / 2);
    results += fmt::format("{}%r{}", i == 0 ? "" : ", ", i);
  }
  const Compiled program(text + " return " + results + "\n}\n", support::detect_isa());
  EXPECT_EQ(compare(program), "");
  EXPECT_EQ(step_functions(program), 1);
}

// Reductions of other axes, and results of another dtype.
TEST(SharedSteps, ReductionsOfOtherRows) {
  EXPECT_EQ(functions_of(R"(func @main(%x: f32[6, 6], %y: f32[6, 6], %z: f32[6, 6]) {
  %a = sum %x {axes = [1]}
  %b = sum %y {axes = [1]}
  %c = sum %z {axes = [1]}
  %d = sum %x {axes = [0, 1]}
  %e = sum %y {axes = [0, 1]}
  %f = sum %z {axes = [0, 1]}
  %g = max %x {axes = [1]}
  %h = max %y {axes = [1]}
  %i = max %z {axes = [1]}
  return %a, %b, %c, %d, %e, %f, %g, %h, %i
})",
                         false),
            3);
}

// Which operands are one buffer is of the code too: the residual of a layer is its own input here,
// another's there.
TEST(SharedSteps, OperandsThatAreOneBuffer) {
  const std::string own = "%d{0} = dense %h{1}, %w\n %h{0} = add %d{0}, %h{1}\n";
  const std::string text =
      repeated("%h0: f32[1, 16], %w: f32[16, 16] = param \"w\", %r: f32[1, 16]", own, 3, "");
  std::string all = text.substr(0, text.find_last_of('}'));
  for (int i = 4; i <= 6; ++i)
    all += fmt::format("%d{0} = dense %h{1}, %w\n %h{0} = add %d{0}, %r\n", i, i - 1);
  EXPECT_EQ(functions_of(all + "return %h6\n}\n"), 2);
}

// More calls than one function should have; a status of any of them ends the call.
TEST(SharedSteps, ManyCalls) {
  const std::string steps = "%e{0} = exp %a{1}\n %a{0} = tanh %e{0}\n";
  EXPECT_EQ(functions_of(repeated("%a0: f32[7]", steps, 200, "return %a200"), false), 2 + 4);
  const std::string inputs = "%a0: f32[7], %n0: i32[3]";
  for (const int turn : {1, 199}) {
    std::string text = repeated(inputs, steps, 200, "");
    text.insert(text.find(fmt::format("%a{} =", turn)),
                "%zero = constant i32[] 0\n %n1 = floor_divide %n0, %zero\n ");
    text.insert(text.rfind('}'), "return %a200, %n1\n");
    const Compiled program(text, support::detect_isa(), false);
    EXPECT_EQ(compare(program), "");
    const Values drawn = draw_inputs(program.original(), 1);
    EXPECT_EQ(program.run(drawn).error, program.interpret(drawn).error);
    EXPECT_NE(program.run(drawn).error, "");
  }
  std::string body;
  for (int i = 1; i <= 150; ++i) body += fmt::format(fmt::runtime(steps), i, i - 1);
  const Compiled loop(
      "func @main(%x: f32[7], %ys: f32[3, 7]) {\n"
      " %last, %all = scan %x, %ys {carried = 1} { ^(%c, %y)\n"
      "%a0 = add %c, %y\n" +
          body + " yield %a150, %a0 }\n return %last, %all\n}\n",
      support::detect_isa(), false);
  EXPECT_EQ(compare(loop), "");
}

// The ranges of divided steps have arguments of their own.
TEST(SharedSteps, DividedStepsKeepTheirOwn) {
  EXPECT_EQ(functions_of(repeated("%a0: f32[128, 256]", "%a{0} = tanh %a{1}\n", 4, "return %a4"),
                         false, {2, 0}),
            4);
}

}  // namespace
}  // namespace mlpjit::test
