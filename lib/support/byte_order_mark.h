#pragma once
// The byte order mark, which some editors put in front of a text.

#include <string_view>

namespace mlpjit::support {

// The text behind the byte-order mark of UTF-8, if it begins with one. Throws FormatError, with
// `place` in front, on that of another encoding.
std::string_view without_byte_order_mark(std::string_view text, std::string_view place);

}  // namespace mlpjit::support
