#include "src/onnx/tensor_data.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "mlpjit/create.h"
#include "mlpjit/error.h"
#include "src/model/half.h"

namespace mlpjit::onnx {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 40;

std::size_t bytes_of(DataType type) {
  switch (type) {
    case DataType::boolean: return 1;
    case DataType::f16:
    case DataType::bf16: return 2;
    case DataType::f32:
    case DataType::i32: return 4;
    default: return 8;
  }
}

class DataReader {
 public:
  DataReader(const TensorData& data, const std::string& file) : data_(data), file_(file) {}

  std::uint64_t count() const;
  std::string_view bytes(std::uint64_t count);

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw FormatError(fmt::format("{}: tensor '{}': {}", file_, data_.name, why));
  }
  std::uint64_t number(const char* key, std::uint64_t otherwise) const;
  std::filesystem::path external_file() const;
  void read_external(std::uint64_t expected);

  const TensorData& data_;
  const std::string& file_;
  std::string external_;
};

std::uint64_t DataReader::count() const {
  if (data_.dims.size() > static_cast<std::size_t>(kMaxRank))
    throw UnsupportedError(fmt::format("{}: tensor '{}': {} axes: mlpjit has at most {}", file_,
                                       data_.name, data_.dims.size(), kMaxRank));
  std::uint64_t count = 1;
  for (const std::int64_t size : data_.dims) {
    if (size < 0) fail(fmt::format("a size is {}", size));
    if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(size), &count) ||
        count > kMostBytes)
      fail("its sizes are beyond what fits memory");
  }
  return count;
}

std::uint64_t DataReader::number(const char* key, std::uint64_t otherwise) const {
  const auto found = data_.external.find(key);
  if (found == data_.external.end()) return otherwise;
  const std::string& text = found->second;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    fail(fmt::format("its external data: {} is '{}', no number", key, text));
  return value;
}

// Beside the model or below, whatever the model says and wherever links lead.
std::filesystem::path DataReader::external_file() const {
  const auto found = data_.external.find("location");
  if (found == data_.external.end()) fail("its external data has no location");
  const std::filesystem::path location(found->second);
  const std::filesystem::path folder =
      std::filesystem::absolute(std::filesystem::path(file_)).parent_path();
  std::error_code error;
  const std::filesystem::path root = std::filesystem::weakly_canonical(folder, error);
  const std::filesystem::path path = std::filesystem::weakly_canonical(folder / location, error);
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  if (error || location.is_absolute() || end != root.end())
    fail(fmt::format("its external data, '{}', is not in the model's folder", found->second));
  return path;
}

void DataReader::read_external(std::uint64_t expected) {
  const std::filesystem::path path = external_file();
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))
    fail(fmt::format("its external data, {}, is no file", path.string()));
  std::ifstream in(path, std::ios::binary);
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (!in || error)
    fail(
        fmt::format("its external data, {}, cannot be read: it stands beside the model where "
                    "the exporter wrote both",
                    path.string()));
  const std::uint64_t offset = number("offset", 0), length = number("length", expected);
  if (length != expected || offset > size || length > size - offset) {
    fail(fmt::format("its external data: expected {} bytes from byte {} on of {}, which has {}",
                     expected, offset, path.string(), size));
  }
  external_.resize(length);
  in.seekg(static_cast<std::streamoff>(offset));
  if (!in.read(external_.data(), static_cast<std::streamsize>(length)))
    fail(fmt::format("its external data, {}, cannot be read", path.string()));
}

std::string_view DataReader::bytes(std::uint64_t count) {
  const std::uint64_t expected = count * bytes_of(data_.type);
  if (data_.is_external) {
    read_external(expected);
    return external_;
  }
  const std::string_view bytes = data_.raw.data() != nullptr ? data_.raw : data_.own;
  if (bytes.size() != expected)
    fail(fmt::format("expected {} bytes for {} elements of {}, found {}", expected, count,
                     to_string(data_.type), bytes.size()));
  return bytes;
}

template <class T>
Tensor filled(const Shape& shape, DType dtype, const std::function<T(std::size_t)>& element) {
  Tensor tensor = zeros(shape, dtype);
  const std::span<T> elements = tensor.mutable_data<T>();
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = element(i);
  return tensor;
}

template <class T>
Tensor copied(const Shape& shape, DType dtype, std::string_view bytes) {
  Tensor tensor = zeros(shape, dtype);
  if (!bytes.empty()) std::memcpy(tensor.mutable_data<T>().data(), bytes.data(), bytes.size());
  return tensor;
}

}  // namespace

Tensor read_tensor(const TensorData& data, DType dtype, const std::string& file) {
  DataReader reader(data, file);
  const std::uint64_t count = reader.count();
  const std::string_view bytes = reader.bytes(count);
  const Shape shape(data.dims);
  if (data.type == DataType::f16 || data.type == DataType::bf16) {
    return filled<float>(shape, dtype, [&](std::size_t i) {
      std::uint16_t half = 0;
      std::memcpy(&half, bytes.data() + 2 * i, 2);
      return data.type == DataType::f16 ? detail::half_to_float(half)
                                        : detail::bfloat_to_float(half);
    });
  }
  switch (dtype) {
    case DType::f32: return copied<float>(shape, dtype, bytes);
    case DType::f64: return copied<double>(shape, dtype, bytes);
    case DType::i32: return copied<std::int32_t>(shape, dtype, bytes);
    case DType::i64: return copied<std::int64_t>(shape, dtype, bytes);
    default: return filled<bool>(shape, dtype, [&](std::size_t i) { return bytes[i] != 0; });
  }
}

Tensor tensor_of_elements(const TensorData& data, DType dtype,
                          const std::vector<std::int64_t>& elements, const std::string& file) {
  if (DataReader(data, file).count() != elements.size())
    throw FormatError(fmt::format("{}: tensor '{}': {} elements do not fill its shape", file,
                                  data.name, elements.size()));
  return filled<std::int64_t>(Shape(data.dims), dtype, [&](std::size_t i) { return elements[i]; });
}

}  // namespace mlpjit::onnx
