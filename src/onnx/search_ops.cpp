// Ops of ONNX that sort, accumulate and scatter, and inverse functions: made of ops there are.

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numbers>

#include "mlpjit/control_flow.h"
#include "mlpjit/create.h"
#include "src/onnx/axes.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

// With y near atan(x), tan(atan(x) - y) is small, and its own arc tangent a short series.
Tensor atan_of(const Tensor& x) {
  const Tensor large = abs(x) > number(1, x);
  const Tensor z = where(large, number(1, x) / x, x);
  const Tensor y = z * (number(0.97239411, x) - number(0.19194795, x) * z * z);
  const Tensor s = sin(y), c = cos(y);
  const Tensor t = (z * c - s) / (c + z * s);
  const Tensor t2 = t * t;
  const Tensor series =
      t - t * t2 * (number(1.0 / 3, x) - t2 * (number(0.2, x) - t2 * number(1.0 / 7, x)));
  const Tensor angle = y + series;
  return where(large, sign(x) * number(std::numbers::pi / 2, x) - angle, angle);
}

Tensor asin_of(const Tensor& x) {
  const Tensor one = number(1, x);
  return atan_of(x / sqrt((one - x) * (one + x)));
}

Tensor acos_of(const Tensor& x) {
  const Tensor one = number(1, x);
  return number(2, x) * atan_of(sqrt((one - x) / (one + x)));
}

Tensor asinh_of(const Tensor& x) {
  const Tensor size = abs(x), one = number(1, x);
  // x^2 overflows from here on, where the 1 in the root has long been lost.
  const Tensor limit = number(x.dtype() == DType::f32 ? 1e10 : 1e100, x);
  const Tensor small = minimum(size, limit);
  const Tensor exact = log1p(small + small * small / (one + sqrt(small * small + one)));
  return sign(x) * where(size > limit, log(size) + number(std::numbers::ln2, x), exact);
}

Tensor acosh_of(const Tensor& x) {
  const Tensor one = number(1, x), d = x - one;
  const Tensor limit = number(x.dtype() == DType::f32 ? 1e10 : 1e100, x);
  const Tensor small = minimum(d, limit);
  return where(d > limit, log(x) + number(std::numbers::ln2, x),
               log1p(small + sqrt(small * (small + number(2, x)))));
}

// By the size alone: near -1 the logarithm of what is left of 1 would lose its digits.
Tensor atanh_of(const Tensor& x) {
  const Tensor size = abs(x), zero = number(0, x);
  const Tensor angle = number(0.5, x) * log1p(number(2, x) * size / (number(1, x) - size));
  return where(x == zero, x, where(x < zero, -angle, angle));
}

template <class F>
Definition of(F f) {
  return [f](const Call& call) { return one(f(call.x(0))); };
}

// Element by element along an axis, each with all before it.
Values accumulated(const Call& call, bool product) {
  Tensor x = call.x(0);
  const int axis = call.axis(call.integer(1, "axis"), x.rank());
  const bool exclusive = call.i("exclusive", 0) != 0, reverse = call.i("reverse", 0) != 0;
  x = axis_first(x, axis);
  if (reverse) x = turned(x);
  const Tensor start = broadcast_to(number(product ? 1 : 0, x), without_first(x.shape()));
  const auto [last, rows] = detail::scan(
      [&](const Tensors& carry, const Tensors& entry) {
        const Tensor next = product ? carry[0] * entry[0] : carry[0] + entry[0];
        return std::pair(Tensors{next}, Tensors{exclusive ? carry[0] : next});
      },
      {start}, {x});
  Tensor result = rows[0];
  if (reverse) result = turned(result);
  return one(axis_to(result, axis));
}

// The least or the largest number of a dtype.
Tensor limit_of(DType dtype, bool largest) {
  const auto of = [&]<class T>(T) {
    using Limits = std::numeric_limits<T>;
    return full({}, Tensor(largest ? Limits::max() : Limits::lowest()), dtype);
  };
  if (dtype == DType::i32) return of(std::int32_t{});
  if (dtype == DType::i64) return of(std::int64_t{});
  const double infinity = std::numeric_limits<double>::infinity();
  return full({}, largest ? infinity : -infinity, dtype);
}

// The largest first, of equal ones the one that stands first: k times the largest of what is left.
Values top_k(const Call& call) {
  Tensor x = call.x(0);
  const std::int64_t k = call.version() < 10 ? call.i("k", -1) : call.integer(1, "k");
  const int axis = call.axis(call.i("axis", -1), x.rank());
  const bool largest = call.i("largest", 1) != 0;
  const Dim whole = x.shape()[axis];
  if (!whole.is_static() || whole.offset() < k || k < 1 || k > 256)
    call.unsupported(fmt::format("the {} largest of {}: expected 1 to 256, of a known size", k,
                                 to_string(whole)));
  x = axis_last(x, axis);
  const Tensor places = arange(static_cast<double>(whole.offset()), DType::i64);
  Tensor left = broadcast_to(full({}, true, DType::boolean), x.shape());
  Tensors values, indices;
  for (std::int64_t i = 0; i < k; ++i) {
    // What was taken is no candidate, whatever its value: the first of the candidates that are as
    // large as the largest.
    const Tensor worst = limit_of(x.dtype(), !largest);
    const Tensor candidates = where(left, x, worst);
    const Tensor best = largest ? max(candidates, -1, true) : min(candidates, -1, true);
    const Tensor equal =
        logical_or(candidates == best, logical_and(candidates != candidates, best != best));
    const Tensor is_best = logical_and(left, equal);
    const Tensor place = argmax(cast(is_best, DType::i32), -1, true);
    const Tensor chosen = place == places;
    values.push_back(best);
    indices.push_back(place);
    left = logical_and(left, logical_not(chosen));
  }
  return {computed(axis_back(concat(values, -1), axis)),
          computed(axis_back(concat(indices, -1), axis))};
}

// How updates meet what is there, and each other.
Tensor combined(const Call& call, const std::string& how, const Tensor& data,
                const Tensor& update) {
  if (how == "none") return update;
  if (how == "add") return data + update;
  if (how == "mul") return data * update;
  if (how == "max") return maximum(data, update);
  if (how == "min") return minimum(data, update);
  call.unsupported(fmt::format("reduction '{}'", how));
}

// Update i goes to the place that index i, from the front, says: one after the other.
Tensor scattered(const Call& call, Tensor data, const Tensor& updates, const Tensor& indices,
                 int axis) {
  const std::string how = call.s("reduction", "none");
  const Dim count = indices.shape()[axis], whole = data.shape()[axis];
  if (!count.is_static() || !whole.is_static() || count.offset() > 256)
    call.unsupported("more than 256 updates along its axis, or a size that is not known");
  std::vector<Dim> dims(static_cast<std::size_t>(data.rank()), Dim(1));
  dims[static_cast<std::size_t>(axis)] = whole;
  const Tensor places = reshape(arange(static_cast<double>(whole.offset()), indices.dtype()),
                                Shape(std::span<const Dim>(dims)));
  for (std::int64_t i = 0; i < count.offset(); ++i) {
    const Tensor here = slice(indices, axis, i, i + 1) == places;
    data = where(here, combined(call, how, data, slice(updates, axis, i, i + 1)), data);
  }
  return data;
}

Values scatter_elements(const Call& call) {
  const Tensor data = call.x(0), updates = call.x(2);
  const int axis = call.axis(call.i("axis", 0), data.rank());
  const Dim size = data.shape()[axis];
  const Tensor indices = places_of(call, 1, {size}, [&] { return places_in(call.x(1), size); });
  for (int i = 0; i < data.rank(); ++i) {
    if (i == axis || identical(data.shape()[i], indices.shape()[i])) continue;
    // Shorter beside the axis: that part is done, and the rest stands behind it.
    const Dim part = indices.shape()[i], whole = data.shape()[i];
    if (!part.is_static() || !whole.is_static()) call.unsupported("sizes that are not known");
    Tensor done = slice(data, i, 0, part.offset());
    for (int k = i + 1; k < data.rank(); ++k) {
      if (k != axis && !identical(data.shape()[k], indices.shape()[k]))
        call.unsupported("indices that are shorter along several other axes");
    }
    done = scattered(call, done, updates, indices, axis);
    return one(concat({done, slice(data, i, part.offset(), whole.offset())}, i));
  }
  return one(scattered(call, data, updates, indices, axis));
}

// The first k axes as one, and the updates as many rows of it.
Values scatter_nd(const Call& call) {
  const Tensor data = call.x(0), indices = call.x(1), updates = call.x(2);
  const Dim last = indices.shape()[-1];
  if (!last.is_static() || last.offset() > data.rank())
    call.unsupported("the last size of its indices");
  const auto k = static_cast<int>(last.offset());
  const std::vector<Dim> sizes = dims_of(data.shape());
  const std::vector<Dim> chosen(sizes.begin(), sizes.begin() + k),
      rest(sizes.begin() + k, sizes.end());
  Dim whole(1), count(1);
  for (const Dim& size : chosen) {
    if (!size.is_static()) call.unsupported("it scatters along an axis whose size is not known");
    whole = whole * size;
  }
  const Tensor place = places_of(call, 1, chosen, [&] { return place_in_all(indices, 0, chosen); });
  for (int i = 0; i + 1 < indices.rank(); ++i) count = count * indices.shape()[i];
  std::vector<Dim> flat{whole}, rows{count}, column{count};
  flat.insert(flat.end(), rest.begin(), rest.end());
  rows.insert(rows.end(), rest.begin(), rest.end());
  column.resize(flat.size(), Dim(1));
  const Tensor result = scattered(call, reshape(data, Shape(std::span<const Dim>(flat))),
                                  reshape(updates, Shape(std::span<const Dim>(rows))),
                                  reshape(place, Shape(std::span<const Dim>(column))), 0);
  return one(reshape(result, data.shape()));
}

}  // namespace

std::vector<OpDefinition> search_ops() {
  return {
      {"Atan", of(atan_of)},
      {"Asin", of(asin_of)},
      {"Acos", of(acos_of)},
      {"Asinh", of(asinh_of)},
      {"Acosh", of(acosh_of)},
      {"Atanh", of(atanh_of)},
      {"CumSum", [](const Call& call) { return accumulated(call, false); }},
      {"CumProd", [](const Call& call) { return accumulated(call, true); }},
      {"TopK", top_k},
      {"Scatter", scatter_elements},
      {"ScatterElements", scatter_elements},
      {"ScatterND", scatter_nd},
  };
}

}  // namespace mlpjit::onnx
