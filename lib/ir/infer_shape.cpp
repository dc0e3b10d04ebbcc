// Type rules of shape changes and data movement, over sizes that may be symbolic.

#include <algorithm>
#include <limits>

#include "lib/ir/infer.h"
#include "lib/ir/infer_rules.h"
#include "lib/ir/size_product.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

// Sums and products of two symbols are refused by Dim; the message lacks the op.
template <class Compute>
Dim dim_of(std::string_view op, Compute compute) {
  try {
    return compute();
  } catch (const ShapeError& error) {
    fail_shape(op, error.what());
  }
}

// The bounds of a slice of an axis that may be symbolic, as dimensions.
Dim slice_size(const InferRequest& request, const Dim& size) {
  const std::string_view op = to_string(request.opcode);
  const std::int64_t begin = request.attrs.integer("begin");
  const std::int64_t end = request.attrs.integer("end");
  const std::int64_t step = request.attrs.integer("step");
  if (step < 1) {
    fail_shape(op, "expected a step of at least 1, got " + std::to_string(step));
  }
  if (size.is_static()) return Dim(slice_range(size.offset(), begin, end, step).count);
  // The smallest size that the symbol (>= 0) allows decides whether a bound can be clamped.
  const std::int64_t least = std::max<std::int64_t>(size.offset(), 0);
  const auto bound = [&](std::int64_t at) -> Dim {
    if (at == std::numeric_limits<std::int64_t>::max()) return size;
    if (at >= 0 && at <= least) return Dim(at);
    if (at < 0 && at >= -least) return dim_of(op, [&] { return size + Dim(at); });
    fail_shape(op, "expected bounds that every size of the axis " + to_string(size) +
                       " has, got begin " + std::to_string(begin) + " and end " +
                       std::to_string(end) + "; slice to the end, or give the axis a known size");
  };
  const Dim first = bound(begin), last = bound(end);
  if (first.is_static() && last.is_static()) {
    const std::int64_t length = std::max<std::int64_t>(last.offset() - first.offset(), 0);
    return Dim(length / step + (length % step != 0 ? 1 : 0));
  }
  if (!first.is_static() && last.is_static()) {
    fail_shape(op, "expected an end after the begin for every size of " + to_string(size));
  }
  if (step != 1) {
    fail_shape(op, "expected step 1 over the symbolic axis " + to_string(size) + ", got " +
                       std::to_string(step));
  }
  return dim_of(op, [&] { return last - first; });
}

void require_index(const InferRequest& request, const Type& type) {
  if (!is_integer(type.dtype)) {
    fail_dtype(to_string(request.opcode),
               "expected indices of i32 or i64, got " + to_string(type) + "; use cast to i64");
  }
}

std::string list_text(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (std::int64_t number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return "[" + text + "]";
}

Shape with_dim(const Shape& shape, int axis, const Dim& dim) {
  Shape result = shape;
  result.set(axis, dim);
  return result;
}

}  // namespace

SliceRange slice_range(std::int64_t size, std::int64_t begin, std::int64_t end, std::int64_t step) {
  const auto clamp = [size](std::int64_t at) {
    if (at < 0) at = at < -size ? 0 : at + size;
    return std::min(at, size);
  };
  const std::int64_t first = clamp(begin);
  const std::int64_t length = std::max<std::int64_t>(clamp(end) - first, 0);
  return {first, length / step + (length % step != 0 ? 1 : 0)};
}

std::vector<Type> infer_reshape(const InferRequest& request) {
  require_tensors(request);
  const Shape& to = request.attrs.get<Shape>("shape");
  if (SizeProduct(request[0].shape) != SizeProduct(to)) {
    fail_shape("reshape", "expected a shape of as many elements as " + to_string(request[0]) +
                              ", got " + to_string(to));
  }
  return one_type(request[0].dtype, to);
}

std::vector<Type> infer_transpose(const InferRequest& request) {
  require_tensors(request);
  const Shape& shape = request[0].shape;
  const std::vector<std::int64_t>& permutation = request.attrs.integers("permutation");
  std::vector<bool> seen(static_cast<std::size_t>(shape.rank()), false);
  bool valid = permutation.size() == seen.size();
  Shape result;
  for (std::size_t i = 0; valid && i < permutation.size(); ++i) {
    const std::int64_t axis = permutation[i];
    valid = axis >= 0 && axis < shape.rank() && !seen[static_cast<std::size_t>(axis)];
    if (!valid) break;
    seen[static_cast<std::size_t>(axis)] = true;
    result.push_back(shape[static_cast<int>(axis)]);
  }
  if (!valid) {
    fail_shape("transpose", "expected each axis of " + to_string(request[0]) + " once, got " +
                                list_text(permutation));
  }
  return one_type(request[0].dtype, std::move(result));
}

std::vector<Type> infer_broadcast_to(const InferRequest& request) {
  require_tensors(request);
  const Shape& to = request.attrs.get<Shape>("shape");
  const Shape& from = request[0].shape;
  bool fits = from.rank() <= to.rank();
  for (int i = 1; fits && i <= from.rank(); ++i) {
    fits = identical(from[-i], to[-i]) || identical(from[-i], 1);
  }
  if (!fits) {
    fail_shape("broadcast_to",
               "expected a shape that " + to_string(request[0]) + " broadcasts to, got " +
                   to_string(to) +
                   "; sizes must be equal, or 1 in the operand, from the last axis");
  }
  return one_type(request[0].dtype, to);
}

std::vector<Type> infer_concat(const InferRequest& request) {
  if (request.operands.empty()) fail_shape("concat", "expected at least one tensor, got none");
  require_same_dtype(request);
  const Shape& first = request[0].shape;
  const int axis = checked_axis(request, request.attrs.integer("axis"), first.rank());
  Dim total = first[axis];
  for (const Type& type : request.operands.subspan(1)) {
    if (type.shape.rank() != first.rank() ||
        !identical(with_dim(type.shape, axis, first[axis]), first)) {
      fail_shape("concat", "expected shapes equal but for axis " + std::to_string(axis) + ", got " +
                               to_string(request[0]) + " and " + to_string(type));
    }
    total = dim_of("concat", [&] { return total + type.shape[axis]; });
  }
  return one_type(request[0].dtype, with_dim(first, axis, total));
}

std::vector<Type> infer_split(const InferRequest& request) {
  require_tensors(request);
  const Shape& shape = request[0].shape;
  const int axis = checked_axis(request, request.attrs.integer("axis"), shape.rank());
  const std::vector<std::int64_t>& sizes = request.attrs.integers("sizes");
  std::int64_t total = 0;
  bool valid = !sizes.empty();
  for (std::int64_t size : sizes)
    valid = valid && size >= 0 && !__builtin_add_overflow(total, size, &total);
  if (!valid || !identical(shape[axis], total)) {
    fail_shape("split", "expected sizes that add up to " + to_string(shape[axis]) + ", axis " +
                            std::to_string(axis) + " of " + to_string(request[0]) + ", got " +
                            list_text(sizes));
  }
  std::vector<Type> types;
  types.reserve(sizes.size());
  for (std::int64_t size : sizes) {
    types.push_back({request[0].dtype, with_dim(shape, axis, Dim(size)), false});
  }
  return types;
}

std::vector<Type> infer_slice(const InferRequest& request) {
  require_tensors(request);
  const Shape& shape = request[0].shape;
  const int axis = checked_axis(request, request.attrs.integer("axis"), shape.rank());
  return one_type(request[0].dtype, with_dim(shape, axis, slice_size(request, shape[axis])));
}

std::vector<Type> infer_slice_update(const InferRequest& request) {
  require_same_dtype(request);
  const Shape& shape = request[0].shape;
  const int axis = checked_axis(request, request.attrs.integer("axis"), shape.rank());
  const Shape part = with_dim(shape, axis, slice_size(request, shape[axis]));
  if (!identical(request[1].shape, part)) {
    fail_shape("slice_update", "expected an update of shape " + to_string(part) +
                                   " for this slice of " + to_string(request[0]) + ", got " +
                                   to_string(request[1]) + "; use broadcast_to");
  }
  return one_type(request[0].dtype, shape);
}

std::vector<Type> infer_gather(const InferRequest& request) {
  require_tensors(request);
  require_index(request, request[1]);
  const Shape& shape = request[0].shape;
  const Shape& indices = request[1].shape;
  const int axis = checked_axis(request, request.attrs.integer("axis"), shape.rank());
  if (shape.rank() - 1 + indices.rank() > kMaxRank) {
    fail_shape("gather", "expected a result of at most " + std::to_string(kMaxRank) +
                             " axes, got " + to_string(request[0]) + " indexed by " +
                             to_string(request[1]));
  }
  Shape result;
  for (int i = 0; i < axis; ++i) result.push_back(shape[i]);
  for (int i = 0; i < indices.rank(); ++i) result.push_back(indices[i]);
  for (int i = axis + 1; i < shape.rank(); ++i) result.push_back(shape[i]);
  return one_type(request[0].dtype, std::move(result));
}

std::vector<Type> infer_one_hot(const InferRequest& request) {
  require_tensors(request);
  require_index(request, request[0]);
  const std::int64_t depth = request.attrs.integer("depth");
  if (depth < 0 || request[0].shape.rank() == kMaxRank) {
    fail_shape("one_hot", "expected a depth of at least 0 and fewer than " +
                              std::to_string(kMaxRank) + " axes, got depth " +
                              std::to_string(depth) + " and " + to_string(request[0]));
  }
  Shape result = request[0].shape;
  result.push_back(Dim(depth));
  return one_type(request.attrs.get<DType>("dtype"), std::move(result));
}

}  // namespace mlpjit::ir
