// Type rules of contractions, reductions and normalisations.

#include <algorithm>

#include "lib/ir/infer.h"
#include "lib/ir/infer_rules.h"

namespace mlpjit::ir {
namespace {

void require_matching(std::string_view op, const Type& a, const Type& b, const Dim& x, const Dim& y,
                      const char* hint) {
  if (identical(x, y)) return;
  fail_shape(op, "expected equal inner sizes, got " + to_string(a) + " and " + to_string(b) + ": " +
                     to_string(x) + " against " + to_string(y) + hint);
}

Shape leading(const Shape& shape, int count) {
  Shape result;
  for (int i = 0; i < count; ++i) result.push_back(shape[i]);
  return result;
}

// The shape left by a reduction.
Shape reduced(const InferRequest& request) {
  const Shape& shape = request[0].shape;
  const std::vector<std::int64_t>& axes = request.attrs.integers("axes");
  const bool keepdims = request.attrs.flag("keepdims");
  Shape result;
  std::size_t next = 0;
  std::int64_t previous = -1;
  for (std::int64_t axis : axes) {
    checked_axis(request, axis, shape.rank());
    if (axis <= previous) {
      fail_shape(to_string(request.opcode), "expected axes in ascending order, each once, got " +
                                                std::to_string(axis) + " after " +
                                                std::to_string(previous));
    }
    previous = axis;
  }
  for (int i = 0; i < shape.rank(); ++i) {
    if (next < axes.size() && axes[next] == i) {
      ++next;
      if (keepdims) result.push_back(Dim(1));
    } else {
      result.push_back(shape[i]);
    }
  }
  return result;
}

}  // namespace

std::vector<Type> infer_matmul(const InferRequest& request) {
  require_numeric(request);
  const Shape& a = request[0].shape;
  const Shape& b = request[1].shape;
  if (a.rank() == 0 || b.rank() == 0) {
    fail_shape("matmul", "expected tensors of at least one axis, got " + to_string(request[0]) +
                             " and " + to_string(request[1]) + "; use * to multiply by a scalar");
  }
  const Dim inner_b = b.rank() == 1 ? b[0] : b[-2];
  require_matching(
      "matmul", request[0], request[1], a[-1], inner_b,
      "; the last axis of the first meets the second-last of the second; use transpose");
  Shape result;
  if (a.rank() > 2 || b.rank() > 2) {
    const Shape batches[] = {leading(a, std::max(0, a.rank() - 2)),
                             leading(b, std::max(0, b.rank() - 2))};
    result = broadcast("matmul", batches);
  }
  if (a.rank() > 1) result.push_back(a[-2]);
  if (b.rank() > 1) result.push_back(b[-1]);
  return one_type(request[0].dtype, std::move(result));
}

std::vector<Type> infer_dense(const InferRequest& request) {
  const std::size_t count = request.operands.size();
  if (count != 2 && count != 3) {
    fail_shape("dense", "expected x, weight and an optional bias, got " + std::to_string(count) +
                            " operands");
  }
  require_numeric(request);
  const Shape& x = request[0].shape;
  const Shape& weight = request[1].shape;
  if (x.rank() == 0) {
    fail_shape("dense", "expected x [..., K], got " + to_string(request[0]) + "; use reshape");
  }
  if (weight.rank() != 2) {
    fail_shape("dense", "expected a weight [N, K], got " + to_string(request[1]));
  }
  require_matching(
      "dense", request[0], request[1], x[-1], weight[1],
      "; x is [..., K] and the weight [N, K] (outputs first); use transpose or reshape");
  if (count == 3 && !(request[2].shape.rank() == 1 && identical(request[2].shape[0], weight[0]))) {
    fail_shape("dense", "expected a bias [" + to_string(weight[0]) + "] for the weight " +
                            to_string(request[1]) + ", got " + to_string(request[2]));
  }
  Shape result = leading(x, x.rank() - 1);
  result.push_back(weight[0]);
  return one_type(request[0].dtype, std::move(result));
}

std::vector<Type> infer_sum(const InferRequest& request) {
  require_tensors(request);
  const DType dtype = is_floating(request[0].dtype) ? request[0].dtype : DType::i64;
  return one_type(dtype, reduced(request));
}

std::vector<Type> infer_mean(const InferRequest& request) {
  require_tensors(request);
  const DType dtype = is_floating(request[0].dtype) ? request[0].dtype : DType::f32;
  return one_type(dtype, reduced(request));
}

std::vector<Type> infer_extreme(const InferRequest& request) {
  require_numeric(request);
  return one_type(request[0].dtype, reduced(request));
}

std::vector<Type> infer_arg_extreme(const InferRequest& request) {
  require_numeric(request);
  return one_type(DType::i64, reduced(request));
}

std::vector<Type> infer_softmax(const InferRequest& request) {
  require_floating(request);
  checked_axis(request, request.attrs.integer("axis"), request[0].shape.rank());
  return one_type(request[0].dtype, request[0].shape);
}

std::vector<Type> infer_layer_norm(const InferRequest& request) {
  require_floating(request);
  const Shape& x = request[0].shape;
  if (x.rank() == 0) {
    fail_shape("layer_norm", "expected x [..., N], got " + to_string(request[0]) + "; use reshape");
  }
  for (int i = 1; i <= 2; ++i) {
    const Shape& scale = request[static_cast<std::size_t>(i)].shape;
    if (scale.rank() != 1 || !identical(scale[0], x[-1])) {
      fail_shape("layer_norm", "expected " + std::string(i == 1 ? "gamma" : "beta") + " [" +
                                   to_string(x[-1]) + "], the last axis of " +
                                   to_string(request[0]) + ", got " + to_string(scale));
    }
  }
  return one_type(request[0].dtype, x);
}

}  // namespace mlpjit::ir
