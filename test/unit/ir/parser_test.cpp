// The parser meets text that nobody sane wrote. It answers with a graph or a FormatError, never
// otherwise.
#include <gtest/gtest.h>

#include <random>

#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"
#include "lib/ir/verify.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

constexpr const char* kSeed = R"(; every kind of thing once
func @f(%a: f32[2, 3], %t: token = token) -> (f32[2, 3], token) {
  %b = leaky_relu %a {alpha = 0.01} : f32[2, 3] @"0.act"
  %t1 = print "b is\n" %t, %b : token
  return %b, %t1
}
func @main(%x: f32[B, 3], %y: f32[2, 3], %w: f32[4, 3] = param "0.weight", %k: i64[] = capture 0,
           %s: i64[2] = state, %t: token = token) -> (f32[B, 4]) {
  %0 = dense %x, %w : f32[B, 4]
  %1, %2 = call @f(%y, %t) : f32[2, 3], token
  %3 = constant f32[2, 2] [[1, -0], [inf, nan]]
  %4 = constant i64[100] fill -7
  %5 = constant bool[3] hex "000100"
  %6, %7 = split %y {axis = 1, sizes = [1, 2]} : f32[2, 1], f32[2, 2]
  %8, %9 = random_uniform %s {shape = [2*B+1], dtype = f32} : f32[2*B+1], i64[2]
  %p = constant bool[] true
  %10 = cond %p, %0 {
    ^(%c: f32[B, 4])
    %d = tanh %c : f32[B, 4]
    yield %d
  } {
    ^(%e: f32[B, 4])
    yield %0
  } : f32[B, 4]
  %11 = while_loop %p {max_iterations = 3} { ^(%g) yield %g } { ^(%h) %i = logical_not %h yield %i }
  %12, %13 = scan %k, %4 {carried = 1} { ^(%l, %m) %n = add %l, %m yield %n, %m }
  %14 = fusion %10 {kind = "elementwise"} {
    ^(%o) %q = exp %o %r = tanh %q yield %r }
  return %14 update %s = %9, %t = %2
}
)";

// A graph that is sound and prints as it reads, or a FormatError with a place.
void expect_answer(const std::string& text) {
  try {
    const Graph graph = parse(text);
    ASSERT_TRUE(verify(graph).empty()) << text;
    const std::string printed = print(graph);
    ASSERT_EQ(print(parse(printed)), printed) << text;
    ASSERT_FALSE(canonical(graph).empty() && !graph.functions().empty());
    to_dot(graph);
  } catch (const FormatError& error) {
    const std::string message = error.what();
    const std::size_t first = message.find(':');
    ASSERT_TRUE(first != std::string::npos && message.find(':', first + 1) != std::string::npos &&
                message.find_first_not_of("0123456789") == first)
        << "no place in: " << message;
  } catch (const std::exception& error) {
    FAIL() << error.what() << "\nfor:\n" << text;
  }
}

TEST(Parser, ReadsTheSeedAndPrintsItStably) {
  const std::string once = print(parse(kSeed));
  EXPECT_EQ(print(parse(once)), once);
  expect_answer(kSeed);
}

TEST(Parser, SkipsTheByteOrderMarkOfUtf8AndNamesThoseOfOthers) {
  EXPECT_EQ(print(parse(std::string("\xef\xbb\xbf") + kSeed)), print(parse(kSeed)));
  for (const char* mark : {"\xff\xfe", "\xfe\xff"}) {
    try {
      parse(mark + std::string(kSeed));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const FormatError& error) {
      const std::string text = error.what();
      EXPECT_EQ(text.find("1:1: "), 0u) << text;
      EXPECT_NE(text.find("save it as UTF-8"), std::string::npos) << text;
    }
  }
}

TEST(Parser, AnswersEveryTruncation) {
  const std::string seed = kSeed;
  for (std::size_t length = 0; length < seed.size(); ++length)
    expect_answer(seed.substr(0, length));
}

TEST(Parser, AnswersEveryMissingByte) {
  const std::string seed = kSeed;
  for (std::size_t i = 0; i < seed.size(); ++i)
    expect_answer(seed.substr(0, i) + seed.substr(i + 1));
}

TEST(Parser, AnswersRandomMutations) {
  const std::string seed = print(parse(kSeed));
  const std::string alphabet = "()[]{},:=+-*^%@\";/ \n0129eBx.\\_" + std::string(1, '\0') + "\xff";
  const char* const words[] = {"yield",
                               "return",
                               "update",
                               "func",
                               "token",
                               "f32[]",
                               "i64",
                               "fill",
                               "hex",
                               "99999999999999999999",
                               "1e400",
                               "-",
                               "nan",
                               "cond",
                               "print \"\"",
                               "{",
                               "}",
                               "%0",
                               "%x",
                               "@f",
                               "@main",
                               "call @main()",
                               "constant f32[] 1",
                               "B",
                               "2*B-1"};
  std::mt19937 random(20240607);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int round = 0; round < 6000; ++round) {
    std::string text = seed;
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      switch (below(5)) {
        case 0: text[at] = alphabet[below(alphabet.size())]; break;
        case 1: text.insert(at, 1, alphabet[below(alphabet.size())]); break;
        case 2: text.erase(at, 1 + below(12)); break;
        case 3: text.insert(at, std::string(" ") + words[below(std::size(words))] + " "); break;
        default: text.insert(at, seed.substr(below(seed.size()), below(60))); break;
      }
      if (text.empty()) break;
    }
    expect_answer(text);
    if (HasFatalFailure()) return;
  }
}

TEST(Parser, AnswersRandomTokens) {
  const char* const words[] = {"func",   "@main",    "@f",    "(",      ")",     "%x",    "%y",
                               ":",      "f32",      "[",     "]",      "2",     "B",     ",",
                               "->",     "{",        "}",     "=",      "add",   "cond",  "yield",
                               "return", "\n",       "\"s\"", "print",  "token", "^",     "*",
                               "-",      "constant", "fill",  "update", "call",  "param", "scan"};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text = "func @main(%x: f32[2]) { ";
    for (std::size_t i = 0; i < 30; ++i)
      text += std::string(words[random() % std::size(words)]) + " ";
    expect_answer(text);
    if (HasFatalFailure()) return;
  }
}

TEST(Parser, RefusesNestingThatCouldExhaustTheStack) {
  std::string text = "func @main(%p: bool[]) {\n";
  for (int i = 0; i < 100000; ++i) text += "cond %p {\n";
  EXPECT_THROW(parse(text), FormatError);
  std::string brackets = "func @main() { %c = constant f32[2] ";
  brackets.append(100000, '[');
  EXPECT_THROW(parse(brackets), FormatError);
  std::string sizes = "func @main(%x: f32[1";
  for (int i = 0; i < 100000; ++i) sizes += "+1";
  EXPECT_NO_THROW(parse(sizes + "]) { return }"));
}

TEST(Parser, ReadsLongChainsOfCallsWithoutRecursion) {
  const auto chain = [](int functions) {
    std::string text = "func @f0() { print \"deep\" return }\n";
    for (int i = 1; i < functions; ++i) {
      text +=
          "func @f" + std::to_string(i) + "() { call @f" + std::to_string(i - 1) + "() return }\n";
    }
    return text;
  };
  const Graph graph = parse(chain(kDeepestCall));
  EXPECT_EQ(graph.functions().size(), static_cast<std::size_t>(kDeepestCall));
  EXPECT_EQ(graph.functions().back()->inputs().size(), 1u);
  EXPECT_THROW(parse(chain(2000)), FormatError);
}

TEST(Parser, BoundsTheMemoryThatShortTextAsksFor) {
  std::string text = "func @main() {\n";
  for (int i = 0; i < 1000; ++i) {
    text += "%" + std::to_string(i) + " = constant f32[50000000] fill 1\n";
  }
  try {
    parse(text + "return }");
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("3:"), std::string::npos) << error.what();
  }
}

TEST(Parser, KeepsEveryBitOfAFloat) {
  std::mt19937 random(5);
  std::string text = "func @main() {\n";
  std::vector<std::uint32_t> bits(64);
  for (std::uint32_t& b : bits) {
    do {
      b = static_cast<std::uint32_t>(random());
    } while ((b & 0x7f800000) == 0x7f800000);  // infinities and NaNs are written by name
  }
  Graph graph;
  Function& main = graph.add_function("main");
  const Literal literal = make_literal(DType::f32, Shape{64}, bits.data());
  main.append(Function::kBody, Opcode::constant, {}, {{"value", literal}});
  const Graph read = parse(print(graph));
  EXPECT_EQ(read.main().op(OpId(0)).attrs.get<Literal>("value"), literal);
}

}  // namespace
}  // namespace mlpjit::ir
