// The conversion of numbers that fails rather than change one.

#include <type_traits>

#include "lib/interp/families.h"
#include "lib/support/number_range.h"
#include "mlpjit/error.h"

namespace mlpjit::interp {
namespace {

template <class From, class To>
void narrow_all(const Request& request) {
  const View& from = request.operands[0];
  const View& to = request.results[0];
  const auto* x = static_cast<const From*>(from.data);
  auto* y = static_cast<To*>(to.data);
  using Number = std::conditional_t<std::is_integral_v<From>, std::int64_t, double>;
  const std::int64_t count = from.shape.size();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto number = static_cast<Number>(x[i]);
    if (!support::holds(to.dtype, number))
      throw ValueError("narrow: " + support::misfit_text(number, to.dtype));
    y[i] = static_cast<To>(number);
  }
}

template <class From>
void narrow_from(const Request& request) {
  if (request.results[0].dtype == DType::i32) return narrow_all<From, std::int32_t>(request);
  narrow_all<From, std::int64_t>(request);
}

}  // namespace

void evaluate_narrow(const Request& request) {
  switch (request.operands[0].dtype) {
    case DType::f32: return narrow_from<float>(request);
    case DType::f64: return narrow_from<double>(request);
    case DType::i32: return narrow_from<std::int32_t>(request);
    case DType::i64: return narrow_from<std::int64_t>(request);
    case DType::boolean: break;  // infer refuses it
  }
}

}  // namespace mlpjit::interp
