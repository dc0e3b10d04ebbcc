#pragma once
// The type rules, one per `rule` of the op table, and what they share. Internal to lib/ir.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/attr.h"
#include "lib/ir/opcode.h"

namespace mlpjit::ir {

struct InferRequest {
  Opcode opcode;
  std::span<const Type> operands;
  const Attrs& attrs;

  std::string op() const { return std::string(to_string(opcode)); }
  const Type& operator[](std::size_t i) const { return operands[i]; }
};

// Messages start with the op; `what` says expected, actual and the way out.
[[noreturn]] void fail_shape(std::string_view op, const std::string& what);
[[noreturn]] void fail_dtype(std::string_view op, const std::string& what);

void require_tensors(const InferRequest& request);
// Floating operands of one dtype / numbers (not bools) of one dtype.
void require_floating(const InferRequest& request);
void require_numeric(const InferRequest& request);
void require_same_dtype(const InferRequest& request);

inline std::vector<Type> one_type(DType dtype, Shape shape) {
  std::vector<Type> types;
  types.reserve(1);
  types.push_back(Type{dtype, std::move(shape), false});
  return types;
}

int checked_axis(const InferRequest& request, std::int64_t axis, int rank);

using InferRule = std::vector<Type> (*)(const InferRequest&);

std::vector<Type> infer_arithmetic(const InferRequest&);
std::vector<Type> infer_float_binary(const InferRequest&);
std::vector<Type> infer_numeric_unary(const InferRequest&);
std::vector<Type> infer_float_unary(const InferRequest&);
std::vector<Type> infer_comparison(const InferRequest&);
std::vector<Type> infer_logical(const InferRequest&);
std::vector<Type> infer_where(const InferRequest&);
std::vector<Type> infer_cast(const InferRequest&);
std::vector<Type> infer_narrow(const InferRequest&);
std::vector<Type> infer_matmul(const InferRequest&);
std::vector<Type> infer_dense(const InferRequest&);
std::vector<Type> infer_sum(const InferRequest&);
std::vector<Type> infer_mean(const InferRequest&);
std::vector<Type> infer_extreme(const InferRequest&);
std::vector<Type> infer_arg_extreme(const InferRequest&);
std::vector<Type> infer_softmax(const InferRequest&);
std::vector<Type> infer_layer_norm(const InferRequest&);
std::vector<Type> infer_reshape(const InferRequest&);
std::vector<Type> infer_transpose(const InferRequest&);
std::vector<Type> infer_broadcast_to(const InferRequest&);
std::vector<Type> infer_concat(const InferRequest&);
std::vector<Type> infer_split(const InferRequest&);
std::vector<Type> infer_slice(const InferRequest&);
std::vector<Type> infer_slice_update(const InferRequest&);
std::vector<Type> infer_gather(const InferRequest&);
std::vector<Type> infer_one_hot(const InferRequest&);
std::vector<Type> infer_constant(const InferRequest&);
std::vector<Type> infer_random(const InferRequest&);
std::vector<Type> infer_print(const InferRequest&);
// Structure is typed by infer_structured, calls by their callee.
std::vector<Type> infer_call(const InferRequest&);
std::vector<Type> infer_cond(const InferRequest&);
std::vector<Type> infer_while_loop(const InferRequest&);
std::vector<Type> infer_scan(const InferRequest&);
std::vector<Type> infer_fusion(const InferRequest&);

}  // namespace mlpjit::ir
