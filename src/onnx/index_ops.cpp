// Ops of ONNX that choose elements by their places, and that count.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "mlpjit/create.h"
#include "src/onnx/axes.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

// What slices take for "to the end": from the largest int32 on.
constexpr std::int64_t kFar = std::numeric_limits<std::int32_t>::max();

Tensor sliced(const Call& call, const Tensor& x, int axis, std::int64_t begin, std::int64_t end,
              std::int64_t step) {
  const Dim whole = x.shape()[axis];
  if (step == 0) call.fail("a step of 0");
  if (step > 0 && begin == 0 && end >= kFar && step == 1) return x;
  if (!whole.is_static()) {
    if (step == -1 && begin == -1 && end < -kFar) return axis_to(turned(axis_first(x, axis)), axis);
    if (step < 0) call.unsupported("it turns round an axis whose size is not known");
    // So many from the front or from the end: by their places.
    const bool open = end >= kFar;
    const bool counted = open ? begin < 0 && begin > -kFar
                              : (begin >= 0 && end >= 0) || (begin > -kFar && begin < 0 && end < 0);
    if (counted && (open ? -begin : end - begin) <= 4096) {
      std::vector<std::int64_t> places;
      for (std::int64_t at = begin; at < (open ? 0 : end); at += std::min<std::int64_t>(step, 4097))
        places.push_back(at);
      return picked(x, places, axis);
    }
    return slice(x, axis, begin, open ? std::numeric_limits<std::int64_t>::max() : end, step);
  }
  const std::int64_t n = whole.offset();
  const auto place = [&](std::int64_t at, std::int64_t lowest, std::int64_t highest) {
    return std::clamp(at < 0 ? at + n : at, lowest, highest);
  };
  if (step > 0) {
    const std::int64_t from = place(begin, 0, n);
    return slice(x, axis, from, std::max(from, place(end, 0, n)), step);
  }
  if (n > (1 << 24)) call.unsupported("it turns round an axis of more than 2^24");
  std::vector<std::int64_t> from;
  const std::int64_t last = place(end, -1, n - 1);
  for (std::int64_t i = place(begin, 0, n - 1); i > (end < -n ? -1 : last); i += step)
    from.push_back(i);
  return picked(x, from, axis);
}

// From and to places that hang on sizes, which the axis has.
Tensor sliced_between(const Call& call, const Tensor& x, int axis, const Dim& begin, const Dim& end,
                      std::int64_t step) {
  const Dim whole = x.shape()[axis];
  const auto is_far = [](const Dim& at) { return at.is_static() && at.offset() >= kFar; };
  const auto from_front = [&](const Dim& at) {
    return at.is_static() && at.offset() < 0 ? at + whole : at;
  };
  const Dim from = from_front(begin), to = is_far(end) ? whole : from_front(end);
  if (identical(from, Dim(0)) && identical(to, whole) && step == 1) return x;
  // As the same place from the end: x[:, :n - 1].
  const Dim behind = whole - to;
  if (from.is_static() && behind.is_static() && behind.offset() > 0)
    return sliced(call, x, axis, from.offset(), -behind.offset(), step);
  if (step != 1) call.unsupported("a step between places that hang on sizes");
  return gather(x, number_of(from, DType::i64) + positions(to - from, DType::i64), axis);
}

Values slice_axes(const Call& call) {
  Tensor x = any(call);
  const bool attributes = call.version() < 10;
  const auto places = [&](const char* name, std::size_t input) {
    if (!attributes) return call.dims(input, name);
    const std::vector<std::int64_t> ints = call.ints(name);
    return std::vector<Dim>(ints.begin(), ints.end());
  };
  const std::vector<Dim> begins = places("starts", 1), ends = places("ends", 2);
  std::vector<std::int64_t> axes = attributes    ? call.ints("axes")
                                   : call.has(3) ? call.ints(3, "axes")
                                                 : std::vector<std::int64_t>();
  std::vector<std::int64_t> steps =
      !attributes && call.has(4) ? call.ints(4, "steps") : std::vector<std::int64_t>();
  if (axes.empty()) {
    axes.resize(begins.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (steps.empty()) steps.assign(begins.size(), 1);
  if (ends.size() != begins.size() || axes.size() != begins.size() || steps.size() != begins.size())
    call.fail("its starts, ends, axes and steps are not equally many");
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const int axis = call.axis(axes[i], x.rank());
    const bool known = begins[i].is_static() && ends[i].is_static();
    x = known ? sliced(call, x, axis, begins[i].offset(), ends[i].offset(), steps[i])
              : sliced_between(call, x, axis, begins[i], ends[i], steps[i]);
  }
  return {moved(call, x)};
}

Values gather_axis(const Call& call) {
  const Tensor x = any(call);
  const int axis = call.axis(call.i("axis", 0), x.rank());
  return {moved(call, gather(x, call.x(1), axis))};  // which counts from the end, too
}

// Each index looks through its row: the one element that is there is chosen, the others are +0.
Values gather_elements(const Call& call) {
  const int axis = call.axis(call.i("axis", 0), call.x(0).rank());
  const Dim whole = call.shape(0)[axis];
  Tensor x = call.x(0);
  const Tensor indices =
      axis_last(places_of(call, 1, {whole}, [&] { return places_in(call.x(1), whole); }), axis);
  // Other axes of the indices may be shorter.
  for (int i = 0; i < x.rank(); ++i) {
    if (i == axis || identical(x.shape()[i], call.shape(1)[i])) continue;
    const Dim part = call.shape(1)[i];
    if (!part.is_static()) call.unsupported("sizes of its indices are not known");
    x = slice(x, i, 0, part.offset());
  }
  x = axis_last(x, axis);
  const Tensor chosen = expand_dims(indices, -1) == positions(whole, indices.dtype());
  const DType dtype = x.dtype();
  const Tensor row = expand_dims(dtype == DType::boolean ? cast(x, DType::i32) : x, -2);
  const Tensor found = sum(where(chosen, row, full({}, 0, row.dtype())), -1);
  return one(axis_back(cast(found, dtype), axis));
}

// How many numbers there are from one to another, of integers that may hang on sizes.
std::optional<Dim> count_of(const Call& call) {
  Dim ends[3];
  for (std::size_t i = 0; i < 3; ++i) {
    const Value& value = call.value(i);
    const bool real = value.tensor.defined() &&
                      (value.tensor.dtype() == DType::f32 || value.tensor.dtype() == DType::f64);
    if (real || (!value.sizes && !value.constant)) return std::nullopt;
    const std::vector<Dim> dims = call.dims(i, "limits");
    if (dims.size() != 1) return std::nullopt;
    ends[i] = dims[0];
  }
  const auto& [start, limit, step] = ends;
  const bool other = !start.is_static() && !limit.is_static() && start.symbol() != limit.symbol();
  if (other || !step.is_static()) return std::nullopt;
  const std::int64_t by = std::abs(step.offset());
  const Dim whole = step.offset() > 0 ? limit - start : start - limit;
  if (by == 0 || whole.coefficient() % by != 0 || whole.offset() % by != 0) return std::nullopt;
  if (whole.is_static()) return Dim(whole.offset() / by);
  return Dim(whole.coefficient() / by, whole.symbol(), whole.offset() / by);
}

Values range(const Call& call) {
  const Tensor start = call.x(0), step = call.x(2);
  const std::optional<Dim> size = count_of(call);
  if (size && !size->is_static()) return one(start + step * positions(*size, start.dtype()));
  const double count = std::ceil((call.number(1) - call.number(0)) / call.number(2));
  if (!(count <= 1 << 24)) call.unsupported(fmt::format("it makes {} numbers", count));
  return one(start + step * arange(std::max(count, 0.0), start.dtype()));
}

Values eye_like(const Call& call) {
  const Shape shape = call.shape(0);
  if (shape.rank() != 2) call.fail("it is of matrices");
  DType dtype = call.x(0).dtype();
  if (call.has_attribute("dtype"))
    dtype = call.importer().dtype_of(static_cast<DataType>(call.i("dtype", 1)), "EyeLike");
  const Tensor row = expand_dims(positions(shape[0], DType::i64), 1),
               column = positions(shape[1], DType::i64);
  return one(cast(row + call.i("k", 0) == column, dtype));
}

Values triangle(const Call& call) {
  const Tensor x = call.x(0);
  const Shape& shape = x.shape();
  if (shape.rank() < 2) call.fail("it is of matrices");
  const std::int64_t k = call.has(1) ? call.integer(1, "diagonal") : 0;
  const Tensor row = expand_dims(positions(shape[-2], DType::i64), 1);
  const Tensor column = positions(shape[-1], DType::i64);
  const Tensor diagonal = column - row;
  const Tensor keep = call.i("upper", 1) != 0 ? diagonal >= k : diagonal <= k;
  const DType dtype = x.dtype();
  const Tensor numbers = dtype == DType::boolean ? cast(x, DType::i32) : x;
  return one(cast(where(keep, numbers, full({}, 0, numbers.dtype())), dtype));
}

Values one_hot_of(const Call& call) {
  const Tensor indices = call.x(0);
  const std::int64_t depth = call.integer(1, "depth");
  if (depth < 1 || depth > 1 << 24) call.fail(fmt::format("a depth of {}", depth));
  std::int64_t axis = call.i("axis", -1);
  axis = call.axis(axis, indices.rank() + 1);
  const Tensor values = call.x(2);
  const Tensor off = slice(values, 0, 0, 1), on = slice(values, 0, 1, 2);
  const Tensor n = full({}, static_cast<double>(depth), indices.dtype());
  const Tensor positive = where(indices < full({}, 0, indices.dtype()), indices + n, indices);
  const Tensor chosen =
      expand_dims(positive, static_cast<int>(axis)) ==
      reshape(positions(depth, indices.dtype()), [&] {
        std::vector<Dim> dims(static_cast<std::size_t>(indices.rank()) + 1, Dim(1));
        dims.at(static_cast<std::size_t>(axis)) = Dim(depth);
        return shape_of(dims);
      }());
  return one(where(chosen, reshape(on, {}), reshape(off, {})));
}

// indices [batch.., .., k] choose from the k axes behind those of the batch: as one axis, by the
// place in it, which for each entry of the batch starts where its elements do.
Values gather_nd(const Call& call) {
  const Tensor x = call.x(0), indices = call.x(1);
  const auto batch = static_cast<int>(call.i("batch_dims", 0));
  const Dim last = indices.shape()[-1];
  if (!last.is_static() || last.offset() < 1 || batch < 0 || batch >= indices.rank() ||
      last.offset() + batch > x.rank())
    call.unsupported("the last size of its indices");
  const std::vector<Dim> sizes = dims_of(x.shape());
  const auto chosen = sizes.begin() + batch + last.offset();
  const Tensor place = places_of(call, 1, {sizes.begin(), chosen}, [&] {
    return place_in_all(indices, batch, {sizes.begin(), chosen});
  });
  Dim whole(1);
  for (auto size = sizes.begin(); size != chosen; ++size) whole = whole * *size;
  std::vector<Dim> dims{whole};
  dims.insert(dims.end(), chosen, sizes.end());
  return one(gather(reshape(x, shape_of(dims)), place, 0));
}

}  // namespace

std::vector<OpDefinition> index_ops() {
  return {
      {"Slice", slice_axes},   {"Gather", gather_axis}, {"GatherElements", gather_elements},
      {"GatherND", gather_nd}, {"Range", range},        {"EyeLike", eye_like},
      {"Trilu", triangle},     {"OneHot", one_hot_of},
  };
}

}  // namespace mlpjit::onnx
