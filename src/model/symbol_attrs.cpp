#include "src/model/symbol_attrs.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "lib/ir/text.h"
#include "mlpjit/error.h"
#include "src/model/symbol_record.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {
namespace {

constexpr std::int64_t kLargestSize = std::int64_t{1} << 48;

Json number(std::int64_t value) {
  return {Json::Number{std::to_string(value)}, 0};
}

// JSON has no names for what is not finite: these stand in strings.
template <class T>
Json floating(T value) {
  if (std::isnan(value)) return {std::string("nan"), 0};
  if (std::isinf(value)) return {std::string(value > 0 ? "inf" : "-inf"), 0};
  return {Json::Number{fmt::format("{}", value)}, 0};
}

template <class T>
T integer_from(const SymbolPlace& place, const Json& json, const std::string& expected) {
  T value = 0;
  const Json::Number* found = json.number();
  if (found == nullptr) {
    place.fail(json.at, fmt::format("expected {}, found {}", expected, kind_of(json)));
  }
  const char* const end = found->text.data() + found->text.size();
  const auto [stop, error] = std::from_chars(found->text.data(), end, value);
  if (error != std::errc{} || stop != end) {
    place.fail(json.at, fmt::format("expected {}, found {}", expected, found->text));
  }
  return value;
}

template <class T>
T floating_from(const SymbolPlace& place, const Json& json) {
  const char* const expected = "a number, \"nan\", \"inf\" or \"-inf\"";
  if (const std::string* text = json.string()) {
    if (*text == "nan") return std::numeric_limits<T>::quiet_NaN();
    if (*text == "inf") return std::numeric_limits<T>::infinity();
    if (*text == "-inf") return -std::numeric_limits<T>::infinity();
    place.fail(json.at, fmt::format("expected {}, found \"{}\"", expected, *text));
  }
  const Json::Number* found = json.number();
  if (found == nullptr) {
    place.fail(json.at, fmt::format("expected {}, found {}", expected, kind_of(json)));
  }
  T value = 0;
  const char* const end = found->text.data() + found->text.size();
  const auto [stop, error] = std::from_chars(found->text.data(), end, value);
  if (error == std::errc::result_out_of_range) {
    place.fail(json.at, fmt::format("expected a number in the range of {}, found {}",
                                    sizeof(T) == 4 ? "f32" : "f64", found->text));
  }
  if (error != std::errc{} || stop != end) {
    place.fail(json.at, fmt::format("expected {}, found {}", expected, found->text));
  }
  return value;
}

bool boolean_from(const SymbolPlace& place, const Json& json) {
  const bool* found = std::get_if<bool>(&json.value);
  if (found == nullptr) {
    place.fail(json.at, fmt::format("expected true or false, found {}", kind_of(json)));
  }
  return *found;
}

const std::string& string_from(const SymbolPlace& place, const Json& json, const char* expected) {
  const std::string* found = json.string();
  if (found == nullptr) {
    place.fail(json.at, fmt::format("expected {}, found {}", expected, kind_of(json)));
  }
  return *found;
}

const Json::Array& array_from(const SymbolPlace& place, const Json& json, const char* expected) {
  const Json::Array* found = json.array();
  if (found == nullptr) {
    place.fail(json.at, fmt::format("expected {}, found {}", expected, kind_of(json)));
  }
  return *found;
}

Json element_to_json(const ir::Literal& literal, std::size_t i) {
  const std::byte* at = literal.bytes->data() + i * size_of(literal.dtype);
  const auto read = [at](auto value) {
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  switch (literal.dtype) {
    case DType::f32: return floating(read(float{}));
    case DType::f64: return floating(read(double{}));
    case DType::i32: return number(read(std::int32_t{}));
    case DType::i64: return number(read(std::int64_t{}));
    case DType::boolean: return {read(std::uint8_t{}) != 0, 0};
  }
  throw InternalError("a constant of an unknown dtype");
}

void append_element(const SymbolPlace& place, DType dtype, const Json& json,
                    std::vector<std::byte>& bytes) {
  const auto append = [&](auto value) {
    const auto* begin = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), begin, begin + sizeof value);
  };
  switch (dtype) {
    case DType::f32: return append(floating_from<float>(place, json));
    case DType::f64: return append(floating_from<double>(place, json));
    case DType::i32: return append(integer_from<std::int32_t>(place, json, "an i32"));
    case DType::i64: return append(integer_from<std::int64_t>(place, json, "an i64"));
    case DType::boolean:
      return append(static_cast<std::uint8_t>(boolean_from(place, json) ? 1 : 0));
  }
}

}  // namespace

Json literal_to_json(const ir::Literal& literal, WrittenConstants& constants) {
  LiteralRecord record;
  record.dtype = to_string(literal.dtype);
  record.shape = shape_to_json(literal.shape);
  const std::int64_t size = literal.shape.size();
  if (size > kInlineElements) {
    record.tensor = constants.add(literal);
  } else {
    Json::Array elements;
    for (std::int64_t i = 0; i < size; ++i)
      elements.push_back(element_to_json(literal, static_cast<std::size_t>(i)));
    record.data = Json{std::move(elements), 0};
  }
  JsonWriter writer;
  writer(record);
  return writer.take();
}

ir::Literal literal_from_json(const SymbolPlace& place, const Json& json,
                              StoredConstants& constants) {
  LiteralRecord record;
  JsonReader reader(place.source, json, place.where);
  reader(record);
  const DType dtype = dtype_from_name(place, json.at, record.dtype);
  const Shape shape = shape_from_json(place, record.shape);
  if (!shape.is_static()) {
    place.fail(record.shape.at,
               "expected the known sizes of a constant, found " + to_string(shape));
  }
  if (record.data.has_value() == !record.tensor.empty()) {
    place.fail(json.at, "expected either 'data' or 'tensor' of a constant");
  }
  if (!record.data) return constants.take(place, json, record.tensor, {dtype, shape, false});
  const Json::Array& elements = array_from(place, *record.data, "an array of elements");
  std::int64_t size = -1;
  try {
    size = shape.size();
  } catch (const ShapeError&) {  // more than there can be
  }
  if (static_cast<std::int64_t>(elements.size()) != size) {
    place.fail(record.data->at, fmt::format("expected the elements of {}, row-major, in one array, "
                                            "found {} of them",
                                            to_string(TensorSpec{dtype, shape}), elements.size()));
  }
  std::vector<std::byte> bytes;
  for (const Json& element : elements) append_element(place, dtype, element, bytes);
  return {dtype, shape, std::make_shared<const std::vector<std::byte>>(std::move(bytes))};
}

Json real_to_json(double value) {
  return floating(value);
}

double real_from_json(const SymbolPlace& place, const Json& json) {
  return floating_from<double>(place, json);
}

Json shape_to_json(const Shape& shape) {
  Json::Array sizes;
  for (int i = 0; i < shape.rank(); ++i) {
    const Dim dim = shape[i];
    sizes.push_back(dim.is_static() ? number(dim.offset()) : Json{to_string(dim), 0});
  }
  return {std::move(sizes), 0};
}

Shape shape_from_json(const SymbolPlace& place, const Json& json) {
  const Json::Array& sizes = array_from(place, json, "an array of sizes");
  if (sizes.size() > static_cast<std::size_t>(kMaxRank)) {
    place.fail(json.at, fmt::format("expected at most {} sizes, found {}", kMaxRank, sizes.size()));
  }
  Shape shape;
  for (const Json& size : sizes) {
    if (const std::string* text = size.string()) {
      try {
        shape.push_back(ir::parse_dim(*text));
      } catch (const UserError& error) {
        place.fail(size.at, fmt::format("the size \"{}\": {}", *text, error.what()));
      }
      continue;
    }
    const char* const expected = "a size such as 3, \"B\" or \"2*B+1\"";
    const auto known = integer_from<std::int64_t>(place, size, expected);
    if (known < 0 || known > kLargestSize) {
      place.fail(size.at, fmt::format("expected a size from 0 to 2^48, found {}", known));
    }
    shape.push_back(Dim(known));
  }
  return shape;
}

DType dtype_from_name(const SymbolPlace& place, std::uint32_t at, const std::string& name) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (to_string(static_cast<DType>(i)) == name) return static_cast<DType>(i);
  }
  place.fail(at, fmt::format("expected a dtype, f32, f64, i32, i64 or bool, found '{}'", name));
}

std::string WrittenConstants::add(const ir::Literal& literal) {
  std::string name;
  do {
    name = fmt::format("{}.{}", kind_, next_++);
  } while (tensors_.contains(name));
  Tensor tensor = make_tensor(literal.dtype, literal.shape);
  std::memcpy(TensorAccess::impl(tensor)->storage->data(), literal.data(), literal.bytes->size());
  tensors_[name] = tensor;
  return name;
}

ir::Literal StoredConstants::take(const SymbolPlace& place, const Json& json,
                                  const std::string& name, const ir::Type& type) {
  if (!tensors_.contains(name)) {
    place.fail(json.at,
               fmt::format("the parameter file has no tensor '{}' for this constant", name));
  }
  const Tensor tensor = tensors_.read(name);
  const TensorImpl& impl = *TensorAccess::impl(tensor);
  if (impl.dtype != type.dtype || !identical(impl.shape, type.shape)) {
    place.fail(json.at, fmt::format("expected {} as tensor '{}' of the parameter file, found {}",
                                    ir::to_string(type), name,
                                    to_string(TensorSpec{impl.dtype, impl.shape})));
  }
  taken_.insert(name);
  return ir::make_literal(impl.dtype, impl.shape, impl.data());
}

Json attr_to_json(const ir::AttrValue& value, WrittenConstants& constants) {
  struct Visitor {
    WrittenConstants& constants;
    Json operator()(bool flag) const { return {flag, 0}; }
    Json operator()(std::int64_t integer) const { return number(integer); }
    Json operator()(double real) const { return floating(real); }
    Json operator()(const std::string& text) const { return {text, 0}; }
    Json operator()(const std::vector<std::int64_t>& integers) const {
      Json::Array items;
      for (const std::int64_t integer : integers) items.push_back(number(integer));
      return {std::move(items), 0};
    }
    Json operator()(DType dtype) const { return {std::string(to_string(dtype)), 0}; }
    Json operator()(const Shape& shape) const { return shape_to_json(shape); }
    Json operator()(const ir::Literal& literal) const {
      return literal_to_json(literal, constants);
    }
    Json operator()(const ir::FunctionRef& function) const { return {function.name, 0}; }
  };
  return std::visit(Visitor{constants}, value);
}

ir::AttrValue attr_from_json(const SymbolPlace& place, const ir::AttrSpec& spec, const Json& json,
                             StoredConstants& constants) {
  switch (spec.kind) {
    case ir::AttrKind::boolean: return boolean_from(place, json);
    case ir::AttrKind::integer: return integer_from<std::int64_t>(place, json, "an integer");
    case ir::AttrKind::floating: return floating_from<double>(place, json);
    case ir::AttrKind::string: return string_from(place, json, "a string");
    case ir::AttrKind::integers: {
      std::vector<std::int64_t> integers;
      for (const Json& item : array_from(place, json, "an array of integers"))
        integers.push_back(integer_from<std::int64_t>(place, item, "an integer"));
      return integers;
    }
    case ir::AttrKind::dtype:
      return dtype_from_name(place, json.at, string_from(place, json, "a dtype in a string"));
    case ir::AttrKind::shape: return shape_from_json(place, json);
    case ir::AttrKind::literal: return literal_from_json(place, json, constants);
    case ir::AttrKind::function:
      return ir::FunctionRef{string_from(place, json, "the name of a function in a string")};
  }
  throw InternalError("an attribute of an unknown kind");
}

}  // namespace mlpjit::detail
