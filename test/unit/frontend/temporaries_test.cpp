// What is asked of a temporary lives as long as it is used: views of it are values.

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "mlpjit/mlpjit.h"

namespace mlpjit {
namespace {

template <class T, class U>
concept SpanOf = requires(T&& from) { std::span<U>(std::forward<T>(from)); };

TEST(Temporaries, ElementsKeepTheirTensor) {
  const auto made = [] { return arange(4, DType::f32) + 1; };
  const auto elements = made().data<float>();
  EXPECT_EQ(std::vector<float>(elements.begin(), elements.end()), (std::vector<float>{1, 2, 3, 4}));
  float sum = 0;
  for (const float x : made().data<float>()) sum += x;
  EXPECT_EQ(sum, 10);
  EXPECT_EQ(made().data<float>()[3], 4);
  EXPECT_EQ(made().data<float>().size(), 4u);
  EXPECT_EQ(*std::ranges::max_element(elements), 4);
  const std::span<const float> view = elements;
  EXPECT_EQ(view.back(), 4);
  // A copy of the elements, straight from the temporary.
  EXPECT_TRUE(identical(tensor(made().data<float>(), {2, 2}), tensor({{1.f, 2.f}, {3.f, 4.f}})));
}

TEST(Temporaries, HandlesOfOneTensorWriteToIt) {
  const Tensor x = zeros({2});
  for (float& element : Tensor(x).mutable_data<float>()) element = 3;
  EXPECT_TRUE(identical(x, tensor({3.f, 3.f})));
  auto elements = Tensor(x).mutable_data<float>();
  std::iota(elements.begin(), elements.end(), 1.f);
  EXPECT_TRUE(identical(x, tensor({1.f, 2.f})));
}

TEST(Temporaries, ASpanIsMadeOfAVariableOnly) {
  using Held = decltype(std::declval<Tensor>().data<float>());
  static_assert(SpanOf<Held&, const float> && !SpanOf<Held, const float>);
  static_assert(!std::is_convertible_v<Held, std::span<const float>>);
  static_assert(
      std::same_as<decltype(std::declval<Tensor&>().data<float>()), std::span<const float>>);
}

TEST(Temporaries, ShapesOutliveTheirTensor) {
  const auto made = [] { return zeros({2, 3}); };
  const Shape& shape = made().shape();
  EXPECT_EQ(shape, (Shape{2, 3}));
  std::int64_t product = 1;
  for (const std::int64_t size : made().shape().sizes()) product *= size;
  EXPECT_EQ(product, 6);
  const std::string& symbol = dim("B").symbol();
  EXPECT_EQ(symbol, "B");
}

TEST(Temporaries, ExplanationsMayBeLoopedOver) {
  const auto f = jit([](Tensor x) { return tanh(x) + sum(x); }, {.backend = Backend::graph});
  f(tensor({1.f, 2.f}));
  const Explanation kept = f.explain();
  std::size_t i = 0;
  for (auto& pass : f.explain().signatures[0].passes) {
    EXPECT_EQ(pass.name, kept.signatures[0].passes[i++].name);
  }
  EXPECT_EQ(i, kept.signatures[0].passes.size());
  for (const auto& guard : f.explain().signatures.front().guards)
    EXPECT_FALSE(guard.subject.empty());
  using Signatures = decltype(Explanation::signatures);
  static_assert(std::same_as<decltype(std::declval<Signatures>()[0]), SignatureSummary>);
  static_assert(std::same_as<decltype(std::declval<Signatures>().at(0)), SignatureSummary>);
  static_assert(std::same_as<decltype(std::declval<Signatures>().front()), SignatureSummary>);
  static_assert(std::same_as<decltype(std::declval<Signatures>().back()), SignatureSummary>);
  static_assert(std::same_as<decltype(std::declval<Signatures&>()[0]), SignatureSummary&>);
}

TEST(Temporaries, ListsOfResultsGiveHandles) {
  const Executable run =
      compile(Graph::parse("func @main(%x: f32[2]) { %y = add %x, %x return %y, %x }"),
              {.backend = Backend::graph});
  const Tensor x = tensor({1.f, 2.f});
  const Tensor& y = run(x)[0];
  EXPECT_TRUE(identical(y, x + x));
  const auto elements = run(x)[0].data<float>();
  EXPECT_EQ(elements[1], 4);
  static_assert(std::same_as<decltype(std::declval<Outputs>()[0]), Tensor>);
  const std::string& name = Graph::parse("func @main(%x: f32[2]) { return %x }").inputs()[0].name;
  EXPECT_EQ(name, "x");
}

TEST(Temporaries, ParametersAndMapsGiveHandles) {
  nn::Dense layer(2, {.in_units = 3});
  layer.initialize(nn::Ones());
  const nn::Parameter& weight = layer.collect_params()["weight"];
  EXPECT_EQ(weight.path(), "weight");
  layer.collect_params()["bias"].set_data(ones({2}));
  EXPECT_EQ(layer.collect_params().at("bias").to_vector<float>(), (std::vector<float>{1, 1}));
  float sum = 0;
  for (const float w : weight.data().data<float>()) sum += w;
  EXPECT_EQ(sum, 6);
  static_assert(std::same_as<decltype(std::declval<nn::ParameterDict>()["w"]), nn::Parameter>);
  const Tensor& w = TensorMap{{"w", ones({2})}}.at("w");
  EXPECT_TRUE(identical(w, ones({2})));
}

}  // namespace
}  // namespace mlpjit
