// Dispatch, broadcasting and the element-wise rules. Eager execution infers at every op: the common
// case (equal shapes) costs two comparisons and the vector that is returned.

#include "lib/ir/infer.h"

#include <algorithm>

#include "lib/ir/infer_rules.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

constexpr InferRule kRules[] = {
#define MLPJIT_OP(name, surface, arity, results, rule, ...) &infer_##rule,
#include "mlpjit/detail/ops.def"
};

std::string list_types(std::span<const Type> types) {
  std::string text;
  for (std::size_t i = 0; i < types.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == types.size() ? " and " : ", ") + to_string(types[i]);
  }
  return text;
}

[[noreturn]] void fail_broadcast(std::string_view op, const Shape& a, const Shape& b, const Dim& x,
                                 const Dim& y) {
  std::string text = "expected shapes that broadcast, got " + to_string(a) + " and " +
                     to_string(b) + ": " + to_string(x) + " against " + to_string(y);
  if (!x.is_static() || !y.is_static()) {
    text += " is not known to be equal; give both the same symbol, or a known size";
  } else {
    text +=
        "; sizes must be equal or 1, counted from the last axis; use reshape, expand_dims or "
        "transpose";
  }
  fail_shape(op, text);
}

Shape broadcast_two(std::string_view op, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result;
  for (int i = 0; i < rank; ++i) {
    const int from_a = i - (rank - a.rank());
    const int from_b = i - (rank - b.rank());
    if (from_a < 0) {
      result.push_back(b[from_b]);
    } else if (from_b < 0) {
      result.push_back(a[from_a]);
    } else {
      const Dim x = a[from_a], y = b[from_b];
      if (identical(x, y) || identical(y, 1)) {
        result.push_back(x);
      } else if (identical(x, 1)) {
        result.push_back(y);
      } else {
        fail_broadcast(op, a, b, x, y);
      }
    }
  }
  return result;
}

Shape broadcast_operands(const InferRequest& request) {
  Shape shape = request[0].shape;
  for (std::size_t i = 1; i < request.operands.size(); ++i) {
    if (!identical(request[i].shape, shape)) {
      shape = broadcast_two(to_string(request.opcode), shape, request[i].shape);
    }
  }
  return shape;
}

std::vector<Type> infer_nothing(const InferRequest& request) {
  throw InternalError(request.op() + " has no rule over plain types");
}

}  // namespace

void fail_shape(std::string_view op, const std::string& what) {
  throw ShapeError(std::string(op) + ": " + what);
}

void fail_dtype(std::string_view op, const std::string& what) {
  throw DTypeError(std::string(op) + ": " + what);
}

void require_tensors(const InferRequest& request) {
  for (const Type& type : request.operands) {
    if (type.token) {
      fail_dtype(to_string(request.opcode),
                 "expected tensors, got a token; tokens only order effects");
    }
  }
}

void require_same_dtype(const InferRequest& request) {
  require_tensors(request);
  for (const Type& type : request.operands) {
    if (type.dtype != request[0].dtype) {
      fail_dtype(to_string(request.opcode), "expected operands of one dtype, got " +
                                                list_types(request.operands) +
                                                "; use cast on one of them");
    }
  }
}

void require_numeric(const InferRequest& request) {
  require_same_dtype(request);
  if (!request.operands.empty() && request[0].dtype == DType::boolean) {
    fail_dtype(to_string(request.opcode), "expected numbers, got " + list_types(request.operands) +
                                              "; use cast to i64 or f32 first, or the logical ops");
  }
}

void require_floating(const InferRequest& request) {
  require_same_dtype(request);
  if (request.operands.empty() || is_floating(request[0].dtype)) return;
  std::string text = "expected f32 or f64, got " + list_types(request.operands);
  text += request.opcode == Opcode::divide && is_integer(request[0].dtype)
              ? "; use floor_divide for the integer quotient, or cast to f32 or f64 first"
              : "; use cast to f32 or f64 first";
  fail_dtype(to_string(request.opcode), text);
}

int checked_axis(const InferRequest& request, std::int64_t axis, int rank) {
  if (rank == 0) {
    fail_shape(to_string(request.opcode), "expected an operand with axes, got " +
                                              to_string(request[0]) +
                                              "; give it one by reshape or expand_dims");
  }
  if (axis < 0 || axis >= rank) {
    fail_shape(to_string(request.opcode), "expected an axis from 0 to " + std::to_string(rank - 1) +
                                              ", got " + std::to_string(axis) + " for " +
                                              to_string(request[0]));
  }
  return static_cast<int>(axis);
}

Shape broadcast(std::string_view op, std::span<const Shape> shapes) {
  Shape result;
  for (const Shape& shape : shapes) {
    if (!identical(shape, result)) result = broadcast_two(op, result, shape);
  }
  return result;
}

std::vector<Type> infer(Opcode opcode, std::span<const Type> operands, const Attrs& attrs) {
  const OpInfo& op = info(opcode);
  if (op.arity >= 0 && operands.size() != static_cast<std::size_t>(op.arity)) {
    throw InternalError(std::string(op.name) + ": expected " + std::to_string(op.arity) +
                        " operands, got " + std::to_string(operands.size()));
  }
  return kRules[static_cast<std::size_t>(opcode)]({opcode, operands, attrs});
}

std::vector<Type> infer_arithmetic(const InferRequest& request) {
  require_numeric(request);
  return one_type(request[0].dtype, broadcast_operands(request));
}

std::vector<Type> infer_float_binary(const InferRequest& request) {
  require_floating(request);
  return one_type(request[0].dtype, broadcast_operands(request));
}

std::vector<Type> infer_numeric_unary(const InferRequest& request) {
  require_numeric(request);
  return one_type(request[0].dtype, request[0].shape);
}

std::vector<Type> infer_float_unary(const InferRequest& request) {
  require_floating(request);
  return one_type(request[0].dtype, request[0].shape);
}

std::vector<Type> infer_comparison(const InferRequest& request) {
  require_same_dtype(request);
  return one_type(DType::boolean, broadcast_operands(request));
}

std::vector<Type> infer_logical(const InferRequest& request) {
  require_tensors(request);
  for (const Type& type : request.operands) {
    if (type.dtype != DType::boolean) {
      fail_dtype(to_string(request.opcode), "expected bool, got " + list_types(request.operands) +
                                                "; use cast to bool, or compare with not_equal");
    }
  }
  return one_type(DType::boolean, broadcast_operands(request));
}

std::vector<Type> infer_where(const InferRequest& request) {
  require_tensors(request);
  if (request[0].dtype != DType::boolean) {
    fail_dtype("where", "expected a bool condition, got " + to_string(request[0]) +
                            "; use cast to bool, or compare with not_equal");
  }
  if (request[1].dtype != request[2].dtype) {
    fail_dtype("where", "expected two choices of one dtype, got " +
                            list_types(request.operands.subspan(1)) + "; use cast on one of them");
  }
  return one_type(request[1].dtype, broadcast_operands(request));
}

std::vector<Type> infer_cast(const InferRequest& request) {
  require_tensors(request);
  return one_type(request.attrs.get<DType>("dtype"), request[0].shape);
}

std::vector<Type> infer_narrow(const InferRequest& request) {
  require_numeric(request);
  const DType dtype = request.attrs.get<DType>("dtype");
  if (!is_integer(dtype)) {
    fail_dtype("narrow",
               "expected dtype i32 or i64, got " + std::string(to_string(dtype)) + "; use cast");
  }
  return one_type(dtype, request[0].shape);
}

std::vector<Type> infer_constant(const InferRequest& request) {
  const Literal& value = request.attrs.get<Literal>("value");
  return one_type(value.dtype, value.shape);
}

std::vector<Type> infer_random(const InferRequest& request) {
  require_tensors(request);
  if (request[0].dtype != DType::i64 || !identical(request[0].shape, Shape{2})) {
    fail_shape(to_string(request.opcode),
               "expected the state i64[2] {seed, draw number}, got " + to_string(request[0]));
  }
  const DType dtype = request.attrs.get<DType>("dtype");
  if (!is_floating(dtype)) {
    fail_dtype(to_string(request.opcode), "expected dtype f32 or f64, got " +
                                              std::string(to_string(dtype)) +
                                              "; draw floats, then use cast");
  }
  std::vector<Type> types = one_type(dtype, request.attrs.get<Shape>("shape"));
  types.push_back(request[0]);
  return types;
}

std::vector<Type> infer_print(const InferRequest& request) {
  const std::size_t count = request.operands.size();
  if (count < 1 || count > 2 || !request[0].token || (count == 2 && request[1].token)) {
    fail_dtype("print", "expected a token and at most one tensor, got " +
                            (count == 0 ? std::string("nothing") : list_types(request.operands)));
  }
  return {Type::make_token()};
}

std::vector<Type> infer_call(const InferRequest& request) {
  return infer_nothing(request);
}
std::vector<Type> infer_cond(const InferRequest& request) {
  return infer_nothing(request);
}
std::vector<Type> infer_while_loop(const InferRequest& request) {
  return infer_nothing(request);
}
std::vector<Type> infer_scan(const InferRequest& request) {
  return infer_nothing(request);
}
std::vector<Type> infer_fusion(const InferRequest& request) {
  return infer_nothing(request);
}

}  // namespace mlpjit::ir
