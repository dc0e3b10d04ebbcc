#include "lib/support/number_range.h"

#include <fmt/format.h>

namespace mlpjit::support {
namespace {

template <class Number>
std::string text_of(Number number, DType dtype) {
  return fmt::format(
      "the number {} does not fit {} ({}); use a dtype that holds it, as in cast(x, DType::{}), or "
      "say that it may change: cast({}, DType::{})",
      number, to_string(dtype),
      dtype == DType::i32 ? "-2147483648 to 2147483647"
                          : "-9223372036854775808 to 9223372036854775807",
      dtype == DType::i32 && holds(DType::i64, number) ? "i64" : "f32", number, to_string(dtype));
}

}  // namespace

std::string misfit_text(std::int64_t number, DType dtype) {
  return text_of(number, dtype);
}
std::string misfit_text(double number, DType dtype) {
  return text_of(number, dtype);
}

}  // namespace mlpjit::support
