// Functions called without their further arguments do what the op table says of text without the
// attributes.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "lib/ir/text.h"
#include "mlpjit/mlpjit.h"

namespace mlpjit {
namespace {

struct Case {
  std::string text;
  std::function<Tensor(const Tensor& x, const Tensor& i)> function;
};

const Case kCases[] = {
    {"leaky_relu %x", [](const Tensor& x, const Tensor&) { return leaky_relu(x); }},
    {"elu %x", [](const Tensor& x, const Tensor&) { return elu(x); }},
    {"hardtanh %x", [](const Tensor& x, const Tensor&) { return hardtanh(x); }},
    {"sum %x", [](const Tensor& x, const Tensor&) { return sum(x); }},
    {"prod %x", [](const Tensor& x, const Tensor&) { return prod(x); }},
    {"mean %x", [](const Tensor& x, const Tensor&) { return mean(x); }},
    {"var %x", [](const Tensor& x, const Tensor&) { return var(x); }},
    {"max %x", [](const Tensor& x, const Tensor&) { return max(x); }},
    {"min %x", [](const Tensor& x, const Tensor&) { return min(x); }},
    {"argmax %x", [](const Tensor& x, const Tensor&) { return argmax(x); }},
    {"argmin %x", [](const Tensor& x, const Tensor&) { return argmin(x); }},
    {"sum %x {axes = [1]}", [](const Tensor& x, const Tensor&) { return sum(x, 1); }},
    {"softmax %x", [](const Tensor& x, const Tensor&) { return softmax(x); }},
    {"log_softmax %x", [](const Tensor& x, const Tensor&) { return log_softmax(x); }},
    {"layer_norm %x, %x, %x", [](const Tensor& x, const Tensor&) { return layer_norm(x, x, x); }},
    {"transpose %x", [](const Tensor& x, const Tensor&) { return transpose(x); }},
    {"concat %x, %x", [](const Tensor& x, const Tensor&) { return concat({x, x}); }},
    {"gather %x, %i", [](const Tensor& x, const Tensor& i) { return gather(x, i); }},
    {"slice %x {axis = 0, begin = 0, end = 1}",
     [](const Tensor& x, const Tensor&) { return slice(x, 0, 0, 1); }},
};

TEST(Defaults, OfFunctionsAreThoseOfTheOpTable) {
  for (const Case& one : kCases) {
    const bool row = one.text.starts_with("layer_norm");
    const TensorSpec x = f32(row ? Shape{4} : Shape{3, 4}), i = i64({2});
    const Graph traced = trace(one.function, x, i);
    const std::string text = "func @main(%x: " + to_string(x) + ", %i: " + to_string(i) +
                             ") {\n  %y = " + one.text + "\n  return %y\n}";
    // Both by the same names.
    EXPECT_EQ(ir::canonical(ir::parse(traced.to_text())), ir::canonical(ir::parse(text)))
        << one.text;
  }
}

}  // namespace
}  // namespace mlpjit
