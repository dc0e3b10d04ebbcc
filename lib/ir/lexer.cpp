#include "lib/ir/lexer.h"

#include "lib/support/byte_order_mark.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

// Not <cctype>: that depends on the locale.
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name(char c) {
  return is_digit(c) || is_letter(c) || c == '.';
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr char kHexDigits[] = "0123456789abcdef";

}  // namespace

void fail_at(Position at, const std::string& message) {
  throw FormatError(std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + message);
}

std::string describe(const Token& token) {
  // Long strings are cut: the message is for a human.
  constexpr std::size_t kLongest = 40;
  std::string text(token.text.substr(0, kLongest));
  if (token.text.size() > kLongest) text += "...";
  switch (token.kind) {
    case TokenKind::end: return "end of text";
    case TokenKind::value: return "'%" + text + "'";
    case TokenKind::symbol: return "'@" + text + "'";
    case TokenKind::string: return "the string " + text;
    default: return "'" + text + "'";
  }
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      result += "\\x";
      result += kHexDigits[byte >> 4];
      result += kHexDigits[byte & 15];
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string quoted_name(std::string_view name) {
  bool plain = !name.empty();
  for (char c : name) plain = plain && is_name(c);
  return plain ? std::string(name) : quoted(name);
}

std::string decoded(const Token& token) {
  if (token.text.empty() || token.text.front() != '"') return std::string(token.text);
  const std::string_view body = token.text.substr(1, token.text.size() - 2);
  std::string result;
  result.reserve(body.size());
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      result += body[i];
      continue;
    }
    const char escape = body[++i];  // the lexer saw to it that one follows
    if (escape == 'n') {
      result += '\n';
    } else if (escape == 't') {
      result += '\t';
    } else if (escape == '"' || escape == '\\') {
      result += escape;
    } else if (escape == 'x' && i + 2 < body.size() && hex_digit(body[i + 1]) >= 0 &&
               hex_digit(body[i + 2]) >= 0) {
      result += static_cast<char>(hex_digit(body[i + 1]) * 16 + hex_digit(body[i + 2]));
      i += 2;
    } else {
      fail_at(token.at,
              "expected an escape \\\" \\\\ \\n \\t or \\x and two hexadecimal digits in " +
                  describe(token));
    }
  }
  return result;
}

Lexer::Lexer(std::string_view text) : text_(support::without_byte_order_mark(text, "1:1")) {}

void Lexer::advance() {
  if (text_[offset_++] == '\n') {
    ++at_.line;
    at_.column = 1;
  } else {
    ++at_.column;
  }
}

void Lexer::skip_blanks() {
  while (offset_ < text_.size()) {
    const char c = peek();
    if (c == ';' || (c == '/' && peek(1) == '/')) {
      while (offset_ < text_.size() && peek() != '\n') advance();
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      advance();
    } else {
      return;
    }
  }
}

std::string_view Lexer::take_string() {
  const std::size_t begin = offset_;
  const Position at = at_;
  advance();
  while (peek() != '"') {
    if (peek() == '\\' && offset_ < text_.size()) advance();
    if (offset_ >= text_.size() || peek() == '\n') {
      fail_at(at, "expected a closing \" on the same line, found none");
    }
    advance();
  }
  advance();
  return text_.substr(begin, offset_ - begin);
}

std::string_view Lexer::take_name() {
  const std::size_t begin = offset_;
  while (is_name(peek())) advance();
  return text_.substr(begin, offset_ - begin);
}

std::string_view Lexer::take_number() {
  const std::size_t begin = offset_;
  while (is_name(peek()) ||
         ((peek() == '-' || peek() == '+') &&
          (text_[offset_ - 1] == 'e' || text_[offset_ - 1] == 'E') && is_digit(peek(1)))) {
    advance();
  }
  return text_.substr(begin, offset_ - begin);
}

Token Lexer::next() {
  skip_blanks();
  const Position at = at_;
  if (offset_ >= text_.size()) return {TokenKind::end, {}, at};
  const char c = peek();
  if (c == '"') return {TokenKind::string, take_string(), at};
  if (c == '%' || c == '@') {
    advance();
    const std::string_view name = peek() == '"' ? take_string() : take_name();
    if (name.empty() || name == "\"\"") {
      fail_at(at, std::string("expected a name after ") + c +
                      (c == '%' ? ", as in %x or %\"any text\"" : ", as in @f or @\"any text\""));
    }
    return {c == '%' ? TokenKind::value : TokenKind::symbol, name, at};
  }
  if (is_digit(c)) return {TokenKind::number, take_number(), at};
  if (is_letter(c)) return {TokenKind::identifier, take_name(), at};
  if (c == '-' && peek(1) == '>') {
    advance();
    advance();
    return {TokenKind::arrow, text_.substr(offset_ - 2, 2), at};
  }
  if (std::string_view("()[]{},:=+-*^").find(c) == std::string_view::npos || c == '\0') {
    fail_at(at, "expected a name, a number, a string or one of ()[]{},:=+-*^ here, found " +
                    quoted(text_.substr(offset_, 1)));
  }
  advance();
  return {TokenKind::punctuation, text_.substr(offset_ - 1, 1), at};
}

}  // namespace mlpjit::ir
