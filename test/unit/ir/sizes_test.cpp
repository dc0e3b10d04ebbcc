#include "lib/ir/sizes.h"

#include <gtest/gtest.h>

#include "lib/ir/text.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

const Dim B = dim("B"), T = dim("T");

TEST(Sizes, AreFoundFromShapes) {
  Sizes sizes;
  match_shape({2 * B + 1, 3, T}, {9, 3, 5}, "x", sizes);
  EXPECT_EQ(to_string(sizes), "B = 4, T = 5");
  match_shape({B}, {4}, "y", sizes);  // the same again
  EXPECT_EQ(substitute(Shape{3 * B, T + 2, dim("C")}, sizes), (Shape{12, 7, dim("C")}));
}

TEST(Sizes, MayBeThoseOfATrace) {
  Sizes sizes;
  match_shape({2 * B}, {4 * T + 2}, "x", sizes);
  EXPECT_EQ(to_string(sizes), "B = 2*T+1");
  EXPECT_TRUE(identical(substitute(Shape{3 * B}, sizes), Shape{6 * T + 3}));
}

std::string refusal(const Shape& expected, const Shape& actual, Sizes sizes = {}) {
  try {
    match_shape(expected, actual, "argument 0", sizes);
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "";
}

TEST(Sizes, SayWhatDoesNotFit) {
  EXPECT_EQ(refusal({B, 2}, {3}), "argument 0: expected the shape [B, 2], got [3]");
  EXPECT_EQ(refusal({B, 2}, {3, 4}), "argument 0: expected the shape [B, 2], got [3, 4]");
  EXPECT_EQ(refusal({2 * B}, {3}),
            "argument 0: expected the shape [2*B], got [3], for which there is no B");
  EXPECT_EQ(refusal({B + 2}, {1}),
            "argument 0: expected the shape [B+2], got [1], for which there is no B");
  EXPECT_EQ(
      refusal({B, B}, {1, 2}),
      "argument 0: expected the shape [B, B], got [1, 2]: B is 1 by an earlier input, 2 here");
  EXPECT_NE(refusal({B}, {2}, {{"B", 3}}), "");
  // Of a trace: half of 3 * T is no size, half of 2 * T + 1 neither.
  EXPECT_NE(refusal({2 * B}, {3 * T}), "");
  EXPECT_NE(refusal({2 * B}, {2 * T + 1}), "");
}

TEST(Sizes, OfOneSymbolAreFoundAtEachCall) {
  const Graph graph = parse(R"(func @main(%w: f32[3], %x: f32[3, 2*B+1], %y: f32[B]) { return })");
  const std::optional<SymbolAxis> symbol = find_symbol(graph.main());
  ASSERT_TRUE(symbol.has_value());
  EXPECT_EQ(symbol->input, 1u);
  EXPECT_EQ(symbol->axis, 1);
  EXPECT_EQ(symbol->size({3, 9}), 4);
  EXPECT_FALSE(find_symbol(parse("func @main(%w: f32[3]) { return }").main()).has_value());
  EXPECT_EQ(sized({3, 2 * B + 1}, 4), (Shape{3, 9}));
}

TEST(Sizes, FitAShapeOfOneSymbol) {
  std::int64_t size = kUnknownSize;
  EXPECT_TRUE(fits({3, 4}, {3, 4}, size));
  EXPECT_FALSE(fits({3, 4}, {3, 5}, size));
  EXPECT_EQ(size, kUnknownSize);
  EXPECT_TRUE(fits({2 * B + 1, B}, {9, 4}, size));
  EXPECT_EQ(size, 4);
  EXPECT_TRUE(fits({B, 7}, {4, 7}, size));
  EXPECT_FALSE(fits({B, 7}, {4, 8}, size));  // a known size
  EXPECT_FALSE(fits({B}, {5}, size));        // another than before
  EXPECT_FALSE(fits({B, 1}, {4}, size));     // another rank
  size = kUnknownSize;
  EXPECT_FALSE(fits({2 * B}, {3}, size));
  EXPECT_FALSE(fits({B + 2}, {1}, size));
  EXPECT_FALSE(fits({B, B}, {1, 2}, size));
}

TEST(Sizes, ReplaceSymbolsInTypesAndAttributes) {
  const Graph graph = parse(R"(func @main(%x: f32[B, 2]) {
    %y = reshape %x {shape = [2*B]}
    return %y
  })");
  const Graph three = substitute(graph, {{"B", 3}});
  EXPECT_EQ(print(three), R"(func @main(%x: f32[3, 2]) -> (f32[6]) {
  %y = reshape %x {shape = [6]} : f32[6]
  return %y
}
)");
}

TEST(Sizes, HashByNamesAndValues) {
  EXPECT_EQ(hash(Sizes{{"B", 3}}), hash(Sizes{{"B", 3}}));
  EXPECT_NE(hash(Sizes{{"B", 3}}), hash(Sizes{{"B", 4}}));
  EXPECT_NE(hash(Sizes{{"B", 3}}), hash(Sizes{{"T", 3}}));
  EXPECT_NE(hash(Sizes{{"B", T}}), hash(Sizes{{"B", B}}));
}

}  // namespace
}  // namespace mlpjit::ir
