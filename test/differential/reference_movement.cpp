#include <cstring>

#include "lib/ir/opcodes.h"
#include "test/differential/reference.h"

namespace mlpjit::reference {
namespace {

using Coordinates = std::vector<std::int64_t>;

void copy_element(const Array& from, std::int64_t i, Array& to, std::int64_t j) {
  const std::size_t size = size_of(from.dtype);
  std::memcpy(to.bytes.data() + static_cast<std::size_t>(j) * size,
              from.bytes.data() + static_cast<std::size_t>(i) * size, size);
}

// out[at] = in[source(at)]
template <class Source>
void map(const Array& in, Array& out, Source source) {
  for (std::int64_t i = 0; i < out.size(); ++i) {
    copy_element(in, offset(source(coordinates(i, out.shape)), in.shape), out, i);
  }
}

void concat(const std::vector<Array>& in, std::size_t axis, Array& out) {
  std::int64_t start = 0;
  for (const Array& part : in) {
    for (std::int64_t i = 0; i < part.size(); ++i) {
      Coordinates at = coordinates(i, part.shape);
      at[axis] += start;
      copy_element(part, i, out, offset(at, out.shape));
    }
    start += part.shape[axis];
  }
}

void split(const Array& in, std::size_t axis, std::vector<Array>& out) {
  std::int64_t start = 0;
  for (Array& part : out) {
    map(in, part, [&](Coordinates at) {
      at[axis] += start;
      return at;
    });
    start += part.shape[axis];
  }
}

std::int64_t index_at(const Array& indices, std::int64_t i) {
  return indices.dtype == DType::i32 ? indices.as<std::int32_t>()[i]
                                     : indices.as<std::int64_t>()[i];
}

void gather(const Array& in, const Array& indices, std::size_t axis, Array& out) {
  map(in, out, [&](const Coordinates& at) {
    const std::size_t rank = indices.shape.size();
    const Coordinates where(at.begin() + static_cast<std::ptrdiff_t>(axis),
                            at.begin() + static_cast<std::ptrdiff_t>(axis + rank));
    std::int64_t index = index_at(indices, offset(where, indices.shape));
    if (index < 0) index += in.shape[axis];
    Coordinates source(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(axis));
    source.push_back(index);
    source.insert(source.end(), at.begin() + static_cast<std::ptrdiff_t>(axis + rank), at.end());
    return source;
  });
}

void one_hot(const Array& indices, Array& out) {
  const std::int64_t depth = out.shape.back();
  for (std::int64_t i = 0; i < indices.size(); ++i) {
    for (std::int64_t d = 0; d < depth; ++d) {
      const bool hot = index_at(indices, i) == d;
      with_type(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        out.as<T>()[i * depth + d] = static_cast<T>(hot);
      });
    }
  }
}

void slice_update(const Array& in, const Array& value, const ir::Attrs& attrs, Array& out) {
  out.bytes = in.bytes;
  const auto axis = static_cast<std::size_t>(attrs.integer("axis"));
  for (std::int64_t i = 0; i < value.size(); ++i) {
    Coordinates at = coordinates(i, value.shape);
    at[axis] = attrs.integer("begin") + at[axis] * attrs.integer("step");
    copy_element(value, i, out, offset(at, out.shape));
  }
}

}  // namespace

bool movement(ir::Opcode opcode, const ir::Attrs& attrs, const std::vector<Array>& in,
              std::vector<Array>& out) {
  using ir::Opcode;
  const auto axis = [&] { return static_cast<std::size_t>(attrs.integer("axis")); };
  switch (opcode) {
    case Opcode::constant: {
      const auto& literal = attrs.get<ir::Literal>("value");
      if (!out[0].bytes.empty())
        std::memcpy(out[0].bytes.data(), literal.data(), out[0].bytes.size());
      return true;
    }
    case Opcode::reshape: out[0].bytes = in[0].bytes; return true;
    case Opcode::transpose: {
      const auto& order = attrs.integers("permutation");
      map(in[0], out[0], [&](const Coordinates& at) {
        Coordinates source(at.size());
        for (std::size_t d = 0; d < at.size(); ++d)
          source[static_cast<std::size_t>(order[d])] = at[d];
        return source;
      });
      return true;
    }
    case Opcode::broadcast_to:
      for (std::int64_t i = 0; i < out[0].size(); ++i) {
        copy_element(in[0], broadcast_offset(coordinates(i, out[0].shape), in[0].shape), out[0], i);
      }
      return true;
    case Opcode::concat: concat(in, axis(), out[0]); return true;
    case Opcode::split: split(in[0], axis(), out); return true;
    case Opcode::slice:
      map(in[0], out[0], [&](Coordinates at) {
        at[axis()] = attrs.integer("begin") + at[axis()] * attrs.integer("step");
        return at;
      });
      return true;
    case Opcode::slice_update: slice_update(in[0], in[1], attrs, out[0]); return true;
    case Opcode::gather: gather(in[0], in[1], axis(), out[0]); return true;
    case Opcode::one_hot: one_hot(in[0], out[0]); return true;
    default: return false;
  }
}

}  // namespace mlpjit::reference
