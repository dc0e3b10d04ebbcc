// Follows numpy/_core/arrayprint.py: a format is found from all elements shown, then each is
// written with it.

#include "lib/support/format_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace mlpjit::support {

namespace {

constexpr std::int64_t kThreshold = 1000;  // summarised above this many elements
constexpr std::int64_t kEdgeItems = 3;
constexpr std::size_t kLineWidth = 75;
constexpr int kPrecision = 8;
// Arrays that reach this are written with exponents, and so are scalars from
// kScalarExponentialFrom.
template <class T>
constexpr T kExponentialFrom = sizeof(T) == 4 ? T(1e6) : T(1e8);
template <class T>
constexpr T kScalarExponentialFrom = sizeof(T) == 4 ? T(1e6) : T(1e16);

// Digits of a finite number: sign, before the point, after it, and the exponent when there is one.
struct Parts {
  std::string whole;
  std::string fraction;
  std::string exponent;  // "+05"
};

void strip_zeros(std::string& digits) {
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
}

Parts split_at_point(const std::string& text) {
  Parts parts;
  const std::size_t e = text.find('e');
  const std::string mantissa = text.substr(0, e);
  if (e != std::string::npos) parts.exponent = text.substr(e + 1);
  const std::size_t point = mantissa.find('.');
  parts.whole = mantissa.substr(0, point);
  if (point != std::string::npos) parts.fraction = mantissa.substr(point + 1);
  strip_zeros(parts.fraction);
  return parts;
}

// The shortest digits that give x back, as d.ddde+xx.
template <class T>
Parts shortest_scientific(T x) {
  // fmt's shortest form is the only one that is exact for both types; it is brought to one shape
  // here.
  std::string text = fmt::format("{}", x);
  const bool minus = text[0] == '-';
  if (minus) text.erase(0, 1);
  int exponent = 0;
  if (const std::size_t e = text.find('e'); e != std::string::npos) {
    exponent = std::stoi(text.substr(e + 1));
    text.resize(e);
  }
  std::size_t point = text.find('.');
  if (point == std::string::npos)
    point = text.size();
  else
    text.erase(point, 1);
  const std::size_t first = std::min(text.find_first_not_of('0'), text.size() - 1);
  exponent += static_cast<int>(point) - static_cast<int>(first) - 1;
  if (x == 0) exponent = 0;
  Parts parts;
  parts.whole = (minus ? "-" : "") + text.substr(first, 1);
  parts.fraction = text.substr(first + 1);
  strip_zeros(parts.fraction);
  parts.exponent = fmt::format("{:+03d}", exponent);
  return parts;
}

// At most `precision` digits after the point; the exact value is rounded where the shortest form
// has more.
template <class T>
Parts scientific(T x, int precision) {
  Parts parts = shortest_scientific(x);
  if (static_cast<int>(parts.fraction.size()) <= precision) return parts;
  return split_at_point(fmt::format("{:.{}e}", static_cast<double>(x), precision));
}

// The same without an exponent.
template <class T>
Parts positional(T x, int precision) {
  const Parts shortest = shortest_scientific(x);
  const int exponent = std::stoi(shortest.exponent);
  const int fraction_digits = static_cast<int>(shortest.fraction.size()) - exponent;
  if (fraction_digits > precision) {
    return split_at_point(fmt::format("{:.{}f}", static_cast<double>(x), precision));
  }
  // The shortest digits, moved; zeros beyond them are not digits of x but placeholders, as in
  // numpy.
  const bool minus = shortest.whole[0] == '-';
  std::string digits = shortest.whole.substr(minus ? 1 : 0) + shortest.fraction;
  int point = exponent + 1;
  if (point <= 0) {
    digits.insert(0, static_cast<std::size_t>(1 - point), '0');
    point = 1;
  }
  if (static_cast<int>(digits.size()) < point) digits.resize(static_cast<std::size_t>(point), '0');
  Parts parts;
  parts.whole = (minus ? "-" : "") + digits.substr(0, static_cast<std::size_t>(point));
  parts.fraction = digits.substr(static_cast<std::size_t>(point));
  strip_zeros(parts.fraction);
  return parts;
}

template <class T>
std::string special(T x) {
  if (std::isnan(x)) return "nan";
  return x < 0 ? "-inf" : "inf";
}

// One format for all elements of an array.
template <class T>
class FloatFormat {
 public:
  explicit FloatFormat(const std::vector<T>& shown) {
    choose_exponential(shown);
    std::size_t special_width = 0;
    bool finite = false;
    for (const T x : shown) {
      if (!std::isfinite(x)) {
        special_width = std::max(special_width, special(x).size());
        continue;
      }
      finite = true;
      const Parts parts = write(x);
      left_ = std::max(left_, parts.whole.size());
      fraction_ = std::max(fraction_, parts.fraction.size());
      exponent_ = std::max(exponent_, parts.exponent.size());
    }
    if (special_width > 0 && finite) {
      const std::size_t right = width() - left_;
      if (special_width > right) left_ = std::max(left_, special_width - right);
    }
    if (!finite) left_ = special_width > 0 ? special_width - 1 : 0;
  }

  std::string operator()(T x) const {
    if (!std::isfinite(x)) return fmt::format("{:>{}}", special(x), width());
    if (!exponential_) {
      Parts parts = write(x);
      parts.fraction.resize(fraction_, ' ');
      return fmt::format("{:>{}}.{}", parts.whole, left_, parts.fraction);
    }
    // Beyond the shortest digits come those of the exact value.
    Parts parts =
        split_at_point(fmt::format("{:.{}e}", static_cast<double>(x), static_cast<int>(fraction_)));
    parts.fraction.resize(fraction_, '0');
    // The exponent has as many digits as the longest.
    parts.exponent.insert(1, exponent_ - parts.exponent.size(), '0');
    return fmt::format("{:>{}}.{}e{}", parts.whole, left_, parts.fraction, parts.exponent);
  }

 private:
  void choose_exponential(const std::vector<T>& shown) {
    T largest = 0;
    T smallest = 0;
    for (const T value : shown) {
      const T x = std::abs(value);
      if (!std::isfinite(x) || x == 0) continue;
      largest = std::max(largest, x);
      smallest = smallest == 0 ? x : std::min(smallest, x);
    }
    exponential_ = largest > 0 && (largest >= kExponentialFrom<T> || smallest < T(0.0001) ||
                                   largest / smallest > T(1000));
  }
  Parts write(T x) const {
    return exponential_ ? scientific(x, kPrecision) : positional(x, kPrecision);
  }
  std::size_t width() const {
    return left_ + 1 + fraction_ + (exponential_ && exponent_ > 0 ? 1 + exponent_ : 0);
  }

  bool exponential_ = false;
  std::size_t left_ = 0;
  std::size_t fraction_ = 0;
  std::size_t exponent_ = 0;
};

template <class T>
class IntegerFormat {
 public:
  explicit IntegerFormat(const std::vector<T>& shown) {
    for (const T x : shown) width_ = std::max(width_, fmt::formatted_size("{}", x));
  }
  std::string operator()(T x) const { return fmt::format("{:>{}}", x, width_); }

 private:
  std::size_t width_ = 0;
};

struct BoolFormat {
  explicit BoolFormat(const std::vector<std::uint8_t>&) {}
  std::string operator()(std::uint8_t x) const { return x != 0 ? " True" : "False"; }
};

// Writes an array row by row; lines of the last axis wrap at the line width.
template <class T, class Format>
class Printer {
 public:
  Printer(std::span<const std::int64_t> sizes, const std::byte* data, bool summarise)
      : sizes_(sizes), data_(data), summarise_(summarise), format_(shown()) {}

  std::string print() { return print_axis(0, 0, " ", kLineWidth); }

 private:
  T at(std::int64_t i) const {
    T x;  // data may be unaligned to anything but its element
    std::memcpy(&x, data_ + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
    return x;
  }
  bool cut(std::size_t axis) const { return summarise_ && sizes_[axis] > 2 * kEdgeItems; }

  // Calls f(i) for each index of an axis that is shown, and gap() where `...` stands.
  template <class F, class Gap>
  void for_shown(std::size_t axis, F f, Gap gap) const {
    const std::int64_t n = sizes_[axis];
    if (!cut(axis)) {
      for (std::int64_t i = 0; i < n; ++i) f(i);
      return;
    }
    for (std::int64_t i = 0; i < kEdgeItems; ++i) f(i);
    gap();
    for (std::int64_t i = n - kEdgeItems; i < n; ++i) f(i);
  }

  std::vector<T> shown() const {
    std::vector<T> values;
    collect(0, 0, values);
    return values;
  }
  void collect(std::size_t axis, std::int64_t index, std::vector<T>& values) const {
    if (axis == sizes_.size()) {
      values.push_back(at(index));
      return;
    }
    for_shown(
        axis, [&](std::int64_t i) { collect(axis + 1, index * sizes_[axis] + i, values); }, [] {});
  }

  std::string print_axis(std::size_t axis, std::int64_t index, const std::string& indent,
                         std::size_t width) {
    const std::string body = axis + 1 == sizes_.size() ? print_row(axis, index, indent, width)
                                                       : print_rows(axis, index, indent, width);
    return "[" + body.substr(indent.size()) + "]";
  }

  std::string print_row(std::size_t axis, std::int64_t index, const std::string& indent,
                        std::size_t width) {
    std::string done;
    std::string line = indent;
    bool first = true;
    const auto extend = [&](const std::string& word) {
      if (!first) line += ' ';
      first = false;
      // The closing bracket must still fit; a line is never broken where that would not help.
      if (line.size() + word.size() > width - 1 && line.size() > indent.size()) {
        while (!line.empty() && line.back() == ' ') line.pop_back();
        done += line + "\n";
        line = indent;
      }
      line += word;
    };
    for_shown(
        axis, [&](std::int64_t i) { extend(format_(at(index * sizes_[axis] + i))); },
        [&] { extend("..."); });
    return done + line;
  }

  std::string print_rows(std::size_t axis, std::int64_t index, const std::string& indent,
                         std::size_t width) {
    const std::string separator(sizes_.size() - axis - 1, '\n');
    std::string text;
    bool first = true;
    const auto extend = [&](const std::string& part) {
      if (!first) text += separator;
      first = false;
      text += indent + part;
    };
    for_shown(
        axis,
        [&](std::int64_t i) {
          extend(print_axis(axis + 1, index * sizes_[axis] + i, indent + " ", width - 1));
        },
        [&] { extend("..."); });
    return text;
  }

  std::span<const std::int64_t> sizes_;
  const std::byte* data_;
  bool summarise_;
  Format format_;
};

template <class T>
std::string format_scalar(T x) {
  if (!std::isfinite(x)) return special(x);
  const T size = std::abs(x);
  const bool plain = size == 0 || (double(size) >= 1e-4 && size < kScalarExponentialFrom<T>);
  const Parts parts = plain ? positional(x, 400) : scientific(x, 400);
  const std::string fraction = parts.fraction.empty() ? "" : "." + parts.fraction;
  return parts.whole + fraction + (plain ? "" : "e" + parts.exponent);
}

template <class T>
T load(const void* data) {
  T x;
  std::memcpy(&x, data, sizeof(T));
  return x;
}

std::string format_scalar(DType dtype, const void* data) {
  switch (dtype) {
    case DType::f32: return format_scalar(load<float>(data));
    case DType::f64: return format_scalar(load<double>(data));
    case DType::i32: return std::to_string(load<std::int32_t>(data));
    case DType::i64: return std::to_string(load<std::int64_t>(data));
    case DType::boolean: return load<std::uint8_t>(data) != 0 ? "True" : "False";
  }
  return {};
}

}  // namespace

std::string format_tensor(DType dtype, const Shape& shape, const void* data) {
  if (shape.size() == 0) return "[]";
  if (shape.rank() == 0) return format_scalar(dtype, data);
  const std::span<const std::int64_t> sizes = shape.sizes();
  const auto* bytes = static_cast<const std::byte*>(data);
  const bool summarise = shape.size() > kThreshold;
  switch (dtype) {
    case DType::f32: return Printer<float, FloatFormat<float>>(sizes, bytes, summarise).print();
    case DType::f64: return Printer<double, FloatFormat<double>>(sizes, bytes, summarise).print();
    case DType::i32:
      return Printer<std::int32_t, IntegerFormat<std::int32_t>>(sizes, bytes, summarise).print();
    case DType::i64:
      return Printer<std::int64_t, IntegerFormat<std::int64_t>>(sizes, bytes, summarise).print();
    case DType::boolean: return Printer<std::uint8_t, BoolFormat>(sizes, bytes, summarise).print();
  }
  return {};
}

}  // namespace mlpjit::support
