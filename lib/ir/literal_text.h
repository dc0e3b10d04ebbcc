#pragma once
// Numbers, types and constants as text. For parsers and printers of lib/ir and lib/plan.

#include <string>

#include "lib/ir/attr.h"
#include "lib/ir/lexer.h"

namespace mlpjit::ir {

// A lexer with one token in hand, and what every part of the parser needs.
class TokenStream {
 public:
  explicit TokenStream(std::string_view text)
      : lexer_(text), token_(lexer_.next()), end_(lexer_.here()) {}
  const Token& peek() const { return token_; }
  // Whether the token in hand is the first of its line.
  bool begins_line() const { return token_.at.line != last_line_; }
  Token take();
  bool accept(char punctuation);
  void expect(char punctuation, std::string_view where);
  [[noreturn]] void fail_expected(const std::string& expected) const;
  // Of what joins or closes what stands before: missing at the end of a line, it is missed there.
  [[noreturn]] void fail_unclosed(const std::string& expected) const;

  // Bytes that constants written as `fill` may still ask for: text of a few bytes must not claim
  // all memory.
  std::size_t fill_budget = std::size_t{256} << 20;

 private:
  Lexer lexer_;
  Token token_;
  Position end_;       // behind it
  Position last_end_;  // behind the token before
  std::uint32_t last_line_ = 0;
};

Type parse_type(TokenStream& tokens);  // f32[B, 512], token
DType parse_dtype(TokenStream& tokens);
Shape parse_shape(TokenStream& tokens);      // [2*B+1, 3]
Literal parse_literal(TokenStream& tokens);  // f32[2] [1, -0]
double parse_double(TokenStream& tokens);
std::int64_t parse_integer(TokenStream& tokens);

std::string number_text(double value);  // the shortest decimal that reads back
// The type and the elements; wrapped after 100 columns and indented by `indent`.
std::string literal_text(const Literal& literal, int indent);
// The bytes, whatever the size: for cache keys.
std::string literal_bytes_text(const Literal& literal);

}  // namespace mlpjit::ir
