// Reads numbers, types and constants.

#include <charconv>
#include <cstring>
#include <limits>

#include "lib/ir/literal_text.h"
#include "lib/ir/text.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

// Larger sizes have no tensor; keeping sums of sizes far from overflow keeps every later rule
// simple.
constexpr std::int64_t kLargestSize = std::int64_t{1} << 48;

// The sign and the digits, or inf or nan, as one piece of text for from_chars.
std::string take_signed(TokenStream& tokens, const char* expected) {
  std::string text;
  if (tokens.peek().is('-')) {
    tokens.take();
    text = "-";
  }
  const Token& token = tokens.peek();
  if (token.kind != TokenKind::number && !token.is("inf") && !token.is("nan")) {
    tokens.fail_expected(expected);
  }
  text += tokens.take().text;
  return text;
}

template <class T>
T take_number(TokenStream& tokens, const char* expected) {
  const Position at = tokens.peek().at;
  const std::string text = take_signed(tokens, expected);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    fail_at(at, "expected " + std::string(expected) + ", found " + text +
                    ", which is out of its range");
  }
  if (error != std::errc{} || end != text.data() + text.size()) {
    fail_at(at, "expected " + std::string(expected) + ", found '" + text + "'");
  }
  return value;
}

void append_bytes(std::vector<std::byte>& bytes, const void* data, std::size_t size) {
  const std::size_t old = bytes.size();
  bytes.resize(old + size);
  std::memcpy(bytes.data() + old, data, size);
}

void take_element(TokenStream& tokens, DType dtype, std::vector<std::byte>& bytes) {
  const auto append = [&](auto value) { append_bytes(bytes, &value, sizeof value); };
  switch (dtype) {
    case DType::f32: return append(take_number<float>(tokens, "a number (f32)"));
    case DType::f64: return append(take_number<double>(tokens, "a number (f64)"));
    case DType::i32: return append(take_number<std::int32_t>(tokens, "an integer (i32)"));
    case DType::i64: return append(take_number<std::int64_t>(tokens, "an integer (i64)"));
    case DType::boolean: {
      const Token token = tokens.peek();
      if (!token.is("true") && !token.is("false")) tokens.fail_expected("true or false");
      tokens.take();
      return append(static_cast<std::uint8_t>(token.text == "true" ? 1 : 0));
    }
  }
}

// The nesting is that of the shape, so at most kMaxRank deep.
void take_nested(TokenStream& tokens, DType dtype, const Shape& shape, int axis,
                 std::vector<std::byte>& bytes) {
  if (axis == shape.rank()) return take_element(tokens, dtype, bytes);
  tokens.expect('[', "of the elements");
  const std::int64_t count = shape.sizes()[static_cast<std::size_t>(axis)];
  const auto axis_text = [&] {
    return "axis " + std::to_string(axis) + " of " + to_string(shape) + " has " +
           std::to_string(count);
  };
  for (std::int64_t i = 0; i < count; ++i) {
    if (i > 0 && !tokens.accept(',')) {
      tokens.fail_unclosed("',' and another element (" + axis_text() + ")");
    }
    take_nested(tokens, dtype, shape, axis + 1, bytes);
  }
  if (!tokens.accept(']')) tokens.fail_unclosed("']' after the last element (" + axis_text() + ")");
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void take_hex(TokenStream& tokens, const Type& type, std::size_t size,
              std::vector<std::byte>& bytes) {
  const Position at = tokens.peek().at;
  while (tokens.peek().kind == TokenKind::string) {
    const Token token = tokens.take();
    const std::string_view digits = token.text.substr(1, token.text.size() - 2);
    if (digits.size() % 2 != 0) fail_at(token.at, "expected two hexadecimal digits for each byte");
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      const int high = hex_value(digits[i]), low = hex_value(digits[i + 1]);
      if (high < 0 || low < 0) fail_at(token.at, "expected hexadecimal digits 0-9 and a-f only");
      bytes.push_back(static_cast<std::byte>(high * 16 + low));
    }
  }
  if (bytes.size() != size) {
    fail_at(at, "expected " + std::to_string(size) + " bytes of hexadecimal digits for " +
                    to_string(type) + ", found " + std::to_string(bytes.size()));
  }
  if (type.dtype != DType::boolean) return;
  for (std::byte b : bytes) {
    if (b > std::byte{1}) fail_at(at, "expected bytes 00 or 01 for bool");
  }
}

void take_fill(TokenStream& tokens, DType dtype, Position at, std::size_t size,
               std::vector<std::byte>& bytes) {
  std::vector<std::byte> element;
  take_element(tokens, dtype, element);
  if (size > tokens.fill_budget) {
    fail_at(at, "expected constants of at most " + std::to_string(tokens.fill_budget) +
                    " bytes here, found one of " + std::to_string(size));
  }
  tokens.fill_budget -= size;
  bytes.resize(size);
  for (std::size_t i = 0; i < size; i += element.size()) {
    std::memcpy(bytes.data() + i, element.data(), element.size());
  }
}

struct Affine {
  std::int64_t coefficient = 0, offset = 0;
  std::string symbol;
};

// One term of a dimension: 2, B, 2*B or B*2.
void add_term(TokenStream& tokens, bool negative, Affine& sum) {
  const Token first = tokens.peek();
  std::int64_t factor = 1;
  std::string symbol;
  for (int part = 0; part < 2; ++part) {
    if (tokens.peek().kind == TokenKind::number) {
      factor *= parse_integer(tokens);
    } else if (tokens.peek().kind == TokenKind::identifier && symbol.empty()) {
      symbol = tokens.take().text;
    } else {
      tokens.fail_expected("a size such as 3, B or 2*B+1");
    }
    if (part == 1 || !tokens.accept('*')) break;
    if (symbol.empty() && tokens.peek().kind == TokenKind::number) {
      tokens.fail_expected("the name of a dimension after '*'");
    }
  }
  if (!symbol.empty() && !sum.symbol.empty() && symbol != sum.symbol) {
    fail_at(first.at,
            "expected one named dimension in a size, found " + sum.symbol + " and " + symbol);
  }
  std::int64_t& total = symbol.empty() ? sum.offset : sum.coefficient;
  if (!symbol.empty()) sum.symbol = symbol;
  if (negative && factor != INT64_MIN) factor = -factor;
  if (factor > kLargestSize || factor < -kLargestSize || total + factor > kLargestSize ||
      total + factor < -kLargestSize) {
    fail_at(first.at, "expected a size of at most 2^48, found a larger one");
  }
  total += factor;
}

Dim parse_dim(TokenStream& tokens) {
  const Position at = tokens.peek().at;
  Affine sum;
  bool negative = tokens.accept('-');
  for (;;) {
    add_term(tokens, negative, sum);
    if (tokens.peek().is('-')) {
      negative = true;
    } else if (tokens.peek().is('+')) {
      negative = false;
    } else {
      break;
    }
    tokens.take();
  }
  if (sum.coefficient == 0 && sum.offset < 0) {
    fail_at(at, "expected a size of at least 0, found " + std::to_string(sum.offset));
  }
  return Dim(sum.coefficient, sum.coefficient == 0 ? std::string() : sum.symbol, sum.offset);
}

}  // namespace

Token TokenStream::take() {
  Token token = token_;
  last_line_ = token.at.line;
  last_end_ = end_;
  token_ = lexer_.next();
  end_ = lexer_.here();
  return token;
}

bool TokenStream::accept(char punctuation) {
  if (!token_.is(punctuation)) return false;
  take();
  return true;
}

void TokenStream::expect(char punctuation, std::string_view where) {
  if (accept(punctuation)) return;
  fail_unclosed(std::string("'") + punctuation + "' " + std::string(where));
}

void TokenStream::fail_unclosed(const std::string& expected) const {
  if (!begins_line() || last_line_ == 0 || token_.kind == TokenKind::end) fail_expected(expected);
  fail_at(last_end_, "expected " + expected + ", found " + describe(token_) + " on the next line");
}

void TokenStream::fail_expected(const std::string& expected) const {
  fail_at(token_.at, "expected " + expected + ", found " + describe(token_));
}

DType parse_dtype(TokenStream& tokens) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (tokens.peek().is(to_string(dtype))) {
      tokens.take();
      return dtype;
    }
  }
  tokens.fail_expected("a dtype: f32, f64, i32, i64 or bool");
}

Shape parse_shape(TokenStream& tokens) {
  tokens.expect('[', "of a shape; a scalar's shape is []");
  Shape shape;
  if (tokens.accept(']')) return shape;
  do {
    if (shape.rank() == kMaxRank) {
      tokens.fail_expected("at most " + std::to_string(kMaxRank) + " sizes");
    }
    shape.push_back(parse_dim(tokens));
  } while (tokens.accept(','));
  tokens.expect(']', "after the sizes of a shape");
  return shape;
}

Dim parse_dim(std::string_view text) {
  TokenStream tokens(text);
  const Dim dim = parse_dim(tokens);
  if (tokens.peek().kind != TokenKind::end) tokens.fail_expected("the end of the size");
  return dim;
}

Type parse_type(TokenStream& tokens) {
  if (tokens.peek().is("token")) {
    tokens.take();
    return Type::make_token();
  }
  if (tokens.peek().kind != TokenKind::identifier) {
    tokens.fail_expected("a type such as f32[2, 3], i64[] or token");
  }
  const DType dtype = parse_dtype(tokens);
  return {dtype, parse_shape(tokens), false};
}

std::int64_t parse_integer(TokenStream& tokens) {
  return take_number<std::int64_t>(tokens, "an integer");
}

double parse_double(TokenStream& tokens) {
  return take_number<double>(tokens, "a number");
}

Literal parse_literal(TokenStream& tokens) {
  const Position at = tokens.peek().at;
  const Type type = parse_type(tokens);
  if (type.token || !type.shape.is_static()) {
    fail_at(at,
            "expected the type of a constant, without named dimensions, found " + to_string(type));
  }
  std::size_t size = 0;
  try {
    size = byte_size(type);
  } catch (const ShapeError& error) {
    fail_at(at, error.what());
  }
  std::vector<std::byte> bytes;
  if (tokens.peek().is("fill")) {
    tokens.take();
    take_fill(tokens, type.dtype, at, size, bytes);
  } else if (tokens.peek().is("hex")) {
    tokens.take();
    take_hex(tokens, type, size, bytes);
  } else if (size == 0) {
    tokens.expect('[', "and ']' of a constant without elements");
    tokens.expect(']', "of a constant without elements");
  } else {
    take_nested(tokens, type.dtype, type.shape, 0, bytes);
  }
  return {type.dtype, type.shape, std::make_shared<const std::vector<std::byte>>(std::move(bytes))};
}

}  // namespace mlpjit::ir
