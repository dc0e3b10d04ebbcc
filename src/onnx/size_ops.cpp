// Arithmetic on sizes: what exporters write around Reshape and Expand is done when the model is
// read.

#include <algorithm>
#include <numeric>

#include "mlpjit/create.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

constexpr std::size_t kMostElements = 4096;

// An input as sizes, if it is some or a constant of integers.
std::optional<Sizes> sizes_of(const Value& value) {
  if (value.sizes) return value.sizes;
  if (!value.constant || value.is_text ||
      value.tensor.size() > static_cast<std::int64_t>(kMostElements))
    return std::nullopt;
  const Tensor& tensor = value.tensor;
  Sizes sizes;
  sizes.dtype = tensor.dtype();
  for (const std::int64_t size : tensor.shape().sizes()) sizes.shape.push_back(size);
  if (tensor.dtype() == DType::f32 || tensor.dtype() == DType::f64) return std::nullopt;
  for (const std::int64_t element : integers_of(tensor)) sizes.elements.emplace_back(element);
  return sizes;
}

Values sized(Sizes sizes) {
  return {value_of(std::move(sizes))};
}

// Element by element, of operands that are equally many, or one of them single.
template <class F>
std::optional<Values> pairwise(const Sizes& a, const Sizes& b, DType dtype, F f) {
  if (a.elements.empty() || b.elements.empty()) return std::nullopt;
  const bool spread_a = a.elements.size() == 1 && b.elements.size() != 1;
  const bool spread_b = b.elements.size() == 1 && a.elements.size() != 1;
  if (!spread_a && !spread_b && a.elements.size() != b.elements.size()) return std::nullopt;
  Sizes result;
  result.dtype = dtype;
  result.shape = spread_a || (!spread_b && b.shape.size() > a.shape.size()) ? b.shape : a.shape;
  if (result.shape.size() > 1) return std::nullopt;
  const std::size_t count = std::max(a.elements.size(), b.elements.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<Dim> element =
        f(a.elements[spread_a ? 0 : i], b.elements[spread_b ? 0 : i]);
    if (!element) return std::nullopt;
    result.elements.push_back(*element);
  }
  return sized(std::move(result));
}

std::optional<Dim> times(const Dim& a, const Dim& b) {
  if (!a.is_static() && !b.is_static()) return std::nullopt;
  return a * b;
}

std::optional<Dim> over(const Dim& a, const Dim& b) {
  if (identical(a, b)) return Dim(1);
  if (!b.is_static() || b.offset() == 0) return std::nullopt;
  if (a.is_static()) {
    if (b.offset() == -1) return Dim(0) - a;  // the least number has no counterpart: an error
    return Dim(a.offset() / b.offset());
  }
  if (a.coefficient() % b.offset() != 0 || a.offset() % b.offset() != 0) return std::nullopt;
  return Dim(a.coefficient() / b.offset(), a.symbol(), a.offset() / b.offset());
}

// Whether a size is 1 exporters ask before they squeeze or broadcast: one with a name is not. All
// else is asked when the network runs.
std::optional<Dim> is_equal(const Dim& a, const Dim& b) {
  if (identical(a, b)) return Dim(1);
  if (a.is_static() && b.is_static()) return Dim(0);
  if (identical(a, Dim(1)) || identical(b, Dim(1))) return Dim(0);
  const Dim &symbolic = a.is_static() ? b : a, &other = a.is_static() ? a : b;
  // What a symbol of at least 0 never gives, such as -1.
  if (other.is_static() && symbolic.coefficient() > 0 && other.offset() < symbolic.offset())
    return Dim(0);
  return std::nullopt;
}

std::optional<Values> gathered(const Call& call, const Sizes& data) {
  const std::optional<Sizes> indices = call.has(1) ? sizes_of(call.value(1)) : std::nullopt;
  if (!indices || data.shape.size() != 1 || indices->shape.size() > 1) return std::nullopt;
  Sizes result;
  result.dtype = data.dtype;
  result.shape = indices->shape;
  const auto n = static_cast<std::int64_t>(data.elements.size());
  for (const Dim& index : indices->elements) {
    if (!index.is_static()) return std::nullopt;
    const std::int64_t at = index.offset() < 0 ? index.offset() + n : index.offset();
    if (at < 0 || at >= n) call.fail("an index is out of range");
    result.elements.push_back(data.elements[static_cast<std::size_t>(at)]);
  }
  return sized(std::move(result));
}

std::optional<Values> concatenated(const Call& call) {
  Sizes result;
  for (std::size_t i = 0; i < call.count(); ++i) {
    const std::optional<Sizes> part = sizes_of(call.value(i));
    if (!part || part->shape.size() != 1) return std::nullopt;
    if (i == 0) result.dtype = part->dtype;
    result.elements.insert(result.elements.end(), part->elements.begin(), part->elements.end());
  }
  result.shape = {static_cast<std::int64_t>(result.elements.size())};
  return sized(std::move(result));
}

std::optional<Values> sliced(const Call& call, const Sizes& data) {
  if (data.shape.size() != 1 || call.version() < 10) return std::nullopt;
  for (std::size_t i = 1; i < call.count(); ++i) {
    if (call.has(i) && !call.is_constant(i)) return std::nullopt;
  }
  const std::int64_t step = call.has(4) ? call.integer(4, "steps") : 1;
  if (step < 1) return std::nullopt;
  const auto n = static_cast<std::int64_t>(data.elements.size());
  const auto place = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + n : at, 0, n);
  };
  Sizes result;
  result.dtype = data.dtype;
  const std::int64_t end = place(call.integer(2, "ends"));
  for (std::int64_t i = place(call.integer(1, "starts")); i < end; i += std::min(step, n))
    result.elements.push_back(data.elements[static_cast<std::size_t>(i)]);
  result.shape = {static_cast<std::int64_t>(result.elements.size())};
  return sized(std::move(result));
}

std::optional<Values> chosen(const Call& call) {
  const auto condition = sizes_of(call.value(0)), a = sizes_of(call.value(1)),
             b = sizes_of(call.value(2));
  if (!condition || !a || !b) return std::nullopt;
  if (condition->shape.size() > 1 || a->shape.size() > 1 || b->shape.size() > 1 ||
      condition->elements.empty() || a->elements.empty() || b->elements.empty())
    return std::nullopt;
  Sizes result = condition->elements.size() >= a->elements.size() ? *condition : *a;
  if (b->elements.size() > result.elements.size()) result = *b;
  result.dtype = a->dtype;
  const std::size_t count = result.elements.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = [&](const Sizes& sizes) -> const Dim* {
      if (sizes.elements.size() != 1 && sizes.elements.size() != count) return nullptr;
      return &sizes.elements[sizes.elements.size() == 1 ? 0 : i];
    };
    const Dim *c = at(*condition), *x = at(*a), *y = at(*b);
    if (c == nullptr || x == nullptr || y == nullptr || !c->is_static()) return std::nullopt;
    result.elements[i] = c->offset() != 0 ? *x : *y;
  }
  return sized(std::move(result));
}

std::optional<Values> reshaped(const Call& call, Sizes data) {
  const std::string& op = call.node().op;
  const auto count = static_cast<std::int64_t>(data.elements.size());
  if (op == "Unsqueeze" && data.shape.empty()) {
    data.shape = {1};
  } else if (op == "Squeeze" && data.shape.size() == 1 && count == 1) {
    data.shape = {};
  } else if (op == "Reshape" && call.is_constant(1)) {
    std::vector<std::int64_t> shape = call.ints(1, "sizes");
    if (shape.size() > 1) return std::nullopt;
    if (shape.size() == 1) shape[0] = count;
    data.shape = shape;
  } else if (op == "Flatten" || op == "Unsqueeze" || op == "Squeeze" || op == "Reshape") {
    return std::nullopt;
  }
  return sized(std::move(data));
}

std::optional<Values> cast_sizes(const Call& call, Sizes data) {
  switch (static_cast<DataType>(call.i("to", 0))) {
    case DataType::i64: data.dtype = DType::i64; break;
    case DataType::i32: data.dtype = DType::i32; break;
    default: return std::nullopt;
  }
  return sized(std::move(data));
}

std::optional<Values> multiplied(const Call& call, const Sizes& data) {
  Sizes result;
  if (call.i("keepdims", 1) != 0) result.shape = {1};
  result.dtype = data.dtype;
  result.elements = {Dim(1)};
  for (const Dim& element : data.elements) {
    const std::optional<Dim> product = times(result.elements[0], element);
    if (!product) return std::nullopt;
    result.elements[0] = *product;
  }
  return sized(std::move(result));
}

std::optional<Values> binary(const Call& call, const Sizes& a, const Sizes& b) {
  const std::string& op = call.node().op;
  if (op == "Add")
    return pairwise(a, b, a.dtype, [](const Dim& x, const Dim& y) -> std::optional<Dim> {
      if (!x.is_static() && !y.is_static() && x.symbol() != y.symbol()) return std::nullopt;
      return x + y;
    });
  if (op == "Sub")
    return pairwise(a, b, a.dtype, [](const Dim& x, const Dim& y) -> std::optional<Dim> {
      if (!x.is_static() && !y.is_static() && x.symbol() != y.symbol()) return std::nullopt;
      return x - y;
    });
  if (op == "Max" || op == "Min") {
    const bool largest = op == "Max";
    return pairwise(a, b, a.dtype, [&](const Dim& x, const Dim& y) -> std::optional<Dim> {
      if (identical(x, y)) return x;
      if (!x.is_static() || !y.is_static()) return std::nullopt;
      return (x.offset() > y.offset()) == largest ? x : y;
    });
  }
  if (op == "Mul") return pairwise(a, b, a.dtype, times);
  if (op == "Div") return pairwise(a, b, a.dtype, over);
  if (op == "Equal") return pairwise(a, b, DType::boolean, is_equal);
  return std::nullopt;
}

}  // namespace

std::optional<Values> computed_on_sizes(const Call& call) {
  const std::string& op = call.node().op;
  if (!call.node().domain.empty() || !call.has(0)) return std::nullopt;
  if (op == "Concat") return concatenated(call);
  if (op == "Where") return chosen(call);
  const std::optional<Sizes> first = sizes_of(call.value(0));
  if (!first) return std::nullopt;
  if (op == "Identity") return Values{call.value(0)};
  if (op == "Gather") return gathered(call, *first);
  if (op == "Slice") return sliced(call, *first);
  if (op == "Cast") return cast_sizes(call, *first);
  if (op == "ReduceProd") return multiplied(call, *first);
  if (op == "Unsqueeze" || op == "Squeeze" || op == "Reshape") return reshaped(call, *first);
  if (op == "Shape") {
    if (call.has_attribute("start") || call.has_attribute("end")) return std::nullopt;
    Sizes sizes;
    for (const std::int64_t size : first->shape) sizes.elements.emplace_back(size);
    sizes.shape = {static_cast<std::int64_t>(first->shape.size())};
    return sized(std::move(sizes));
  }
  if (!call.has(1)) return std::nullopt;
  const std::optional<Sizes> second = sizes_of(call.value(1));
  return second ? binary(call, *first, *second) : std::nullopt;
}

Tensor tensor_of(const Sizes& sizes) {
  Tensors elements;
  for (const Dim& size : sizes.elements) {
    Tensor element = full({}, static_cast<double>(size.offset()), DType::i64);
    if (!size.is_static()) {
      // As many ones as the symbol says.
      const Tensor ones = broadcast_to(full({}, 1, DType::i64), {dim(size.symbol())});
      element = element + full({}, static_cast<double>(size.coefficient()), DType::i64) * sum(ones);
    }
    elements.push_back(element);
  }
  const Shape shape(sizes.shape);
  if (elements.empty()) return zeros(shape, sizes.dtype);
  return cast(reshape(stack(elements), shape), sizes.dtype);
}

Value value_of(Sizes sizes) {
  Value value;
  const bool known = std::all_of(sizes.elements.begin(), sizes.elements.end(),
                                 [](const Dim& size) { return size.is_static(); });
  if (!known) {
    value.sizes = std::move(sizes);
    return value;
  }
  detail::computed_now([&] {
    Tensor made = zeros(Shape(sizes.shape), DType::i64);
    std::transform(sizes.elements.begin(), sizes.elements.end(),
                   made.mutable_data<std::int64_t>().begin(),
                   [](const Dim& size) { return size.offset(); });
    value = constant(cast(made, sizes.dtype));
    return Tensors();
  });
  return value;
}

}  // namespace mlpjit::onnx
