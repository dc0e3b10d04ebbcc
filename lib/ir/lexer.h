#pragma once
// Splits program text into tokens with their places. For parsers and printers of lib/ir and
// lib/plan.

#include <cstdint>
#include <string>
#include <string_view>

namespace mlpjit::ir {

struct Position {
  std::uint32_t line = 1, column = 1;  // from 1; columns count bytes
};

// Throws FormatError "line:column: message".
[[noreturn]] void fail_at(Position at, const std::string& message);

enum class TokenKind : std::uint8_t {
  end,
  identifier,  // add, f32, func
  number,      // without a sign: 12, 1e-5, 0.25
  string,      // "..."
  value,       // %name or %"any name"
  symbol,      // @name or @"any name"
  arrow,       // ->
  punctuation  // one of ( ) [ ] { } , : = + - * ^
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;  // as written; without the % or @
  Position at;

  bool is(char punctuation) const {
    return kind == TokenKind::punctuation && text[0] == punctuation;
  }
  bool is(std::string_view identifier) const {
    return kind == TokenKind::identifier && text == identifier;
  }
};

// For messages: "'add'", "end of text".
std::string describe(const Token& token);
// The name or string meant: quotes and escapes undone. Throws FormatError on a bad escape.
std::string decoded(const Token& token);
// The inverse: in quotes, with escapes; and a name, quoted only where it must be.
std::string quoted(std::string_view text);
std::string quoted_name(std::string_view name);

// Copying a lexer is how the parser looks ahead.
class Lexer {
 public:
  explicit Lexer(std::string_view text);
  Token next();
  // Behind the last token.
  Position here() const { return at_; }

 private:
  char peek(std::size_t ahead = 0) const {
    return offset_ + ahead < text_.size() ? text_[offset_ + ahead] : '\0';
  }
  void advance();
  void skip_blanks();
  std::string_view take_string();
  std::string_view take_name();
  std::string_view take_number();

  std::string_view text_;
  std::size_t offset_ = 0;
  Position at_;
};

}  // namespace mlpjit::ir
