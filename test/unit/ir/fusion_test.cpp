// The rules of fusions (lib/ir/fusion.h), as the verifier holds them.

#include "lib/ir/fusion.h"
#include "lib/ir/opcodes.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/ir/text.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

// A fusion of that kind of x [2, 3], w [4, 3], a scalar constant c and i [2, 3] of i64.
std::string fault(const std::string& kind, const std::string& operands,
                  const std::string& arguments, const std::string& members,
                  const std::string& results = "%f") {
  const std::string text =
      "func @main(%x: f32[2, 3], %w: f32[4, 3], %y: f32[3], %i: i64[2, 3], %u: i32[2, 3]) {\n"
      "  %c = constant f32[] 2\n"
      "  " +
      results + " = fusion " + operands + " {kind = \"" + kind + "\"} {\n    ^(" + arguments +
      ")\n    " + members + "\n  }\n  return\n}\n";
  try {
    parse(text);
    return "";
  } catch (const FormatError& error) {
    return error.what();
  }
}

TEST(Fusion, OfEachKindIsRead) {
  EXPECT_EQ(fault("elementwise", "%x", "%a", "%b = exp %a %d = tanh %b yield %d"), "");
  EXPECT_EQ(fault("dense", "%x, %w", "%a, %b", "%d = dense %a, %b %e = relu %d yield %e"), "");
  EXPECT_EQ(fault("reduction", "%x", "%a",
                  "%b = exp %a %d = sum %b {axes = [1], keepdims = true} %e = log %d yield %e"),
            "");
  EXPECT_EQ(fault("row", "%x", "%a", "%b = abs %a %d = softmax %b {axis = 1} yield %d"), "");
}

TEST(Fusion, ThatBreaksARuleIsRefused) {
  const struct {
    const char *rule, *kind, *operands, *arguments, *members, *results = "%f";
  } cases[] = {
      {"a kind that is", "rows", "%x", "%a", "%b = exp %a %d = tanh %b yield %d"},
      {"a root as the kind says", "dense", "%x", "%a", "%b = exp %a %d = tanh %b yield %d"},
      {"element-wise members", "elementwise", "%x", "%a",
       "%b = exp %a %d = softmax %b {axis = 1} yield %d"},
      {"element-wise members", "elementwise", "%i", "%a", "%b = pow %a, %a %d = abs %b yield %d"},
      {"element-wise members", "elementwise", "%x", "%a",
       "%b = remainder %a, %a %d = abs %b yield %d"},
      {"element-wise members", "elementwise", "%x", "%a",
       "%b = transpose %a {permutation = [0, 1]} %d = abs %b yield %d"},
      {"2 to 24 members", "elementwise", "%x", "%a", "%b = exp %a yield %b"},
      {"one element width", "elementwise", "%x", "%a",
       "%b = cast %a {dtype = f64} %d = exp %b yield %d"},
      {"distinct operands", "elementwise", "%x, %x", "%a, %b",
       "%d = add %a, %b %e = exp %d yield %e"},
      {"no scalar constants", "elementwise", "%x, %c", "%a, %b",
       "%d = add %a, %b %e = exp %d yield %e"},
      {"one shape", "elementwise", "%x, %y", "%a, %b", "%d = exp %b %e = add %a, %d yield %e"},
      {"one root", "dense", "%x, %w", "%a, %b",
       "%d = dense %a, %b %e = dense %a, %b %g = add %d, %e yield %g"},
      {"the last member's result", "dense", "%x, %w", "%a, %b",
       "%d = dense %a, %b %e = relu %d yield %d"},
      {"one result", "dense", "%x, %w", "%a, %b", "%d = dense %a, %b %e = relu %d yield %d, %e",
       "%f, %g"},
      {"the root first", "dense", "%x, %w", "%a, %b", "%g = exp %a %d = dense %a, %b yield %d"},
      {"a result of the root's dtype", "row", "%x", "%a",
       "%b = softmax %a {axis = 1} %d = less %b, %b yield %d"},
      {"producers before the root", "row", "%x", "%a",
       "%b = softmax %a {axis = 1} %d = exp %a yield %d"},
      {"consumers that use no producer", "row", "%x", "%a",
       "%b = exp %a %d = softmax %b {axis = 1} %e = add %d, %b yield %e"},
      {"members of the root's shapes", "reduction", "%x, %y", "%a, %s",
       "%b = sum %a {axes = [1], keepdims = true} %d = add %b, %s yield %d"},
      {"root operands from outside", "row", "%y", "%s",
       "%e = abs %s %d = layer_norm %s, %e, %s {epsilon = 1e-05} yield %d"},
  };
  for (const auto& one : cases) {
    const std::string found =
        fault(one.kind, one.operands, one.arguments, one.members, one.results);
    EXPECT_NE(found.find(one.rule), std::string::npos) << one.rule << ": " << found;
  }
}

TEST(Fusion, RootsAreTheOpsWithAKernelAndGoByTheirFamily) {
  for (const OpInfo& op : all_ops())
    EXPECT_EQ(rooted_kind(op.opcode).has_value(), op.has(kKernel)) << op.name;
  EXPECT_EQ(rooted_kind(Opcode::matmul), FusionKind::dense);
  EXPECT_EQ(rooted_kind(Opcode::var), FusionKind::reduction);
  EXPECT_EQ(rooted_kind(Opcode::layer_norm), FusionKind::row);
  EXPECT_EQ(rooted_kind(Opcode::argmax), std::nullopt);
}

}  // namespace
}  // namespace mlpjit::ir
