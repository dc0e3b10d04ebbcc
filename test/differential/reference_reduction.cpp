#include <algorithm>
#include <cmath>
#include <type_traits>

#include "lib/ir/opcodes.h"
#include "test/differential/reference.h"

namespace mlpjit::reference {
namespace {

// The elements that reduce to one result, in row-major order over the reduced axes.
template <class T>
std::vector<std::vector<T>> groups(const Array& in, const std::vector<std::int64_t>& axes) {
  std::vector<std::int64_t> kept, reduced;
  for (std::int64_t d = 0; d < static_cast<std::int64_t>(in.shape.size()); ++d) {
    const bool is_reduced = std::find(axes.begin(), axes.end(), d) != axes.end();
    (is_reduced ? reduced : kept).push_back(d);
  }
  std::int64_t results = 1, each = 1;
  for (std::int64_t d : kept) results *= in.shape[static_cast<std::size_t>(d)];
  for (std::int64_t d : reduced) each *= in.shape[static_cast<std::size_t>(d)];
  std::vector<std::vector<T>> out(static_cast<std::size_t>(results));
  for (auto& group : out) group.reserve(static_cast<std::size_t>(each));
  for (std::int64_t i = 0; i < in.size(); ++i) {
    const auto at = coordinates(i, in.shape);
    std::int64_t o = 0;
    for (std::int64_t d : kept) {
      o = o * in.shape[static_cast<std::size_t>(d)] + at[static_cast<std::size_t>(d)];
    }
    out[static_cast<std::size_t>(o)].push_back(in.as<T>()[i]);
  }
  return out;
}

template <class T, class Step, class Join>
T lane_form(const std::vector<T>& x, T identity, Step step, Join join) {
  T lane[16];
  std::fill(lane, lane + 16, identity);
  for (std::size_t i = 0; i < x.size(); ++i) lane[i % 16] = step(lane[i % 16], x[i]);
  for (int width = 8; width >= 1; width /= 2) {
    for (int j = 0; j < width; ++j) lane[j] = join(lane[j], lane[j + width]);
  }
  return lane[0];
}

template <class T>
T add(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a + b;
  return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
template <class T>
T multiply(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a * b;
  return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

// Blocks of 1,024 in the lane form, their sums added in the order of a binary counter.
template <class T, class Step>
T blocked(const std::vector<T>& x, Step step) {
  std::vector<T> stack;
  for (std::size_t first = 0; first == 0 || first < x.size(); first += 1024) {
    const std::size_t last = std::min(x.size(), first + 1024);
    const auto begin = x.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = x.begin() + static_cast<std::ptrdiff_t>(last);
    T r = lane_form(std::vector<T>(begin, end), T{0}, step, add<T>);
    for (std::size_t n = first / 1024 + 1; n % 2 == 0; n /= 2) {
      r = add(stack.back(), r);
      stack.pop_back();
    }
    stack.push_back(r);
  }
  T total = stack.back();
  for (stack.pop_back(); !stack.empty(); stack.pop_back()) total = add(stack.back(), total);
  return total;
}

template <class T>
T mean(const std::vector<T>& x) {
  return blocked(x, add<T>) / static_cast<T>(x.size());
}

template <class T>
struct Spread {
  T center, correction, variance;
};

template <class T>
Spread<T> spread(const std::vector<T>& x) {
  const T center = mean(x), n = static_cast<T>(x.size());
  const T distances = blocked(x, [&](T acc, T v) { return acc + (v - center); });
  const T squares = blocked(x, [&](T acc, T v) { return std::fma(v - center, v - center, acc); });
  const T correction = distances / n;
  if (std::isinf(squares)) return {center, correction, squares};
  const T variance = std::fma(-correction, distances, squares) / n;
  return {center, correction, variance <= 0 ? T{0} : variance};
}

template <class T>
bool beats(T candidate, T best, bool largest) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(best)) return false;
    if (std::isnan(candidate)) return true;
  }
  return largest ? candidate > best : candidate < best;
}

template <class T>
T extreme(const std::vector<T>& x, bool largest) {
  T best = x[0];
  for (T v : x) {
    if constexpr (std::is_floating_point_v<T>) {
      if (v == 0 && best == 0 && std::signbit(best) == largest) best = v;
    }
    if (beats(v, best, largest)) best = v;
  }
  return best;
}

template <class T>
std::int64_t arg_extreme(const std::vector<T>& x, bool largest) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < x.size(); ++i) {
    if (beats(x[i], x[best], largest)) best = i;
  }
  return static_cast<std::int64_t>(best);
}

template <class T, class To>
std::vector<To> converted(const std::vector<T>& x) {
  return std::vector<To>(x.begin(), x.end());
}

template <class T>
void one_result(ir::Opcode opcode, const std::vector<T>& x, Array& out, std::size_t o) {
  using ir::Opcode;
  constexpr bool kIsFloat = std::is_floating_point_v<T>;
  using Total = std::conditional_t<kIsFloat, T, std::int64_t>;
  using Average = std::conditional_t<kIsFloat, T, float>;
  switch (opcode) {
    case Opcode::sum: out.as<Total>()[o] = blocked(converted<T, Total>(x), add<Total>); return;
    case Opcode::prod:
      out.as<Total>()[o] =
          lane_form(converted<T, Total>(x), Total{1}, multiply<Total>, multiply<Total>);
      return;
    case Opcode::mean: out.as<Average>()[o] = mean(converted<T, Average>(x)); return;
    case Opcode::var: out.as<Average>()[o] = spread(converted<T, Average>(x)).variance; return;
    case Opcode::max:
    case Opcode::min: out.as<T>()[o] = extreme(x, opcode == Opcode::max); return;
    default: out.as<std::int64_t>()[o] = arg_extreme(x, opcode == Opcode::argmax); return;
  }
}

template <class T>
void layer_norm(const std::vector<Array>& in, double epsilon, Array& out) {
  const std::int64_t n = in[0].shape.back();
  const std::int64_t rows = n == 0 ? 0 : in[0].size() / n;
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* first = in[0].as<T>() + r * n;
    const std::vector<T> x(first, first + n);
    const auto [center, correction, variance] = spread(x);
    const T scale = T{1} / std::sqrt(variance + static_cast<T>(epsilon));
    for (std::int64_t i = 0; i < n; ++i) {
      out.as<T>()[r * n + i] =
          std::fma(((first[i] - center) - correction) * scale, in[1].as<T>()[i], in[2].as<T>()[i]);
    }
  }
}

}  // namespace

bool reduction(ir::Opcode opcode, const ir::Attrs& attrs, const std::vector<Array>& in,
               std::vector<Array>& out) {
  using ir::Opcode;
  switch (opcode) {
    case Opcode::layer_norm:
      if (in[0].dtype == DType::f64) {
        layer_norm<double>(in, attrs.floating("epsilon"), out[0]);
      } else {
        layer_norm<float>(in, attrs.floating("epsilon"), out[0]);
      }
      return true;
    case Opcode::sum:
    case Opcode::prod:
    case Opcode::mean:
    case Opcode::var:
    case Opcode::max:
    case Opcode::min:
    case Opcode::argmax:
    case Opcode::argmin:
      with_type(in[0].dtype, [&](auto zero) {
        using T = decltype(zero);
        const auto all = groups<T>(in[0], attrs.integers("axes"));
        for (std::size_t o = 0; o < all.size(); ++o) one_result<T>(opcode, all[o], out[0], o);
      });
      return true;
    default: return false;
  }
}

}  // namespace mlpjit::reference
