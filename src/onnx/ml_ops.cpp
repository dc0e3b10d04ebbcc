// Ops of ai.onnx.ml: what scikit-learn's pipelines are exported as.

#include <fmt/format.h>

#include <algorithm>
#include <numbers>
#include <numeric>

#include "mlpjit/create.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

// Numbers of an attribute, as a constant of this dtype.
Tensor numbers(const std::vector<double>& values, DType dtype) {
  Tensor made =
      zeros(Shape(std::vector<std::int64_t>{static_cast<std::int64_t>(values.size())}), DType::f64);
  std::copy(values.begin(), values.end(), made.mutable_data<double>().begin());
  return dtype == DType::f64 ? made : cast(made, dtype);
}
Tensor integers(const std::vector<std::int64_t>& values) {
  Tensor made =
      zeros(Shape(std::vector<std::int64_t>{static_cast<std::int64_t>(values.size())}), DType::i64);
  std::copy(values.begin(), values.end(), made.mutable_data<std::int64_t>().begin());
  return made;
}
// These ops take any numbers and give float32, or float64 for float64.
Tensor as_float(const Tensor& x) {
  return x.dtype() == DType::f32 || x.dtype() == DType::f64 ? x : cast(x, DType::f32);
}

Values scaler(const Call& call) {
  Tensor x = as_float(call.x(0));
  const auto [offset, scale] = std::pair(call.floats("offset"), call.floats("scale"));
  const DType dtype = x.dtype();
  Importer& importer = call.importer();
  if (!offset.empty()) x = x - importer.now([&] { return numbers(offset, dtype); });
  if (!scale.empty()) x = x * importer.now([&] { return numbers(scale, dtype); });
  return one(x);
}

Values normalizer(const Call& call) {
  const Tensor x = as_float(call.x(0));
  const std::string norm = call.s("norm", "MAX");
  Tensor size;
  if (norm == "L1") {
    size = sum(abs(x), -1, true);
  } else if (norm == "L2") {
    size = sqrt(sum(x * x, -1, true));
  } else {
    size = max(x, -1, true);
  }
  return one(where(size == number(0, x), x, x / size));
}

Values imputer(const Call& call) {
  Tensor x = call.x(0);
  const bool whole = x.dtype() == DType::i64;
  if (whole) {
    const Tensor values =
        call.importer().now([&] { return integers(call.ints("imputed_value_int64s")); });
    return one(
        where(x == number(static_cast<double>(call.i("replaced_value_int64", 0)), x), values, x));
  }
  x = as_float(x);
  const DType dtype = x.dtype();
  const Tensor values =
      call.importer().now([&] { return numbers(call.floats("imputed_value_floats"), dtype); });
  const double replaced = call.f("replaced_value_float", 0);
  return one(where(replaced != replaced ? x != x : x == number(replaced, x), values, x));
}

Values binarizer(const Call& call) {
  const Tensor x = call.x(0);
  return one(cast(x > number(call.f("threshold", 0), x), x.dtype()));
}

// Columns, by their numbers.
Values array_feature_extractor(const Call& call) {
  const Value& data = call.value(0);
  const Tensor x = data.is_text ? call.codes(0) : call.x(0);
  const Tensor columns = cast(reshape(call.x(1), {-1}), DType::i64);
  Value result = computed(gather(x, columns, -1));
  if (x.rank() == 1) result.tensor = expand_dims(result.tensor, 0);
  result.is_text = data.is_text;
  return {result};
}

Values feature_vectorizer(const Call& call) {
  Tensors parts;
  const std::vector<std::int64_t> widths = call.ints("inputdimensions");
  for (std::size_t i = 0; i < call.count(); ++i) {
    const Tensor x = as_float(call.x(i));
    parts.push_back(x.rank() == 1 ? expand_dims(x, -1) : x);
    if (i >= widths.size()) continue;
    const Dim whole = parts.back().shape()[-1];
    if (whole.is_static() && whole.offset() > widths[i])
      parts.back() = slice(parts.back(), -1, 0, widths[i]);
  }
  return one(concat(parts, -1));
}

// Codes of an attribute's strings.
Tensor codes_of(const Call& call, const std::vector<std::string>& texts) {
  std::vector<std::int64_t> codes;
  for (const std::string& text : texts) codes.push_back(call.importer().code_of(text));
  return integers(codes);
}

// One column for each category. Of one that is not known all are 0, where `zeros` = 0 asks for an
// error too.
Values one_hot_encoder(const Call& call) {
  const bool text = call.value(0).is_text;
  const Tensor x = text ? call.codes(0) : call.x(0);
  const Tensor categories = call.importer().now([&] {
    return text ? codes_of(call, call.strings("cats_strings")) : integers(call.ints("cats_int64s"));
  });
  if (categories.size() == 0) call.fail("it has no categories of its input's type");
  const Tensor known = x.dtype() == DType::i64 ? categories : cast(categories, x.dtype());
  const Tensor columns = cast(expand_dims(x, -1) == known, DType::f32);
  if (call.i("zeros", 1) != 0) return one(columns);
  // What is none of the categories is an error: their one 1 is looked for in a list of 1 alone.
  const Tensor found = cast(sum(columns, -1, true), DType::i32);
  const Tensor row = gather(zeros({1}, DType::f32), number(1, found) - found, 0);
  return one(columns + row);
}

// The code of what stands for strings that are no keys.
Tensor missing_string(const Call& call) {
  const std::int64_t code = call.importer().code_of(call.s("default_string", "_Unused"));
  return full({}, static_cast<double>(code), DType::i64);
}

// What each key becomes.
struct Encoding {
  Tensor keys, values, otherwise;
  bool is_text = false;  // the values are strings
};

// Of strings and their numbers, one way or the other.
Encoding encoding_of_places(const Call& call, bool text, const std::vector<std::string>& strings,
                            const std::vector<std::int64_t>& places) {
  const Tensor codes = codes_of(call, strings), numbers = integers(places);
  if (!text) return {numbers, codes, missing_string(call), true};
  return {codes, numbers, full({}, static_cast<double>(call.i("default_int64", -1)), DType::i64)};
}

Encoding encoding_of_tensors(const Call& call) {
  Importer& importer = call.importer();
  const Value given = importer.read(call.tensor("values_tensor"));
  const Value missing =
      call.has_attribute("default_tensor") ? importer.read(call.tensor("default_tensor")) : Value();
  const double otherwise = given.is_text ? static_cast<double>(importer.code_of("_Unused")) : -1.0;
  return {importer.read(call.tensor("keys_tensor")).tensor, given.tensor,
          missing.tensor.defined() ? reshape(missing.tensor, {})
                                   : full({}, otherwise, given.tensor.dtype()),
          given.is_text};
}

Encoding encoding_of(const Call& call, bool text, DType dtype) {
  if (call.node().op == "CategoryMapper")
    return encoding_of_places(call, text, call.strings("cats_strings"), call.ints("cats_int64s"));
  if (call.version() == 1) {
    const std::vector<std::string> classes = call.strings("classes_strings");
    std::vector<std::int64_t> places(classes.size());
    std::iota(places.begin(), places.end(), 0);
    return encoding_of_places(call, text, classes, places);
  }
  if (call.has_attribute("keys_tensor")) return encoding_of_tensors(call);
  Encoding made;
  made.keys = text                                ? codes_of(call, call.strings("keys_strings"))
              : call.has_attribute("keys_int64s") ? cast(integers(call.ints("keys_int64s")), dtype)
                                                  : numbers(call.floats("keys_floats"), dtype);
  if (call.has_attribute("values_strings")) {
    made.is_text = true;
    made.values = codes_of(call, call.strings("values_strings"));
    made.otherwise = missing_string(call);
  } else if (call.has_attribute("values_int64s")) {
    made.values = integers(call.ints("values_int64s"));
    made.otherwise = full({}, static_cast<double>(call.i("default_int64", -1)), DType::i64);
  } else {
    made.values = numbers(call.floats("values_floats"), DType::f32);
    made.otherwise = full({}, call.f("default_float", -0.0), DType::f32);
  }
  return made;
}

// The value of the key that is equal, or the default.
Values label_encoder(const Call& call) {
  Importer& importer = call.importer();
  const bool text = call.value(0).is_text;
  const Tensor x = text ? call.codes(0) : call.x(0);
  Encoding encoding;
  importer.all_now([&] {
    encoding = encoding_of(call, text, x.dtype());
    return Tensors{encoding.keys, encoding.values, encoding.otherwise};
  });
  const auto& [keys, values, otherwise, is_text] = encoding;
  if (keys.size() == 0 || keys.size() != values.size())
    call.fail("its keys and values are not equally many, or none");
  Tensor found = expand_dims(x, -1) == keys;
  // NaN is a key that equals no other.
  if (keys.dtype() == DType::f32 || keys.dtype() == DType::f64) {
    const Tensor missing = importer.now([&] { return keys != keys; });
    found = logical_or(found, logical_and(expand_dims(x != x, -1), missing));
  }
  const Tensor any = max(cast(found, DType::i32), -1) == full({}, 1, DType::i32);
  Value result =
      computed(where(any, gather(values, argmax(cast(found, DType::i32), -1)), otherwise));
  result.is_text = is_text;
  return {result};
}

// The normal distribution's quantile, sqrt(2) erf^-1(2 x - 1), with the inverse of erf as ONNX's
// reference has it: by S. Winitzki, "A handy approximation for the error function and its
// inverse", 2008, with its 0.147; within 2e-3.
Tensor probit(const Tensor& scores) {
  constexpr double kA = 0.147;
  const Tensor x = number(2, scores) * scores - number(1, scores);
  const Tensor logarithm = log((number(1, x) - x) * (number(1, x) + x));
  const Tensor half = number(2 / (std::numbers::pi * kA), x) + number(0.5, x) * logarithm;
  const Tensor root = sqrt(half * half - number(1 / kA, x) * logarithm);
  return number(std::numbers::sqrt2, x) * sign(x) * sqrt(root - half);
}

Tensor transformed(const Call& call, const Tensor& scores) {
  const std::string transform = call.s("post_transform", "NONE");
  if (transform == "NONE") return scores;
  if (transform == "LOGISTIC") return sigmoid(scores);
  if (transform == "SOFTMAX") return softmax(scores, -1);
  if (transform == "SOFTMAX_ZERO") {  // scores of 0 stay, and count for nothing
    const Tensor zero = number(0, scores);
    const Tensor raised = where(scores == zero, zero, exp(scores - max(scores, -1, true)));
    return raised / sum(raised, -1, true);
  }
  if (transform == "PROBIT") return probit(scores);
  call.unsupported(fmt::format("post_transform {}", transform));
}

// Rows of a matrix; a vector is one.
Tensor as_rows(const Tensor& x) {
  return x.rank() == 1 ? expand_dims(x, 0) : x;
}

// x @ coefficients^T + intercepts, the coefficients [outputs, inputs].
Tensor linear(const Call& call, const Tensor& x, std::int64_t outputs) {
  const std::vector<double> coefficients = call.floats("coefficients");
  std::vector<double> intercepts = call.floats("intercepts");
  if (outputs < 1 || static_cast<std::uint64_t>(outputs) > coefficients.size() ||
      coefficients.size() % static_cast<std::size_t>(outputs) != 0)
    call.fail("its coefficients do not fit its outputs");
  const auto inputs = static_cast<std::int64_t>(coefficients.size()) / outputs;
  const DType dtype = x.dtype();
  Importer& importer = call.importer();
  const std::string name = call.node().name.empty() ? call.node().op : call.node().name;
  const Tensor weight = importer.named(
      importer.now([&] { return reshape(numbers(coefficients, dtype), {outputs, inputs}); }),
      name + ".coefficients");
  if (intercepts.empty()) return dense(x, weight);
  intercepts.resize(static_cast<std::size_t>(outputs), intercepts[0]);
  const Tensor bias = importer.named(importer.now([&] { return numbers(intercepts, dtype); }),
                                     name + ".intercepts");
  return dense(x, weight, bias);
}

Values linear_regressor(const Call& call) {
  const Tensor x = as_rows(as_float(call.x(0)));
  return one(transformed(call, linear(call, x, call.i("targets", 1))));
}

// The labels of the largest scores, and the scores.
Values linear_classifier(const Call& call) {
  Importer& importer = call.importer();
  const Tensor x = as_rows(as_float(call.x(0)));
  const std::vector<std::string> texts = call.strings("classlabels_strings");
  const std::vector<std::int64_t> labels = call.ints("classlabels_ints");
  const std::size_t classes = texts.empty() ? labels.size() : texts.size();
  if (classes == 0) call.fail("it has no class labels");
  const std::size_t intercepts = std::max<std::size_t>(call.floats("intercepts").size(), 1);
  // Two classes may have the score of the second alone.
  const bool binary =
      classes == 2 && intercepts == 1 &&
      call.floats("coefficients").size() <=
          static_cast<std::size_t>(x.shape()[-1].is_static() ? x.shape()[-1].offset() : 0);
  Tensor scores = linear(call, x, binary ? 1 : static_cast<std::int64_t>(classes));
  Tensor place;
  if (binary) {
    // As ONNX Runtime has it: the first class gets what the second leaves of 1.
    const Tensor raw = scores;
    place = cast(reshape(raw, {-1}) > number(0, raw), DType::i64);
    const bool logistic = call.s("post_transform", "NONE") == "LOGISTIC";
    const Tensor second = logistic ? sigmoid(raw) : raw;
    scores = concat({number(1, second) - second, second}, -1);
  } else {
    place = argmax(scores, -1);
    scores = transformed(call, scores);
  }
  const Tensor table =
      importer.now([&] { return texts.empty() ? integers(labels) : codes_of(call, texts); });
  Value label = computed(gather(table, place));
  label.is_text = !texts.empty();
  return {label, computed(scores)};
}

// A list of dictionaries of the classes' scores: the scores alone, for the model keeps the classes.
Values zip_map(const Call& call) {
  return {call.value(0)};
}

}  // namespace

std::vector<OpDefinition> ml_ops() {
  return {
      {"Scaler", scaler},
      {"Normalizer", normalizer},
      {"Imputer", imputer},
      {"Binarizer", binarizer},
      {"ArrayFeatureExtractor", array_feature_extractor},
      {"FeatureVectorizer", feature_vectorizer},
      {"OneHotEncoder", one_hot_encoder},
      {"LabelEncoder", label_encoder},
      {"CategoryMapper", label_encoder},
      {"LinearClassifier", linear_classifier},
      {"LinearRegressor", linear_regressor},
      {"ZipMap", zip_map},
  };
}

}  // namespace mlpjit::onnx
