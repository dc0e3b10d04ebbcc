// From an op to its definition. No include guard: see elementwise.h.

#define MLPJIT_NUMERICS_CALL_unary(name) name(b, operands[0])
#define MLPJIT_NUMERICS_CALL_binary(name) name(b, operands[0], operands[1])
#define MLPJIT_NUMERICS_CALL_ternary(name) name(b, operands[0], operands[1], operands[2])
#define MLPJIT_NUMERICS_CALL_alpha(name) name(b, operands[0], constant(b, params.alpha))
#define MLPJIT_NUMERICS_CALL_range(name) \
  name(b, operands[0], constant(b, params.min), constant(b, params.max))

// One float op (is_float_function) on its operands.
template <ir::Opcode opcode, class B>
MLPJIT_NUMERICS_FN typename B::Value apply(const B& b, const typename B::Value* operands,
                                           [[maybe_unused]] const Params& params) {
  static_assert(is_float_function(opcode));
#define MLPJIT_NUMERICS_FUNCTION(name, form, ...) \
  if constexpr (opcode == ir::Opcode::name) return MLPJIT_NUMERICS_CALL_##form(name);
#include "lib/ir/opcodes.h"
#include "lib/numerics/functions.def"
}

// The same for an op known only when running; throws InternalError for any other op.
template <class B>
MLPJIT_NUMERICS_FN typename B::Value apply(const B& b, ir::Opcode opcode,
                                           const typename B::Value* operands,
                                           const Params& params) {
  switch (opcode) {
#define MLPJIT_NUMERICS_FUNCTION(name, form, ...) \
  case ir::Opcode::name: return MLPJIT_NUMERICS_CALL_##form(name);
#include "lib/numerics/functions.def"
    default: throw InternalError("numerics: not an element-wise function on floats");
  }
}

#undef MLPJIT_NUMERICS_CALL_unary
#undef MLPJIT_NUMERICS_CALL_binary
#undef MLPJIT_NUMERICS_CALL_ternary
#undef MLPJIT_NUMERICS_CALL_alpha
#undef MLPJIT_NUMERICS_CALL_range

// One comparison (is_comparison). NaN is unequal to everything; all other comparisons with it are
// false.
template <ir::Opcode opcode, class B>
MLPJIT_NUMERICS_FN typename B::Mask compare(const B& b, typename B::Value x, typename B::Value y) {
  static_assert(is_comparison(opcode));
  if constexpr (opcode == ir::Opcode::equal) return b.eq(x, y);
  if constexpr (opcode == ir::Opcode::not_equal) return b.mnot(b.eq(x, y));
  if constexpr (opcode == ir::Opcode::less) return b.lt(x, y);
  if constexpr (opcode == ir::Opcode::less_equal) return b.le(x, y);
  if constexpr (opcode == ir::Opcode::greater) return b.lt(y, x);
  if constexpr (opcode == ir::Opcode::greater_equal) return b.le(y, x);
}

template <class B>
MLPJIT_NUMERICS_FN typename B::Mask compare(const B& b, ir::Opcode opcode, typename B::Value x,
                                            typename B::Value y) {
  switch (opcode) {
    case ir::Opcode::equal: return compare<ir::Opcode::equal>(b, x, y);
    case ir::Opcode::not_equal: return compare<ir::Opcode::not_equal>(b, x, y);
    case ir::Opcode::less: return compare<ir::Opcode::less>(b, x, y);
    case ir::Opcode::less_equal: return compare<ir::Opcode::less_equal>(b, x, y);
    case ir::Opcode::greater: return compare<ir::Opcode::greater>(b, x, y);
    case ir::Opcode::greater_equal: return compare<ir::Opcode::greater_equal>(b, x, y);
    default: throw InternalError("numerics: not a comparison");
  }
}
