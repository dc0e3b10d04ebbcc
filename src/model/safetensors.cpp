#include "mlpjit/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include "lib/support/snapshot.h"
#include "mlpjit/error.h"
#include "src/model/half.h"
#include "src/model/safetensors_file.h"
#include "src/record/recorder.h"
#include "src/record/tensor_impl.h"

namespace mlpjit {

static_assert(std::endian::native == std::endian::little, "elements are stored little-endian");

TensorMap::TensorMap(std::initializer_list<value_type> items) {
  for (const auto& [name, value] : items) (*this)[name] = value;
}
TensorMap::TensorMap(const std::map<std::string, Tensor>& items) {
  for (const auto& [name, value] : items) (*this)[name] = value;
}

const Tensor* TensorMap::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &items_[found->second].second;
}

const Tensor& TensorMap::at(std::string_view name) const& {
  if (const Tensor* tensor = find(name)) return *tensor;
  std::vector<std::string_view> names;
  for (const auto& item : items_) names.push_back(item.first);
  throw ParameterError(
      fmt::format("no tensor '{}'; there are: {}", name,
                  names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
}

Tensor& TensorMap::operator[](std::string_view name) & {
  const auto [found, added] = index_.try_emplace(std::string(name), items_.size());
  if (added) items_.emplace_back(std::string(name), Tensor());
  return items_[found->second].second;
}

bool TensorMap::contains(std::string_view name) const {
  return find(name) != nullptr;
}

namespace {

using detail::Header;
using detail::HeaderEntry;

constexpr std::array<std::pair<std::string_view, DType>, kDTypeCount> kDTypes = {
    {{"F32", DType::f32},
     {"F64", DType::f64},
     {"I32", DType::i32},
     {"I64", DType::i64},
     {"BOOL", DType::boolean}}};

std::optional<DType> dtype_named(std::string_view name) {
  for (const auto& [text, dtype] : kDTypes) {
    if (text == name) return dtype;
  }
  return std::nullopt;
}

bool is_half(const HeaderEntry& entry) {
  return entry.dtype == "F16" || entry.dtype == "BF16";
}

}  // namespace

namespace detail {

SafetensorsFile::SafetensorsFile(const std::string& path) : name_(path) {
  const auto file = std::make_shared<support::InputFile>(path);
  read_ = [file](std::uint64_t offset, std::span<std::byte> out) { file->read(offset, out); };
  open(file->size());
}

SafetensorsFile::SafetensorsFile(std::span<const std::byte> bytes, const std::string& name)
    : name_(name), read_([bytes](std::uint64_t offset, std::span<std::byte> out) {
        std::memcpy(out.data(), bytes.data() + offset, out.size());
      }) {
  open(bytes.size());
}

void SafetensorsFile::open(std::uint64_t size) {
  constexpr std::uint64_t kLengthBytes = 8;
  if (size < kLengthBytes) {
    throw FormatError(
        fmt::format("{}: byte {}: expected the 8 bytes of the header's length, the file ends here",
                    name_, size));
  }
  std::uint64_t length = 0;
  read_(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > size - kLengthBytes || length > kMaxSafetensorsHeader) {
    throw FormatError(fmt::format(
        "{}: byte 0: the header's length is {}, expected at most {}: not a safetensors file, or "
        "cut short",
        name_, length, std::min(size - kLengthBytes, kMaxSafetensorsHeader)));
  }
  std::string text(length, '\0');
  if (length > 0) read_(kLengthBytes, std::as_writable_bytes(std::span(text)));
  header_ = parse_header(text, name_, kLengthBytes);
  data_ = kLengthBytes + length;
  check_header(header_, name_, data_, size - data_);
}

std::string SafetensorsFile::unreadable(const HeaderEntry& entry, bool cast) {
  if (entry.shape.size() > static_cast<std::size_t>(kMaxRank))
    return fmt::format("{} dimensions; expected at most {}", entry.shape.size(), kMaxRank);
  if (dtype_named(entry.dtype) || (is_half(entry) && cast)) return "";
  if (is_half(entry))
    return fmt::format("dtype {}; read it as f32 with {{.cast = true}}", entry.dtype);
  if (safetensors_element_size(entry.dtype) == 0)
    return fmt::format("the unknown dtype '{}'; expected F32, F64, I32, I64 or BOOL", entry.dtype);
  return fmt::format(
      "dtype {}; expected F32, F64, I32, I64 or BOOL, F16 or BF16 with {{.cast = true}}",
      entry.dtype);
}

Tensor SafetensorsFile::read(const HeaderEntry& entry, bool cast) const {
  if (const std::string why = unreadable(entry, cast); !why.empty())
    throw FormatError(fmt::format("{}: tensor '{}' has {}", name_, entry.name, why));
  const TracePause pause;
  const std::optional<DType> dtype = dtype_named(entry.dtype);
  Tensor tensor = make_tensor(dtype.value_or(DType::f32), Shape(entry.shape));
  const std::size_t count = static_cast<std::size_t>(tensor.size());
  const std::uint64_t begin = data_ + entry.begin;
  void* elements = TensorAccess::impl(tensor)->storage->data();
  if (dtype) {
    const std::span<std::byte> bytes(static_cast<std::byte*>(elements), count * size_of(*dtype));
    if (!bytes.empty()) read_(begin, bytes);
    if (*dtype == DType::boolean) {
      const auto wrong =
          std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; });
      if (wrong != bytes.end()) {
        throw FormatError(fmt::format("{}: byte {}: expected 0 or 1 in BOOL tensor '{}', found {}",
                                      name_,
                                      begin + static_cast<std::uint64_t>(wrong - bytes.begin()),
                                      entry.name, static_cast<int>(*wrong)));
      }
    }
    return tensor;
  }
  std::vector<std::uint16_t> halves(count);
  if (count > 0) read_(begin, std::as_writable_bytes(std::span(halves)));
  std::transform(halves.begin(), halves.end(), static_cast<float*>(elements),
                 entry.dtype == "F16" ? half_to_float : bfloat_to_float);
  return tensor;
}

TensorMap SafetensorsFile::read_all(bool cast) const {
  std::string problems;
  for (const HeaderEntry& entry : header_.entries) {
    if (const std::string why = unreadable(entry, cast); !why.empty())
      problems +=
          fmt::format("{}tensor '{}' has {}", problems.empty() ? "" : "\n  ", entry.name, why);
  }
  if (!problems.empty()) throw FormatError(fmt::format("{}: {}", name_, problems));
  TensorMap tensors;
  for (const HeaderEntry& entry : header_.entries) tensors[entry.name] = read(entry, cast);
  tensors.metadata = header_.metadata;
  return tensors;
}

}  // namespace detail

TensorMap load_safetensors(const std::string& path, const SafetensorsOptions& options) {
  return detail::SafetensorsFile(path).read_all(options.cast);
}

TensorMap parse_safetensors(std::span<const std::byte> bytes, const SafetensorsOptions& options,
                            const std::string& name) {
  return detail::SafetensorsFile(bytes, name).read_all(options.cast);
}

void save_safetensors(const std::string& path, const TensorMap& tensors) {
  support::OutputFile file(path);
  detail::write_safetensors(file, path, tensors);
  file.publish();
}

namespace detail {

void write_safetensors(support::OutputFile& file, const std::string& path,
                       const TensorMap& tensors) {
  // Wide elements first, so that every tensor is aligned to its elements in the file.
  std::vector<const TensorMap::value_type*> order;
  for (const auto& item : tensors) {
    if (!item.second.defined())
      throw UserError(fmt::format("{}: tensor '{}' is not defined", path, item.first));
    if (item.first == "__metadata__") {
      throw UserError(fmt::format("{}: no tensor can be named '__metadata__'", path));
    }
    order.push_back(&item);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return size_of(a->second.dtype()) > size_of(b->second.dtype());
  });
  const support::Snapshot snapshot;  // as long as the elements are read
  std::map<std::string_view, std::uint64_t> begins;
  std::vector<std::span<const std::byte>> parts(2);
  std::uint64_t end = 0;
  for (const auto* item : order) {
    const Tensor& tensor = item->second;
    const std::uint64_t bytes = static_cast<std::uint64_t>(tensor.size()) * size_of(tensor.dtype());
    begins[item->first] = end;
    end += bytes;
    if (tensor.is_symbolic()) {
      throw TraceError(fmt::format(
          "{}: tensor '{}' is a symbol of a trace and has no values to save", path, item->first));
    }
    parts.emplace_back(static_cast<const std::byte*>(detail::TensorAccess::impl(tensor)->data()),
                       bytes);
  }
  Header header;
  header.metadata = tensors.metadata;
  for (const auto& [name, tensor] : tensors) {
    const auto dtype = std::find_if(kDTypes.begin(), kDTypes.end(), [&](const auto& entry) {
      return entry.second == tensor.dtype();
    });
    const std::span<const std::int64_t> sizes = tensor.shape().sizes();
    const std::uint64_t begin = begins[name];
    header.entries.push_back(
        {name,
         std::string(dtype->first),
         {sizes.begin(), sizes.end()},
         begin,
         begin + static_cast<std::uint64_t>(tensor.size()) * size_of(tensor.dtype())});
  }
  const std::string text = detail::format_header(header);
  const std::uint64_t length = text.size();
  parts[0] = std::as_bytes(std::span(&length, 1));
  parts[1] = std::as_bytes(std::span(text));
  file.write(parts);
}

}  // namespace detail

}  // namespace mlpjit
