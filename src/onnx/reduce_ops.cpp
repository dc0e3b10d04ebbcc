// Reductions of ONNX.

#include <limits>

#include "mlpjit/create.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

struct Reduction {
  Tensor x;
  Axes axes;  // all of them, where the node names none
  bool keepdims = true;
  bool nothing = false;  // no axis at all: the elements themselves
};

// Axes became an input: of ReduceSum with operator set 13, of the others with 18.
Reduction reduction_of(const Call& call) {
  Reduction reduction{call.x(0), {}, call.i("keepdims", 1) != 0};
  const std::int64_t from = call.node().op == "ReduceSum" ? 13 : 18;
  std::vector<std::int64_t> axes = call.ints("axes");
  if (call.version() >= from && call.has(1)) axes = call.ints(1, "axes");
  for (const std::int64_t axis : axes)
    reduction.axes.push_back(call.axis(axis, reduction.x.rank()));
  if (axes.empty()) {
    reduction.nothing = call.i("noop_with_empty_axes", 0) != 0;
    for (int axis = 0; axis < reduction.x.rank(); ++axis) reduction.axes.push_back(axis);
  }
  return reduction;
}

using Reduce = std::function<Tensor(const Reduction&)>;
// `alone` is what it makes of an element that is reduced with no other.
Definition reducing(Reduce reduce, std::function<Tensor(const Tensor&)> alone = nullptr) {
  return [=](const Call& call) {
    const Reduction reduction = reduction_of(call);
    if (reduction.nothing) return one(alone ? alone(reduction.x) : reduction.x);
    const Tensor result = reduce(reduction);
    return one(result.dtype() == reduction.x.dtype() ? result : cast(result, reduction.x.dtype()));
  };
}

// Of integers the functions that have fractions are calculated in f64.
Reduction in_floating_point(Reduction r) {
  if (r.x.dtype() == DType::i32 || r.x.dtype() == DType::i64) r.x = cast(r.x, DType::f64);
  return r;
}

Tensor sum_of(const Reduction& r, const Tensor& x) {
  return sum(x, r.axes, r.keepdims);
}

// Whether there is nothing to reduce.
bool is_empty(const Reduction& r) {
  for (const int axis : r.axes) {
    if (identical(r.x.shape()[axis], Dim(0))) return true;
  }
  return false;
}

Tensor extreme(const Reduction& r, bool largest) {
  if (is_empty(r)) {  // the least or the largest number
    const double infinity = std::numeric_limits<double>::infinity();
    const bool boolean = r.x.dtype() == DType::boolean;
    const double limit = largest ? (boolean ? 0 : -infinity) : (boolean ? 1 : infinity);
    const Tensor zeros = sum_of(r, cast(r.x, DType::f64));
    return cast(zeros + full({}, limit, DType::f64), r.x.dtype());
  }
  const Tensor x = r.x.dtype() == DType::boolean ? cast(r.x, DType::i32) : r.x;
  return largest ? max(x, r.axes, r.keepdims) : min(x, r.axes, r.keepdims);
}

// log(sum(exp(x))) without overflow: the largest is taken out, where it is a number.
Tensor log_sum_exp(const Reduction& given) {
  const Reduction r = in_floating_point(given);
  if (is_empty(r)) return log(sum_of(r, r.x));
  const Tensor largest = max(r.x, r.axes, true);
  const Tensor infinity = number(std::numeric_limits<double>::infinity(), r.x);
  const Tensor shift = where(abs(largest) == infinity, number(0, r.x), largest);
  const Tensor total = log(sum(exp(r.x - shift), r.axes, true)) + shift;
  return r.keepdims ? total : squeeze(total, r.axes);
}

Tensor reduced_extreme(const Call& call, bool largest) {
  Tensor x = call.x(0);
  const int axis = call.axis(call.i("axis", 0), x.rank());
  const bool keepdims = call.i("keepdims", 1) != 0;
  if (x.dtype() == DType::boolean) x = cast(x, DType::i32);
  const auto arg = [&](const Tensor& of) {
    return largest ? argmax(of, axis, keepdims) : argmin(of, axis, keepdims);
  };
  if (call.i("select_last_index", 0) == 0) return arg(x);
  // The first from the other end.
  const Dim whole = x.shape()[axis];
  if (!whole.is_static()) call.unsupported("select_last_index on an axis whose size is not known");
  const std::int64_t last = whole.offset() - 1;
  const Tensor from_end = full({}, static_cast<double>(last), DType::i64) -
                          arange(static_cast<double>(whole.offset()), DType::i64);
  return full({}, static_cast<double>(last), DType::i64) - arg(gather(x, from_end, axis));
}

Tensor length(const Reduction& given) {
  const Reduction r = in_floating_point(given);
  return sqrt(sum_of(r, r.x * r.x));
}

// The axes of LpNormalization and its kin: one, kept.
Values lp_normalization(const Call& call) {
  const Tensor x = call.x(0);
  const int axis = call.axis(call.i("axis", -1), x.rank());
  const Tensor size = call.i("p", 2) == 1 ? sum(abs(x), axis, true) : sqrt(sum(x * x, axis, true));
  return one(where(size == number(0, x), number(0, x), x / size));
}

Values mean_variance_normalization(const Call& call) {
  const Tensor x = call.x(0);
  std::vector<std::int64_t> axes = call.ints("axes");
  if (axes.empty()) axes = {0, 2, 3};
  const Axes over(axes.begin(), axes.end());
  const Tensor centred = x - mean(x, over, true);
  return one(centred / sqrt(mean(centred * centred, over, true) + number(1e-9, x)));
}

}  // namespace

std::vector<OpDefinition> reduce_ops() {
  const auto absolute = [](const Tensor& x) { return abs(x); };
  const auto square = [](const Tensor& x) { return x * x; };
  const auto logarithm = [](const Tensor& x) { return log(x); };
  return {
      {"ReduceSum", reducing([](const Reduction& r) { return sum_of(r, r.x); })},
      {"ReduceProd", reducing([](const Reduction& r) { return prod(r.x, r.axes, r.keepdims); })},
      {"ReduceMean", reducing([](const Reduction& given) {
         const Reduction r = in_floating_point(given);
         return mean(r.x, r.axes, r.keepdims);
       })},
      {"ReduceMax", reducing([](const Reduction& r) { return extreme(r, true); })},
      {"ReduceMin", reducing([](const Reduction& r) { return extreme(r, false); })},
      {"ReduceL1", reducing([](const Reduction& r) { return sum_of(r, abs(r.x)); }, absolute)},
      {"ReduceL2", reducing(length, absolute)},
      {"ReduceSumSquare",
       reducing([](const Reduction& r) { return sum_of(r, r.x * r.x); }, square)},
      {"ReduceLogSum", reducing(
                           [](const Reduction& given) {
                             const Reduction r = in_floating_point(given);
                             return log(sum_of(r, r.x));
                           },
                           logarithm)},
      {"ReduceLogSumExp", reducing(log_sum_exp)},
      {"ArgMax", [](const Call& call) { return one(reduced_extreme(call, true)); }},
      {"ArgMin", [](const Call& call) { return one(reduced_extreme(call, false)); }},
      {"LpNormalization", lp_normalization},
      {"MeanVarianceNormalization", mean_variance_normalization},
  };
}

}  // namespace mlpjit::onnx
