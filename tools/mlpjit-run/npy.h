#pragma once
// The format .npy of numpy: a header, then the elements of one array. Versions 1, 2 and 3 are read,
// 1 is written.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/mlpjit-run/byte_source.h"

namespace mlpjit::run {

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";

enum class NpyKind : char {
  boolean = 'b',
  integer = 'i',
  natural = 'u',
  floating = 'f',
  text = 'U',  // UTF-32, filled up with zeros
  bytes = 'S'  // filled up with zeros
};

// Element type of an array.
struct NpyType {
  NpyKind kind = NpyKind::floating;
  std::size_t size = 4;  // bytes of an element
  bool big_endian = false;

  bool is_string() const { return kind == NpyKind::text || kind == NpyKind::bytes; }
  // Bytes that big endian has the other way round, at a time.
  std::size_t unit() const { return kind == NpyKind::text ? 4 : is_string() ? 1 : size; }
};

// As numpy writes it: "<f4".
std::string to_string(const NpyType& type);

// "(3, 4)"
std::string npy_shape(const std::vector<std::int64_t>& shape);

struct NpyHeader {
  NpyType type;
  std::vector<std::int64_t> shape;
  bool by_columns = false;  // the first axis fastest (Fortran's order), not the last

  std::int64_t rows() const { return shape[0]; }
  // Elements of one row.
  std::size_t columns() const;
  std::size_t row_bytes() const { return columns() * type.size; }
};

// Of an array that has rows. @throws UserError naming the source for what is no array, for one that
// has no rows, or whose elements are neither numbers nor strings.
NpyHeader read_npy_header(ByteSource& bytes);

// As many bytes for any number of rows.
std::string npy_header(const NpyHeader& header);

}  // namespace mlpjit::run
