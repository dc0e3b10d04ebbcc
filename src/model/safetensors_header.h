#pragma once
// The header of a safetensors file: parsed with limits, checked against the bytes there are, and
// written.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mlpjit::detail {

inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

// One tensor as the header describes it.
struct HeaderEntry {
  std::string name;
  std::string dtype;  // "F32"
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes after the header
};

struct Header {
  std::vector<HeaderEntry> entries;  // as in the file
  std::map<std::string, std::string> metadata;
};

// Throws FormatError "<file>: byte <n>: ..." on anything but a well-formed header without
// duplicates. `first_byte` is where `text` begins in the file.
Header parse_header(std::string_view text, const std::string& file, std::uint64_t first_byte);

// Sizes without overflow, and the ranges cover exactly `data_bytes`: no overlap, hole or remainder.
// Throws FormatError. Of a dtype that the format does not have nobody knows the bytes; whoever
// needs such a tensor refuses it.
void check_header(const Header& header, const std::string& file, std::uint64_t first_data_byte,
                  std::uint64_t data_bytes);

// Bytes of one element, 0 for a dtype the format does not have.
std::uint64_t safetensors_element_size(std::string_view dtype);

// JSON, padded with spaces to a multiple of eight bytes. Throws UserError on a name that is not
// UTF-8.
std::string format_header(const Header& header);

}  // namespace mlpjit::detail
