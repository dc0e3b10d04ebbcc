#include "lib/support/byte_order_mark.h"

#include <string>

#include "mlpjit/error.h"

namespace mlpjit::support {

std::string_view without_byte_order_mark(std::string_view text, std::string_view place) {
  constexpr std::string_view kUtf8 = "\xef\xbb\xbf";
  if (text.starts_with(kUtf8)) return text.substr(kUtf8.size());
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    throw FormatError(std::string(place) +
                      ": expected a text in UTF-8, found the byte-order mark of UTF-16 or UTF-32; "
                      "save it as UTF-8");
  }
  return text;
}

}  // namespace mlpjit::support
