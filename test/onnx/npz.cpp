#include "test/onnx/npz.h"

#include <cstring>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "mlpjit/create.h"
#include "src/model/half.h"

namespace mlpjit::test {
namespace {

template <class T>
T at(const std::string& bytes, std::size_t offset) {
  T value;
  if (offset + sizeof(T) > bytes.size()) throw std::runtime_error("an npz file is cut off");
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

template <class T>
Tensor numbers(const Shape& shape, DType dtype, const char* data) {
  Tensor tensor = zeros(shape, dtype);
  if (tensor.size() > 0)
    std::memcpy(tensor.mutable_data<T>().data(), data,
                static_cast<std::size_t>(tensor.size()) * sizeof(T));
  return tensor;
}

Tensor bytes_as_i32(const Shape& shape, const char* data) {
  Tensor tensor = zeros(shape, DType::i32);
  const std::span<std::int32_t> to = tensor.mutable_data<std::int32_t>();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<unsigned char>(data[i]);
  return tensor;
}

Tensor halves(const Shape& shape, const char* data) {
  Tensor tensor = zeros(shape);
  const std::span<float> to = tensor.mutable_data<float>();
  for (std::size_t i = 0; i < to.size(); ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, data + 2 * i, 2);
    to[i] = detail::half_to_float(half);
  }
  return tensor;
}

// UTF-32 strings of fixed width, ASCII in our data.
std::vector<std::string> texts(std::int64_t count, std::size_t width, const char* data) {
  std::vector<std::string> result;
  for (std::int64_t i = 0; i < count; ++i, data += 4 * width) {
    std::string& text = result.emplace_back();
    for (std::size_t k = 0; k < width && data[4 * k] != 0; ++k) text += data[4 * k];
  }
  return result;
}

Array read_npy(const std::string& bytes) {
  const bool first = at<std::uint8_t>(bytes, 6) == 1;
  const std::size_t length = first ? at<std::uint16_t>(bytes, 8) : at<std::uint32_t>(bytes, 8);
  const std::size_t start = (first ? 10 : 12) + length;
  const std::string header = bytes.substr(first ? 10 : 12, length);
  std::smatch match;
  if (!std::regex_search(header, match, std::regex("'descr': '([^']*)'.*'shape': \\(([^)]*)\\)")))
    throw std::runtime_error("an npy header: " + header);
  const std::string kind = match[1];
  Array array;
  std::istringstream sizes(match[2]);
  for (std::string size; std::getline(sizes, size, ',');) {
    if (size.find_first_of("0123456789") != std::string::npos)
      array.shape.push_back(Dim(std::stoll(size)));
  }
  const char* data = bytes.data() + start;
  if (kind == "<f4")
    array.numbers = numbers<float>(array.shape, DType::f32, data);
  else if (kind == "<f8")
    array.numbers = numbers<double>(array.shape, DType::f64, data);
  else if (kind == "<i4")
    array.numbers = numbers<std::int32_t>(array.shape, DType::i32, data);
  else if (kind == "<i8")
    array.numbers = numbers<std::int64_t>(array.shape, DType::i64, data);
  else if (kind == "|b1")
    array.numbers = numbers<bool>(array.shape, DType::boolean, data);
  else if (kind == "|u1")
    array.numbers = bytes_as_i32(array.shape, data);
  else if (kind == "<f2")
    array.numbers = halves(array.shape, data);
  else if (kind.starts_with("<U"))
    array.texts = texts(array.shape.size(), std::stoul(kind.substr(2)), data);
  else
    throw std::runtime_error("an npy array of " + kind);
  return array;
}

}  // namespace

std::map<std::string, Array> read_npz(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream read;
  read << in.rdbuf();
  const std::string bytes = read.str();
  // The directory at the end, which a fixed record closes.
  const std::size_t end = bytes.rfind("PK\x05\x06");
  if (end == std::string::npos) throw std::runtime_error(path + ": no zip archive");
  const auto count = at<std::uint16_t>(bytes, end + 10);
  std::size_t entry = at<std::uint32_t>(bytes, end + 16);
  std::map<std::string, Array> arrays;
  for (int i = 0; i < count; ++i) {
    const auto method = at<std::uint16_t>(bytes, entry + 10);
    const auto size = at<std::uint32_t>(bytes, entry + 24);
    const auto name_length = at<std::uint16_t>(bytes, entry + 28);
    const auto local = at<std::uint32_t>(bytes, entry + 42);
    const std::string name = bytes.substr(entry + 46, name_length);
    if (method != 0) throw std::runtime_error(path + ": compressed");
    const std::size_t data =
        local + 30 + at<std::uint16_t>(bytes, local + 26) + at<std::uint16_t>(bytes, local + 28);
    arrays[name.substr(0, name.size() - 4)] = read_npy(bytes.substr(data, size));
    entry += 46U + name_length + at<std::uint16_t>(bytes, entry + 30) +
             at<std::uint16_t>(bytes, entry + 32);
  }
  return arrays;
}

}  // namespace mlpjit::test
