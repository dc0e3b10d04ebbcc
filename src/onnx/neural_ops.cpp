// Layers and contractions of ONNX.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "mlpjit/create.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

bool is_float(const Tensor& x) {
  return x.dtype() == DType::f32 || x.dtype() == DType::f64;
}

// Ops of ai.onnx.ml give f32 by their definition, where ours keep f64: weights say what is meant.
Tensor as_weights_are(const Tensor& x, const Value& weights) {
  const bool narrower =
      x.dtype() == DType::f64 && weights.constant && weights.tensor.dtype() == DType::f32;
  return narrower ? cast(x, DType::f32) : x;
}

// A constant matrix on the right is the weight of a dense layer, which has it transposed.
Values matmul_of(const Call& call) {
  const Value& b = call.value(1);
  const Tensor a = as_weights_are(call.x(0), b);
  if (b.constant && !call.is_constant(0) && b.tensor.rank() == 2 && a.rank() >= 1 && is_float(a)) {
    Value value;
    value.product =
        std::make_shared<Value::Product>(Value::Product{a, call.importer().transposed(b)});
    return {value};
  }
  return one(matmul(a, call.x(1)));
}

// alpha * A' @ B' + beta * C.
Values gemm(const Call& call) {
  Importer& importer = call.importer();
  Tensor a = as_weights_are(call.x(0), call.value(1));
  if (call.i("transA", 0) != 0) a = transpose(a);
  const double alpha = call.f("alpha", 1), beta = call.f("beta", 1);
  const bool transposed = call.i("transB", 0) != 0;
  const Value& b = call.value(1);
  const bool bias = call.has(2) && beta != 0;
  if (!b.constant || call.is_constant(0) || b.tensor.rank() != 2 || !is_float(a)) {
    Tensor product = matmul(a, transposed ? transpose(call.x(1)) : call.x(1));
    if (alpha != 1) product = product * number(alpha, product);
    if (!bias) return one(product);
    const Tensor c = call.x(2);
    return one(product + (beta == 1 ? c : c * number(beta, c)));
  }
  Tensor weight = transposed ? call.x(1) : importer.transposed(b);
  if (alpha != 1) weight = importer.now([&] { return weight * number(alpha, weight); });
  if (!bias) return one(dense(a, weight));
  const Value& c = call.value(2);
  const Dim outputs = weight.shape()[0];
  if (!c.constant || (c.tensor.size() != 1 && c.tensor.size() != outputs.offset()) ||
      (c.tensor.size() == outputs.offset() && c.tensor.rank() == 2 &&
       !identical(c.tensor.shape()[1], outputs))) {
    const Tensor product = dense(a, weight), added = call.x(2);
    return one(product + (beta == 1 ? added : added * number(beta, added)));
  }
  Tensor row = call.x(2);
  if (row.rank() != 1 || row.size() != outputs.offset()) {
    row = importer.now([&] {
      return row.size() == 1 ? broadcast_to(reshape(row, {1}), {outputs}).copy()
                             : reshape(row, {outputs});
    });
    row = importer.named(row, c.name);
  }
  if (beta != 1) row = importer.now([&] { return row * number(beta, row); });
  return one(dense(a, weight, row));
}

// Over all axes from `axis` on; further results are the mean and 1 / standard deviation.
Values layer_normalization(const Call& call) {
  const Tensor x = call.x(0);
  const int axis = call.axis(call.i("axis", -1), x.rank());
  const double epsilon = call.f("epsilon", 1e-5);
  Axes over;
  for (int i = axis; i < x.rank(); ++i) over.push_back(i);
  const Dim last = x.shape()[-1];
  const auto is_row = [&](std::size_t i) {
    const Value& value = call.value(i);
    return value.constant && value.tensor.rank() == 1 && identical(value.tensor.shape()[0], last);
  };
  if (call.results() <= 1 && axis == x.rank() - 1 && last.is_static() && is_row(1) &&
      (!call.has(2) || is_row(2))) {
    const Tensor gamma = call.x(1);
    const Tensor beta =
        call.has(2) ? call.x(2) : call.importer().now([&] { return zeros({last}, x.dtype()); });
    return one(layer_norm(x, gamma, beta, epsilon));
  }
  const Tensor centre = mean(x, over, true);
  const Tensor centred = x - centre;
  const Tensor inverse =
      number(1, x) / sqrt(mean(centred * centred, over, true) + number(epsilon, x));
  Tensor y = centred * inverse * call.x(1);
  if (call.has(2)) y = y + call.x(2);
  return {computed(y), computed(centre), computed(inverse)};
}

Values rms_normalization(const Call& call) {
  const Tensor x = call.x(0);
  const int axis = call.axis(call.i("axis", -1), x.rank());
  Axes over;
  for (int i = axis; i < x.rank(); ++i) over.push_back(i);
  const Tensor size = sqrt(mean(x * x, over, true) + number(call.f("epsilon", 1e-5), x));
  return one(x / size * call.x(1));
}

// Along one axis, from operator set 13 on; before, along all axes from it on as one.
Values along(const Call& call, const std::function<Tensor(const Tensor&, int)>& apply) {
  const Tensor x = call.x(0);
  if (call.version() >= 13) return one(apply(x, call.axis(call.i("axis", -1), x.rank())));
  const int axis = call.axis(call.i("axis", 1), x.rank());
  if (axis == x.rank() - 1) return one(apply(x, axis));
  Dim outer(1), inner(1);
  for (int i = 0; i < x.rank(); ++i)
    (i < axis ? outer : inner) = (i < axis ? outer : inner) * x.shape()[i];
  return one(reshape(apply(reshape(x, {outer, inner}), 1), x.shape()));
}

Values hardmax(const Call& call) {
  return along(call, [&](const Tensor& x, int axis) {
    const Dim whole = x.shape()[axis];
    if (!whole.is_static()) call.unsupported("it looks along an axis whose size is not known");
    std::vector<Dim> dims(static_cast<std::size_t>(x.rank()), Dim(1));
    dims[static_cast<std::size_t>(axis)] = whole;
    const Tensor places = reshape(arange(static_cast<double>(whole.offset()), DType::i64),
                                  Shape(std::span<const Dim>(dims)));
    return cast(argmax(x, axis, true) == places, x.dtype());
  });
}

// The letters of an einsum, one list per operand and one for the result. Each letter once in each.
struct Equation {
  std::vector<std::string> operands;
  std::string result;
};

// An ellipsis becomes capital letters from 'Z' back, counted from the end.
std::string spelled(const Call& call, const std::string& term, int rank) {
  std::string letters;
  const std::size_t dots = term.find("...");
  if (dots == std::string::npos) return term;
  const int more = rank - static_cast<int>(term.size() - 3);
  if (more < 0 || more > 8) call.fail("its equation does not fit its operands");
  letters = term.substr(0, dots);
  for (int i = more - 1; i >= 0; --i) letters += static_cast<char>('\x01' + i);
  return letters + term.substr(dots + 3);
}

Equation equation_of(const Call& call) {
  std::string text = call.s("equation", "");
  std::erase(text, ' ');
  const std::size_t arrow = text.find("->");
  const std::string left = text.substr(0, arrow);
  Equation equation;
  std::size_t from = 0, most = 0;
  for (std::size_t i = 0; i < call.count(); ++i) {
    const std::size_t comma = left.find(',', from);
    const std::string term = left.substr(from, comma == std::string::npos ? comma : comma - from);
    equation.operands.push_back(spelled(call, term, call.x(i).rank()));
    if (static_cast<int>(equation.operands.back().size()) != call.x(i).rank())
      call.fail("its equation does not fit its operands");
    if (term.find("...") != std::string::npos)
      most = std::max(most, equation.operands.back().size() - (term.size() - 3));
    from = comma == std::string::npos ? left.size() : comma + 1;
  }
  if (arrow != std::string::npos) {
    const std::string term = text.substr(arrow + 2);
    equation.result = spelled(call, term, static_cast<int>(term.size() - 3 + most));
  } else {
    std::map<char, int> seen;
    for (const std::string& operand : equation.operands) {
      for (const char letter : operand) ++seen[letter];
    }
    for (auto letter = seen.rbegin(); letter != seen.rend(); ++letter) {
      if (letter->first < 'A') equation.result += letter->first;
    }
    for (const auto& [letter, times] : seen) {
      if (letter >= 'A' && times == 1) equation.result += letter;
    }
  }
  return equation;
}

bool contains(const std::string& letters, char letter) {
  return letters.find(letter) != std::string::npos;
}

// An operand with a letter twice: its diagonal, by a mask and a sum.
Tensor without_diagonals(const Call& call, Tensor x, std::string& letters) {
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const std::size_t again = letters.find(letters[i], i + 1);
    if (again == std::string::npos) continue;
    const Dim n = x.shape()[static_cast<int>(i)];
    if (!n.is_static()) call.unsupported("a diagonal of an axis whose size is not known");
    std::vector<Dim> row(letters.size(), Dim(1)), column = row;
    row[i] = n;
    column[again] = n;
    const Tensor places = arange(static_cast<double>(n.offset()), DType::i64);
    const Tensor mask = reshape(places, Shape(std::span<const Dim>(row))) ==
                        reshape(places, Shape(std::span<const Dim>(column)));
    x = sum(where(mask, x, number(0, x)), static_cast<int>(again));
    letters.erase(again, 1);
    --i;
  }
  return x;
}

// The axes of x, which are called `letters`, in the order of `order`.
Tensor ordered(const Tensor& x, const std::string& letters, const std::string& order) {
  std::vector<int> permutation;
  for (const char letter : order) permutation.push_back(static_cast<int>(letters.find(letter)));
  return letters == order ? x : transpose(x, permutation);
}

// Sums over letters that nobody else has.
Tensor summed(const Tensor& x, std::string& letters, const std::string& others) {
  Axes axes;
  std::string kept;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (contains(others, letters[i])) {
      kept += letters[i];
    } else {
      axes.push_back(static_cast<int>(i));
    }
  }
  letters = kept;
  return axes.empty() ? x : sum(x, axes);
}

// Two operands as one product of matrices: axes of both that stay, axes of one, axes summed over.
Tensor contracted(const Tensor& a, const std::string& in_a, const Tensor& b,
                  const std::string& in_b, const std::string& wanted, std::string& letters) {
  std::string batch, left, right, inner;
  for (const char letter : in_a) {
    (contains(in_b, letter) ? contains(wanted, letter) ? batch : inner : left) += letter;
  }
  for (const char letter : in_b) {
    if (!contains(in_a, letter)) right += letter;
  }
  const auto size_of = [&](char letter) {
    const bool of_a = contains(in_a, letter);
    return of_a ? a.shape()[static_cast<int>(in_a.find(letter))]
                : b.shape()[static_cast<int>(in_b.find(letter))];
  };
  const auto whole = [&](const std::string& of) {
    Dim product(1);
    for (const char letter : of) product = product * size_of(letter);
    return product;
  };
  std::vector<Dim> shape_a, shape_b, shape;
  for (const char letter : batch) {
    shape_a.push_back(size_of(letter));
    shape_b.push_back(b.shape()[static_cast<int>(in_b.find(letter))]);
  }
  shape = shape_a;
  shape_a.insert(shape_a.end(), {whole(left), whole(inner)});
  shape_b.insert(shape_b.end(), {whole(inner), whole(right)});
  for (const char letter : left + right) shape.push_back(size_of(letter));
  const Tensor product = matmul(
      reshape(ordered(a, in_a, batch + left + inner), Shape(std::span<const Dim>(shape_a))),
      reshape(ordered(b, in_b, batch + inner + right), Shape(std::span<const Dim>(shape_b))));
  letters = batch + left + right;
  return reshape(product, Shape(std::span<const Dim>(shape)));
}

// An axis of 1 that is longer in another operand meets each of its elements: it is left out.
void drop_ones(Tensors& operands, std::vector<std::string>& terms) {
  std::set<char> longer;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    for (int axis = 0; axis < operands[i].rank(); ++axis) {
      if (!identical(operands[i].shape()[axis], Dim(1)))
        longer.insert(terms[i][static_cast<std::size_t>(axis)]);
    }
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    for (int axis = operands[i].rank() - 1; axis >= 0; --axis) {
      const auto place = static_cast<std::size_t>(axis);
      if (!identical(operands[i].shape()[axis], Dim(1)) || !longer.contains(terms[i][place]))
        continue;
      operands[i] = squeeze(operands[i], axis);
      terms[i].erase(place, 1);
    }
  }
}

Values einsum(const Call& call) {
  if (call.count() == 0) call.fail("it has no inputs");
  Equation equation = equation_of(call);
  Tensors operands = call.all();
  drop_ones(operands, equation.operands);
  const auto needed = [&](std::size_t after) {
    std::string letters = equation.result;
    for (std::size_t i = after; i < equation.operands.size(); ++i) letters += equation.operands[i];
    return letters;
  };
  std::string letters = equation.operands[0];
  Tensor result = without_diagonals(call, operands[0], letters);
  result = summed(result, letters, needed(1));
  for (std::size_t i = 1; i < call.count(); ++i) {
    std::string next = equation.operands[i];
    Tensor x = without_diagonals(call, operands[i], next);
    x = summed(x, next, letters + equation.result + needed(i + 1));
    result = contracted(result, letters, x, next, needed(i + 1), letters);
    result = summed(result, letters, needed(i + 1));
  }
  for (const char letter : equation.result) {
    if (!contains(letters, letter)) call.fail("its equation has a letter in the result alone");
  }
  return one(ordered(result, letters, equation.result));
}

Values dropout(const Call& call) {
  if (call.version() >= 12 && call.has(2)) {
    const bool training = call.number(2) != 0;
    if (training && !(call.has(1) && call.number(1) == 0))
      call.unsupported("it is in training mode");
  }
  const Tensor x = call.x(0);
  return {call.value(0), computed(broadcast_to(full({}, true, DType::boolean), x.shape()))};
}

}  // namespace

std::vector<OpDefinition> neural_ops() {
  return {
      {"MatMul", matmul_of},
      {"Gemm", gemm},
      {"Einsum", einsum},
      {"LayerNormalization", layer_normalization},
      {"RMSNormalization", rms_normalization},
      {"SimplifiedLayerNormalization", rms_normalization},  // ONNX Runtime's name before it was one
      {"Softmax",
       [](const Call& call) {
         return along(call, [](const Tensor& x, int axis) { return softmax(x, axis); });
       }},
      {"LogSoftmax",
       [](const Call& call) {
         return along(call, [](const Tensor& x, int axis) { return log_softmax(x, axis); });
       }},
      {"Hardmax", hardmax},
      {"Dropout", dropout},
  };
}

}  // namespace mlpjit::onnx
