// The functions behind the surface of ops.h: arguments put into the form that the op table asks
// for.

#include "mlpjit/ops.h"

#include <algorithm>
#include <iostream>
#include <optional>

#include "lib/ir/infer.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/size_product.h"
#include "lib/support/float_env.h"
#include "lib/support/isa.h"
#include "src/ops/dispatch.h"
#include "src/record/recorder.h"

namespace mlpjit {

namespace {

ir::Opcode opcode(detail::OpName op) {
  return static_cast<ir::Opcode>(op);
}

std::string where_am_i(const char* op) {
  return detail::path_prefix() + op + ": ";
}

int normal_axis(int axis, int rank, const char* op) {
  if (rank == 0) {
    throw ShapeError(where_am_i(op) + "axis " + std::to_string(axis) +
                     " of a 0-d tensor, which has none; reshape(x, {1}) gives it one");
  }
  const int normal = axis < 0 ? axis + rank : axis;
  if (normal < 0 || normal >= rank) {
    throw ShapeError(where_am_i(op) + "axis " + std::to_string(axis) + " of a tensor of rank " +
                     std::to_string(rank) + "; expected an axis from " + std::to_string(-rank) +
                     " to " + std::to_string(rank - 1));
  }
  return normal;
}

std::vector<std::int64_t> normal_axes(const Axes* axes, int rank, const char* op) {
  std::vector<std::int64_t> normal;
  if (axes == nullptr) {
    for (int i = 0; i < rank; ++i) normal.push_back(i);
    return normal;
  }
  for (const int axis : *axes) normal.push_back(normal_axis(axis, rank, op));
  std::sort(normal.begin(), normal.end());
  if (std::adjacent_find(normal.begin(), normal.end()) != normal.end()) {
    throw ShapeError(where_am_i(op) + "an axis is given twice");
  }
  return normal;
}

// The dtype that weak scalars among the parts take: that of the others, or of the highest kind.
DType joined_dtype(const Tensors& parts, const char* op) {
  detail::WeakKind highest = detail::WeakKind::boolean;
  for (const Tensor& part : parts) {
    const detail::TensorImpl& impl = detail::impl_of(part, op);
    if (impl.weak == detail::WeakKind::none) return impl.dtype;
    highest = std::max(highest, impl.weak);
  }
  return detail::default_dtype(highest);
}

// logical ops take bools in the IR; anything else is compared with 0 first.
Tensor truth(const Tensor& x) {
  return x.dtype() == DType::boolean ? x : detail::cast(x, DType::boolean);
}

bool is_logical(detail::OpName op) {
  using detail::OpName;
  return op == OpName::logical_and || op == OpName::logical_or || op == OpName::logical_xor ||
         op == OpName::logical_not;
}

std::string dims_text(const std::vector<Dim>& dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) text += (i > 0 ? ", " : "") + to_string(dims[i]);
  return text + "]";
}

Shape resolve_shape(const Shape& from, const std::vector<Dim>& dims) {
  Shape shape;
  int open = -1;
  ir::SizeProduct known;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (identical(dims[i], -1)) {
      if (open >= 0) throw ShapeError(where_am_i("reshape") + "more than one size is -1");
      open = static_cast<int>(i);
      shape.push_back(Dim(0));
    } else {
      shape.push_back(dims[i]);
      known.multiply(dims[i]);
    }
  }
  const ir::SizeProduct total(from);
  if (open >= 0) {
    const std::optional<ir::SizeProduct> size = total.divided_by(known);
    if (!size) {
      throw ShapeError(where_am_i("reshape") + "the " + to_string(total) + " elements of " +
                       to_string(from) + " do not divide into " + dims_text(dims));
    }
    const std::optional<Dim> dim = size->as_dim();
    if (!dim) {
      throw ShapeError(where_am_i("reshape") + "-1 in " + dims_text(dims) + " stands for the " +
                       to_string(*size) + " of " + to_string(from) +
                       ", but one size of a program has one symbol at most, as in 3*B+1; keep an "
                       "axis for each symbol, or give all but one a known size");
    }
    shape.set(open, *dim);
  } else if (total != known) {
    throw ShapeError(where_am_i("reshape") + to_string(from) + " has " + to_string(total) +
                     " elements, " + dims_text(dims) + " asks for " + to_string(known));
  }
  return shape;
}

// A named size that may turn out to be 1 would be dropped by some calls of the program and kept by
// others.
void require_known_whether_one(const Shape& shape, int axis) {
  const Dim dim = shape[axis];
  if (dim.is_static()) return;
  const std::int64_t rest = 1 - dim.offset();
  if (rest % dim.coefficient() != 0 || rest / dim.coefficient() < 0) return;
  throw TraceError(where_am_i("squeeze") + "whether axis " + std::to_string(axis) + " of " +
                   to_string(shape) +
                   " has size 1 is not known while tracing; name the axes to drop, or trace with "
                   "an exact shape");
}

}  // namespace

namespace detail {

Tensor apply(OpName op, const Tensor& x) {
  if (is_logical(op)) {
    const Tensor bits = truth(x);
    return apply_one(opcode(op), {&bits});
  }
  return apply_one(opcode(op), {&x});
}

Tensor apply(OpName op, const Tensor& a, const Tensor& b) {
  if (is_logical(op)) {
    const Tensor x = truth(a), y = truth(b);
    return apply_one(opcode(op), {&x, &y});
  }
  return apply_one(opcode(op), {&a, &b});
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return apply_one(ir::Opcode::where, {&condition, &a, &b}, {}, 0b110);
}

Tensor clip(const Tensor& x, const Tensor& low, const Tensor& high) {
  return apply_one(ir::Opcode::clip, {&x, &low, &high});
}

Tensor gelu(const Tensor& x, bool tanh_form) {
  return apply_one(tanh_form ? ir::Opcode::gelu_tanh : ir::Opcode::gelu, {&x});
}

Tensor leaky_relu(const Tensor& x, double alpha) {
  return apply_one(ir::Opcode::leaky_relu, {&x}, {{"alpha", alpha}});
}

Tensor elu(const Tensor& x, double alpha) {
  return apply_one(ir::Opcode::elu, {&x}, {{"alpha", alpha}});
}

Tensor hardtanh(const Tensor& x, double low, double high) {
  return apply_one(ir::Opcode::hardtanh, {&x}, {{"min", low}, {"max", high}});
}

Tensor cast(const Tensor& x, DType dtype) {
  return apply_one(ir::Opcode::cast, {&x}, {{"dtype", dtype}});
}

Tensor dense(const Tensor& x, const Tensor& weight, const Tensor* bias) {
  if (bias == nullptr) return apply_one(ir::Opcode::dense, {&x, &weight});
  return apply_one(ir::Opcode::dense, {&x, &weight, bias});
}

Tensor reduce(OpName op, const Tensor& x, const Axes* axes, bool keepdims) {
  const ir::Opcode code = opcode(op);
  return apply_one(
      code, {&x},
      {{"axes", normal_axes(axes, x.rank(), ir::to_string(code).data())}, {"keepdims", keepdims}});
}

Tensor softmax(OpName op, const Tensor& x, int axis) {
  const ir::Opcode code = opcode(op);
  const std::int64_t normal = normal_axis(axis, x.rank(), ir::to_string(code).data());
  return apply_one(code, {&x}, {{"axis", normal}});
}

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon) {
  return apply_one(ir::Opcode::layer_norm, {&x, &gamma, &beta}, {{"epsilon", epsilon}});
}

Tensor reshape(const Tensor& x, const std::vector<Dim>& shape) {
  return apply_one(ir::Opcode::reshape, {&x}, {{"shape", resolve_shape(x.shape(), shape)}});
}

Tensor transpose(const Tensor& x, const std::vector<int>* permutation) {
  const int rank = x.rank();
  std::vector<std::int64_t> order;
  if (permutation == nullptr) {
    for (int i = rank - 1; i >= 0; --i) order.push_back(i);
  } else {
    for (const int axis : *permutation) order.push_back(normal_axis(axis, rank, "transpose"));
  }
  return apply_one(ir::Opcode::transpose, {&x}, {{"permutation", order}});
}

Tensor squeeze(const Tensor& x, const Axes* axes) {
  const Shape& from = x.shape();
  std::vector<bool> drop(static_cast<std::size_t>(from.rank()), false);
  if (axes == nullptr) {
    for (int i = 0; i < from.rank(); ++i) {
      require_known_whether_one(from, i);
      drop[static_cast<std::size_t>(i)] = identical(from[i], 1);
    }
  } else {
    for (const std::int64_t axis : normal_axes(axes, from.rank(), "squeeze")) {
      if (!identical(from[static_cast<int>(axis)], 1)) {
        throw ShapeError(where_am_i("squeeze") + "axis " + std::to_string(axis) + " of " +
                         to_string(from) + " is not of size 1");
      }
      drop[static_cast<std::size_t>(axis)] = true;
    }
  }
  Shape to;
  for (int i = 0; i < from.rank(); ++i) {
    if (!drop[static_cast<std::size_t>(i)]) to.push_back(from[i]);
  }
  return apply_one(ir::Opcode::reshape, {&x}, {{"shape", to}});
}

Tensor expand_dims(const Tensor& x, int axis) {
  const Shape& from = x.shape();
  const int at = normal_axis(axis, from.rank() + 1, "expand_dims");
  Shape to;
  for (int i = 0; i < from.rank(); ++i) {
    if (i == at) to.push_back(Dim(1));
    to.push_back(from[i]);
  }
  if (at == from.rank()) to.push_back(Dim(1));
  return apply_one(ir::Opcode::reshape, {&x}, {{"shape", to}});
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  return apply_one(ir::Opcode::broadcast_to, {&x}, {{"shape", shape}});
}

Tensor concat(const Tensors& parts, int axis) {
  if (parts.empty()) throw UserError(where_am_i("concat") + "no tensors were given");
  const std::int64_t normal = normal_axis(axis, parts.front().rank(), "concat");
  std::vector<const Tensor*> operands;
  for (const Tensor& part : parts) operands.push_back(&part);
  return apply_one(ir::Opcode::concat, Operands(operands), {{"axis", normal}});
}

Tensor stack(const Tensors& parts, int axis) {
  if (parts.empty()) throw UserError(where_am_i("stack") + "no tensors were given");
  const Shape& shape = parts.front().shape();
  const int at = normal_axis(axis, shape.rank() + 1, "stack");
  const DType dtype = joined_dtype(parts, "stack");
  Tensors expanded;
  for (const Tensor& part : parts) {
    if (!identical(part.shape(), shape)) {
      throw ShapeError(where_am_i("stack") + "tensors of the shapes " + to_string(shape) + " and " +
                       to_string(part.shape()) + "; expected one shape");
    }
    expanded.push_back(expand_dims(adapt(part, dtype, "stack"), at));
  }
  return detail::concat(expanded, at);
}

Tensors split(const Tensor& x, const std::vector<std::int64_t>& sizes, int axis) {
  const std::int64_t normal = normal_axis(axis, x.rank(), "split");
  const Tensor* operands[] = {&x};
  return apply_all(ir::Opcode::split, operands, {{"axis", normal}, {"sizes", sizes}});
}

Tensors split_equal(const Tensor& x, std::int64_t parts, int axis) {
  const int normal = normal_axis(axis, x.rank(), "split");
  const std::int64_t size = known_size(x.shape(), static_cast<int>(normal), "split");
  if (parts < 1 || size % parts != 0) {
    throw ShapeError(
        where_am_i("split") + "axis " + std::to_string(axis) + " of " + to_string(x.shape()) +
        " does not divide into " + std::to_string(parts) +
        " equal parts; split(x, std::vector<std::int64_t>{...}, axis) takes the sizes");
  }
  return split(x, std::vector<std::int64_t>(static_cast<std::size_t>(parts), size / parts), axis);
}

Tensor gather(const Tensor& x, const Tensor& indices, int axis) {
  const std::int64_t normal = normal_axis(axis, x.rank(), "gather");
  return apply_one(ir::Opcode::gather, {&x, &indices}, {{"axis", normal}}, 0);
}

Tensor one_hot(const Tensor& indices, std::int64_t depth, DType dtype) {
  return apply_one(ir::Opcode::one_hot, {&indices}, {{"depth", depth}, {"dtype", dtype}}, 0);
}

void print(const std::string& text, const Tensor* x) {
  const ir::Attrs attrs{{"text", text}};
  if (x != nullptr) impl_of(*x, "print");
  if (Recorder* recorder = Recorder::current()) {
    const Tensor& token = recorder->print_token();
    std::vector<ir::ValueId> operands{recorder->value_of(token, "print")};
    if (x != nullptr) {
      operands.push_back(x->is_weak() ? record_weak(*recorder, *x, x->dtype(), "print")
                                      : recorder->value_of(*x, "print"));
    }
    recorder->update(token, recorder->append(ir::Opcode::print, std::move(operands), attrs),
                     "print");
    return;
  }
  const support::FloatEnvScope environment;
  interp::View views[2];  // the token has no data
  views[0].dtype = DType::i64;
  if (x != nullptr) {
    require_readable(*TensorAccess::impl(*x), "print");
    views[1] = view_of(*TensorAccess::impl(*x));
  }
  const interp::View token = views[0];
  interp::evaluate(ir::Opcode::print, attrs,
                   {views, x != nullptr ? std::size_t{2} : std::size_t{1}}, {&token, 1},
                   support::default_isa());
}

}  // namespace detail

std::ostream& operator<<(std::ostream& out, const Ops&) {
  return out << (detail::Recorder::current() != nullptr ? "mlpjit.symbol" : "mlpjit.array");
}

Tensor Tensor::binary(Binary op, const Tensor& a, const Tensor& b) {
  static constexpr ir::Opcode kOpcodes[] = {
      ir::Opcode::add,     ir::Opcode::subtract,     ir::Opcode::multiply, ir::Opcode::divide,
      ir::Opcode::equal,   ir::Opcode::not_equal,    ir::Opcode::less,     ir::Opcode::less_equal,
      ir::Opcode::greater, ir::Opcode::greater_equal};
  return detail::apply_one(kOpcodes[static_cast<std::size_t>(op)], {&a, &b});
}

Tensor Tensor::operator-() const {
  return detail::apply_one(ir::Opcode::negative, {this});
}

}  // namespace mlpjit
