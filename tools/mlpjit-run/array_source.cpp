#include "tools/mlpjit-run/array_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <optional>

#include "tools/mlpjit-run/elements.h"

namespace mlpjit::run {
namespace {

// Bytes that are read at once where elements are converted.
constexpr std::size_t kPartBytes = 1 << 18;

// The shape of no rows of an input whose rows are those of the array; none where they do not fit.
// Sizes that the model leaves open are the array's.
std::optional<Shape> shape_of_rows(const ModelInput& input, const NpyHeader& array) {
  const Shape& wanted = input.spec.shape;
  Shape shape{Dim(0)};
  bool open = false, same = wanted.rank() == static_cast<int>(array.shape.size());
  for (int axis = 1; axis < wanted.rank(); ++axis) {
    const Dim size = wanted[axis];
    open = open || !size.is_static();
    const std::int64_t found = same ? array.shape[static_cast<std::size_t>(axis)] : 0;
    same = same && (!size.is_static() || size.value() == found);
    shape.push_back(size.is_static() ? size : Dim(found));
  }
  if (same) return shape;
  if (open || input.columns() != array.columns()) return std::nullopt;
  return shape;
}

std::string wrong_shape(const NpyReader& array, const ModelInput& input, bool only_input) {
  const std::vector<std::int64_t>& shape = array.header().shape;
  std::string text =
      fmt::format("{}: its shape is {}, rows of {} elements; input '{}' is {}", array.name(),
                  npy_shape(shape), array.header().columns(), input.name, to_string(input.spec));
  if (shape.size() == 1 && shape[0] > 1) return text + ": a.reshape(1, -1) makes it one row";
  if (shape.size() == 2 && only_input)
    return text + ": --columns chooses columns, by their numbers";
  return text;
}

char* bytes_of(Tensor& tensor) {
  const auto bytes = [](auto elements) { return reinterpret_cast<char*>(elements.data()); };
  switch (tensor.dtype()) {
    case DType::f32: return bytes(tensor.mutable_data<float>());
    case DType::f64: return bytes(tensor.mutable_data<double>());
    case DType::i32: return bytes(tensor.mutable_data<std::int32_t>());
    case DType::i64: return bytes(tensor.mutable_data<std::int64_t>());
    case DType::boolean: break;
  }
  return bytes(tensor.mutable_data<bool>());
}

// Whether elements of the array are those of a tensor as they are. Bools of a file are any bytes.
bool is_same(const NpyType& type, DType dtype) {
  const NpyKind kind = is_floating(dtype) ? NpyKind::floating : NpyKind::integer;
  return dtype != DType::boolean && type.kind == kind && type.size == size_of(dtype);
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

ArraySource::ArraySource(const nn::SymbolBlock& model, std::unique_ptr<ByteSource> npy,
                         const std::vector<std::string>& chosen)
    : model_(model), inputs_(inputs_of(model)), shapes_(inputs_.size()) {
  add_table(std::move(npy), chosen);
}

ArraySource::ArraySource(const nn::SymbolBlock& model, const NpzReader& npz,
                         const std::vector<std::string>& chosen)
    : model_(model), inputs_(inputs_of(model)), shapes_(inputs_.size()) {
  const std::vector<std::string>& names = npz.arrays();
  const auto is_input = [&](const std::string& name) {
    return contains(model.input_names(), name);
  };
  for (const std::string& other : npz.others())
    std::cerr << fmt::format("mlpjit-run: {}: '{}' is no array (.npy): left out\n", npz.name(),
                             other);
  if (names.size() == 1 && (inputs_.size() == 1 || !is_input(names[0]))) {
    add_table(npz.open(names[0]), chosen);
    return;
  }
  if (!chosen.empty())
    throw UserError(
        fmt::format("{}: --columns is for one table: arrays of an archive are matched "
                    "to the inputs by their names",
                    npz.name()));
  add_by_names(npz);
}

void ArraySource::add_table(std::unique_ptr<ByteSource> npy,
                            const std::vector<std::string>& chosen) {
  NpyReader reader(std::move(npy));
  const NpyHeader& header = reader.header();
  if (chosen.empty() && inputs_.size() == 1) return add_whole(std::move(reader), 0);
  if (header.shape.size() > 2)
    throw UserError(fmt::format(
        "{}: its shape is {}: expected rows and columns, or an .npz with "
        "an array for each input: np.savez(file, {}=...)",
        reader.name(), npy_shape(header.shape), fmt::join(model_.input_names(), "=..., ")));
  auto places = match_columns(inputs_, {reader.name(), {}, header.columns()}, chosen);
  Array array{std::move(reader), {}, {}, {}};
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    check_type(array.reader, i);
    shapes_[i] = inputs_[i].shape(0);
    array.feeds.push_back({i, std::move(places[i])});
  }
  rows_ = array.reader.header().rows();
  arrays_.push_back(std::move(array));
}

void ArraySource::add_by_names(const NpzReader& npz) {
  std::vector<std::string> missing;
  for (const ModelInput& input : inputs_) {
    if (!contains(npz.arrays(), input.name)) missing.push_back(input.name);
  }
  if (!missing.empty()) {
    const std::string found =
        npz.arrays().empty() ? "has no arrays"
                             : fmt::format("has the arrays '{}'", fmt::join(npz.arrays(), "', '"));
    throw UserError(fmt::format(
        "{}: no array for the input{} '{}': it {}; they are named as the "
        "inputs, np.savez(file, **{{'{}': a}})",
        npz.name(), missing.size() > 1 ? "s" : "", fmt::join(missing, "', '"), found, missing[0]));
  }
  for (const std::string& name : npz.arrays()) {
    if (!contains(model_.input_names(), name))
      std::cerr << fmt::format("mlpjit-run: {}: array '{}' is no input: left out\n", npz.name(),
                               name);
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    add_whole(NpyReader(npz.open(inputs_[i].name)), i);
}

void ArraySource::add_whole(NpyReader reader, std::size_t input) {
  const std::optional<Shape> shape = shape_of_rows(inputs_[input], reader.header());
  if (!shape) throw UserError(wrong_shape(reader, inputs_[input], inputs_.size() == 1));
  check_type(reader, input);
  const std::int64_t rows = reader.header().rows();
  if (!arrays_.empty() && rows != rows_) {
    throw UserError(fmt::format("{} has {} rows, the array of input '{}' has {}", reader.name(),
                                rows, inputs_[0].name, rows_));
  }
  rows_ = rows;
  shapes_[input] = *shape;
  arrays_.push_back({std::move(reader), {{input, {}}}, {}, {}});
}

void ArraySource::check_type(const NpyReader& reader, std::size_t input) const {
  const ModelInput& to = inputs_[input];
  const NpyType& type = reader.header().type;
  if (type.is_string() == to.coded) return;
  if (to.coded) {
    throw UserError(
        fmt::format("{}: its dtype is '{}'; input '{}' takes strings: "
                    "a.astype(str), and an .npz with an array for each input",
                    reader.name(), to_string(type), to.name));
  }
  throw UserError(
      fmt::format("{}: its dtype is '{}', strings; input '{}' is {}: "
                  "a.astype(np.float32) makes numbers of them",
                  reader.name(), to_string(type), to.name, to_string(to.spec)));
}

std::int64_t ArraySource::next(std::int64_t most, Tensors& inputs) {
  const std::int64_t rows = std::min(most, rows_ - done_);
  inputs.clear();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    Shape shape = shapes_[i];
    shape.set(0, Dim(rows));
    inputs.push_back(zeros(shape, inputs_[i].spec.dtype));
  }
  for (Array& array : arrays_) {
    read(array, rows, inputs);
    if (done_ + rows == rows_ && (rows > 0 || rows_ == 0)) array.reader.finish();
  }
  done_ += rows;
  return rows;
}

void ArraySource::read(Array& array, std::int64_t rows, Tensors& inputs) {
  const NpyHeader& header = array.reader.header();
  const Feed& first = array.feeds.front();
  if (first.columns.empty() && is_same(header.type, inputs_[first.input].spec.dtype)) {
    array.reader.read(bytes_of(inputs[first.input]), rows);
    return;
  }
  const std::size_t row_bytes = std::max<std::size_t>(header.row_bytes(), 1);
  const auto part = static_cast<std::int64_t>(std::max<std::size_t>(kPartBytes / row_bytes, 1));
  for (std::int64_t from = 0; from < rows; from += part) {
    const std::int64_t count = std::min(part, rows - from);
    array.part.resize(static_cast<std::size_t>(count) * header.row_bytes());
    array.reader.read(array.part.data(), count);
    for (const Feed& feed : array.feeds) give(array, feed, from, count, inputs[feed.input]);
  }
}

// The part that was read, `rows` of the batch from `from`.
void ArraySource::give(Array& array, const Feed& feed, std::int64_t from, std::int64_t rows,
                       Tensor& to) {
  if (feed.columns.empty()) return convert_rows(array, feed, array.part.data(), from, rows, to);
  const std::size_t size = array.reader.header().type.size;
  const std::size_t row_bytes = array.reader.header().row_bytes();
  array.gathered.resize(static_cast<std::size_t>(rows) * feed.columns.size() * size);
  char* next = array.gathered.data();
  for (const char* row = array.part.data(); row != array.part.data() + array.part.size();
       row += row_bytes) {
    for (const std::size_t column : feed.columns) {
      std::memcpy(next, row + column * size, size);
      next += size;
    }
  }
  convert_rows(array, feed, array.gathered.data(), from, rows, to);
}

void ArraySource::convert_rows(const Array& array, const Feed& feed, const char* bytes,
                               std::int64_t from, std::int64_t rows, Tensor& to) const {
  const NpyType& type = array.reader.header().type;
  const ModelInput& input = inputs_[feed.input];
  const std::size_t width =
      feed.columns.empty() ? array.reader.header().columns() : feed.columns.size();
  const std::size_t count = static_cast<std::size_t>(rows) * width;
  const std::size_t before = static_cast<std::size_t>(from) * width;
  if (input.coded) {
    std::int64_t* const codes = to.mutable_data<std::int64_t>().data() + before;
    for (std::size_t i = 0; i < count; ++i)
      codes[i] = model_.code(string_of(type, bytes + i * type.size));
    return;
  }
  const std::size_t good = convert(type, bytes, count, input.spec.dtype,
                                   bytes_of(to) + before * size_of(input.spec.dtype));
  if (good == count) return;
  const std::size_t place = good % width;
  throw UserError(
      fmt::format("{}: row {}, column {} (both from 0): expected {} for input '{}', found {}",
                  array.reader.name(), done_ + from + static_cast<std::int64_t>(good / width),
                  feed.columns.empty() ? place : feed.columns[place], to_string(input.spec.dtype),
                  input.name, shown(type, bytes + good * type.size)));
}

}  // namespace mlpjit::run
