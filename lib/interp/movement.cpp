// Ops that move elements and compute nothing: bytes, whatever the dtype.

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/interp/families.h"
#include "lib/ir/infer.h"
#include "mlpjit/error.h"

namespace mlpjit::interp {

namespace {

using Int = std::int64_t;

const std::byte* bytes_at(const View& view) {
  return static_cast<const std::byte*>(view.data);
}
std::byte* mutable_bytes_at(const View& view) {
  return static_cast<std::byte*>(view.data);
}

void copy(std::byte* to, const std::byte* from, Int bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

// A tensor around one axis: `outer` blocks of size * inner_bytes.
struct Around {
  Int outer = 1;
  Int size = 1;
  Int inner_bytes = 1;
};

Around around(const View& view, Int axis) {
  const std::span<const Int> sizes = view.shape.sizes();
  Around result;
  result.inner_bytes = static_cast<Int>(size_of(view.dtype));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto at = static_cast<Int>(i);
    if (at < axis) result.outer *= sizes[i];
    if (at == axis) result.size = sizes[i];
    if (at > axis) result.inner_bytes *= sizes[i];
  }
  return result;
}

// Axes of a strided copy, innermost first: how far one step moves in the source, in elements.
struct Axis {
  Int size;
  Int stride;
};

// Writes the elements of a strided source in order. The innermost axis is copied whole where its
// stride is 1.
template <std::size_t kBytes>
void copy_strided(const std::byte* from, std::byte* to, std::span<const Axis> axes) {
  struct alignas(1) Element {
    std::byte bytes[kBytes];
  };
  const Axis inner = axes[0];
  std::array<Int, kMaxRank> index{};
  Int offset = 0;
  while (true) {
    const std::byte* source = from + offset * static_cast<Int>(kBytes);
    if (inner.stride == 1) {
      copy(to, source, inner.size * static_cast<Int>(kBytes));
    } else {
      const auto* elements = reinterpret_cast<const Element*>(source);
      auto* out = reinterpret_cast<Element*>(to);
      for (Int i = 0; i < inner.size; ++i) out[i] = elements[i * inner.stride];
    }
    to += inner.size * static_cast<Int>(kBytes);
    std::size_t axis = 1;
    for (; axis < axes.size(); ++axis) {
      offset += axes[axis].stride;
      if (++index[axis] < axes[axis].size) break;
      offset -= axes[axis].stride * axes[axis].size;
      index[axis] = 0;
    }
    if (axis == axes.size()) return;
  }
}

// Blocks of 16 by 16, so that both sides stay in cache.
template <std::size_t kBytes>
void transpose_matrix(const std::byte* from, std::byte* to, Int rows, Int columns) {
  struct alignas(1) Element {
    std::byte bytes[kBytes];
  };
  const auto* x = reinterpret_cast<const Element*>(from);
  auto* y = reinterpret_cast<Element*>(to);
  constexpr Int kBlock = 16;
  for (Int r = 0; r < rows; r += kBlock) {
    const Int r_end = std::min(rows, r + kBlock);
    for (Int c = 0; c < columns; c += kBlock) {
      const Int c_end = std::min(columns, c + kBlock);
      for (Int j = c; j < c_end; ++j) {
        for (Int i = r; i < r_end; ++i) y[j * rows + i] = x[i * columns + j];
      }
    }
  }
}

// Axes of size 1 dropped, neighbours that continue each other joined; never empty.
std::vector<Axis> collapse(std::span<const Axis> axes) {
  std::vector<Axis> result;
  for (const Axis& axis : axes) {
    if (axis.size == 1) continue;
    if (!result.empty() && axis.stride == result.back().stride * result.back().size) {
      result.back().size *= axis.size;
    } else {
      result.push_back(axis);
    }
  }
  if (result.empty()) result.push_back({1, 1});
  return result;
}

template <class F>
void with_element_size(DType dtype, F f) {
  switch (size_of(dtype)) {
    case 1: return f(std::integral_constant<std::size_t, 1>());
    case 4: return f(std::integral_constant<std::size_t, 4>());
    default: return f(std::integral_constant<std::size_t, 8>());
  }
}

void copy_axes(const View& from, const View& to, std::span<const Axis> axes) {
  const std::vector<Axis> joined = collapse(axes);
  const bool matrices = joined.size() >= 2 && joined.size() <= 3 && joined[1].stride == 1 &&
                        joined[0].stride == joined[1].size;
  with_element_size(from.dtype, [&](auto bytes) {
    if (!matrices) return copy_strided<bytes>(bytes_at(from), mutable_bytes_at(to), joined);
    // The source holds matrices [joined[0].size, joined[1].size]; each is turned over.
    const Int count = joined.size() == 3 ? joined[2].size : 1;
    const Int step = joined.size() == 3 ? joined[2].stride : 0;
    const Int area = joined[0].size * joined[1].size;
    for (Int i = 0; i < count; ++i) {
      transpose_matrix<bytes>(bytes_at(from) + i * step * static_cast<Int>(bytes()),
                              mutable_bytes_at(to) + i * area * static_cast<Int>(bytes()),
                              joined[0].size, joined[1].size);
    }
  });
}

[[noreturn]] void fail_index(ir::Opcode opcode, Int index, Int low, Int size) {
  throw ValueError(std::string(ir::to_string(opcode)) + ": index " + std::to_string(index) +
                   " is out of range: expected an index from " + std::to_string(low) + " to " +
                   std::to_string(size - 1) +
                   (size == 0 ? " (there is none: the axis is empty)" : ""));
}

Int index_at(const View& indices, Int i) {
  if (indices.dtype == DType::i32) return static_cast<const std::int32_t*>(indices.data)[i];
  return static_cast<const Int*>(indices.data)[i];
}

}  // namespace

void evaluate_reshape(const Request& request) {
  copy(mutable_bytes_at(request.results[0]), bytes_at(request.operands[0]),
       static_cast<Int>(bytes_of(request.results[0])));
}

void evaluate_transpose(const Request& request) {
  const View& x = request.operands[0];
  if (x.shape.size() == 0) return;
  const std::vector<Int>& permutation = request.attrs.integers("permutation");
  const std::span<const Int> sizes = x.shape.sizes();
  std::array<Int, kMaxRank> strides{};
  Int stride = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= sizes[i];
  }
  std::vector<Axis> axes;
  for (std::size_t i = permutation.size(); i-- > 0;) {
    const auto axis = static_cast<std::size_t>(permutation[i]);
    axes.push_back({sizes[axis], strides[axis]});
  }
  copy_axes(x, request.results[0], axes);
}

void evaluate_broadcast(const Request& request) {
  const View& x = request.operands[0];
  const View& y = request.results[0];
  if (y.shape.size() == 0) return;
  const std::span<const Int> from = x.shape.sizes();
  const std::span<const Int> to = y.shape.sizes();
  std::vector<Axis> axes;
  Int stride = 1;
  for (std::size_t i = 0; i < to.size(); ++i) {
    const Int size = i < from.size() ? from[from.size() - 1 - i] : 1;
    axes.push_back({to[to.size() - 1 - i], size == 1 ? 0 : stride});
    stride *= size;
  }
  copy_axes(x, y, axes);
}

void evaluate_concat(const Request& request) {
  const Int axis = request.attrs.integer("axis");
  const Around to = around(request.results[0], axis);
  const Int row = to.size * to.inner_bytes;
  Int offset = 0;
  for (const View& part : request.operands) {
    const Around from = around(part, axis);
    const Int bytes = from.size * from.inner_bytes;
    for (Int i = 0; i < to.outer; ++i) {
      copy(mutable_bytes_at(request.results[0]) + i * row + offset, bytes_at(part) + i * bytes,
           bytes);
    }
    offset += bytes;
  }
}

void evaluate_split(const Request& request) {
  const Int axis = request.attrs.integer("axis");
  const Around from = around(request.operands[0], axis);
  const Int row = from.size * from.inner_bytes;
  Int offset = 0;
  for (const View& part : request.results) {
    const Around to = around(part, axis);
    const Int bytes = to.size * to.inner_bytes;
    for (Int i = 0; i < from.outer; ++i) {
      copy(mutable_bytes_at(part) + i * bytes, bytes_at(request.operands[0]) + i * row + offset,
           bytes);
    }
    offset += bytes;
  }
}

void evaluate_slice(const Request& request) {
  const Int step = request.attrs.integer("step");
  const Around from = around(request.operands[0], request.attrs.integer("axis"));
  const ir::SliceRange range = ir::slice_range(from.size, request.attrs.integer("begin"),
                                               request.attrs.integer("end"), step);
  if (bytes_of(request.results[0]) == 0) return;
  std::byte* to = mutable_bytes_at(request.results[0]);
  for (Int i = 0; i < from.outer; ++i) {
    const std::byte* row = bytes_at(request.operands[0]) + i * from.size * from.inner_bytes;
    const Int piece = step == 1 ? range.count * from.inner_bytes : from.inner_bytes;
    const Int pieces = step == 1 ? 1 : range.count;
    for (Int j = 0; j < pieces; ++j, to += piece) {
      copy(to, row + (range.begin + j * step) * from.inner_bytes, piece);
    }
  }
}

void evaluate_slice_update(const Request& request) {
  const Int step = request.attrs.integer("step");
  const Around from = around(request.operands[0], request.attrs.integer("axis"));
  const ir::SliceRange range = ir::slice_range(from.size, request.attrs.integer("begin"),
                                               request.attrs.integer("end"), step);
  evaluate_reshape(request);  // the whole of operand 0
  if (bytes_of(request.operands[1]) == 0) return;
  const std::byte* part = bytes_at(request.operands[1]);
  for (Int i = 0; i < from.outer; ++i) {
    std::byte* row = mutable_bytes_at(request.results[0]) + i * from.size * from.inner_bytes;
    const Int piece = step == 1 ? range.count * from.inner_bytes : from.inner_bytes;
    const Int pieces = step == 1 ? 1 : range.count;
    for (Int j = 0; j < pieces; ++j, part += piece) {
      copy(row + (range.begin + j * step) * from.inner_bytes, part, piece);
    }
  }
}

void evaluate_gather(const Request& request) {
  const View& indices = request.operands[1];
  const Around from = around(request.operands[0], request.attrs.integer("axis"));
  const Int count = indices.shape.size();
  // Every index is checked, also where nothing is copied.
  for (Int i = 0; i < count; ++i) {
    const Int index = index_at(indices, i);
    if (index < -from.size || index >= from.size) {
      fail_index(request.opcode, index, -from.size, from.size);
    }
  }
  if (bytes_of(request.results[0]) == 0) return;
  std::byte* to = mutable_bytes_at(request.results[0]);
  for (Int o = 0; o < from.outer; ++o) {
    const std::byte* row = bytes_at(request.operands[0]) + o * from.size * from.inner_bytes;
    for (Int i = 0; i < count; ++i, to += from.inner_bytes) {
      const Int index = index_at(indices, i);
      copy(to, row + (index < 0 ? index + from.size : index) * from.inner_bytes, from.inner_bytes);
    }
  }
}

void evaluate_one_hot(const Request& request) {
  const View& indices = request.operands[0];
  const View& result = request.results[0];
  const Int depth = request.attrs.integer("depth");
  const Int count = indices.shape.size();
  const std::size_t bytes = bytes_of(result);
  if (bytes > 0) std::memset(result.data, 0, bytes);
  for (Int i = 0; i < count; ++i) {
    const Int index = index_at(indices, i);
    if (index < 0 || index >= depth) fail_index(request.opcode, index, 0, depth);
    const Int at = i * depth + index;
    switch (result.dtype) {
      case DType::f32: static_cast<float*>(result.data)[at] = 1; break;
      case DType::f64: static_cast<double*>(result.data)[at] = 1; break;
      case DType::i32: static_cast<std::int32_t*>(result.data)[at] = 1; break;
      case DType::i64: static_cast<Int*>(result.data)[at] = 1; break;
      case DType::boolean: static_cast<std::uint8_t*>(result.data)[at] = 1; break;
    }
  }
}

}  // namespace mlpjit::interp
