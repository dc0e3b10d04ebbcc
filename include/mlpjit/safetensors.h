#pragma once
/// @file
/// Tensors by name in files of the safetensors layout (https://github.com/huggingface/safetensors):
/// eight bytes with the length of a JSON header, the header, then the elements, little-endian and
/// row-major.

#include <cstddef>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mlpjit/export.h"
#include "mlpjit/tensor.h"

namespace mlpjit {

/// Tensors by name, in the order they were added, with the strings that a file carries about
/// itself.
class MLPJIT_API TensorMap {
 public:
  using value_type = std::pair<std::string, Tensor>;

  TensorMap() = default;
  TensorMap(std::initializer_list<value_type> items);
  /// From any map from names to tensors.
  TensorMap(const std::map<std::string, Tensor>& items);  // NOLINT: maps convert

  /// The tensor of that name. @throws ParameterError with the names there are.
  const Tensor& at(std::string_view name) const& MLPJIT_LIFETIMEBOUND;
  const Tensor& operator[](std::string_view name) const& MLPJIT_LIFETIMEBOUND { return at(name); }
  /// The tensor of that name; an undefined one is added where there is none, to be assigned to.
  Tensor& operator[](std::string_view name) & MLPJIT_LIFETIMEBOUND;
  /// Of a temporary: a handle, `load_safetensors("f.safetensors").at("w")`.
  Tensor at(std::string_view name) const&& { return static_cast<const TensorMap&>(*this).at(name); }
  Tensor operator[](std::string_view name) const&& {
    return static_cast<const TensorMap&>(*this).at(name);
  }

  bool contains(std::string_view name) const;
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  /// The strings under `__metadata__`; kept from reading to writing.
  std::map<std::string, std::string> metadata;

 private:
  const Tensor* find(std::string_view name) const;
  std::vector<value_type> items_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

/// How `load_safetensors` reads.
struct SafetensorsOptions {
  /// Read F16 and BF16, which tensors do not have, as f32 (exactly). Otherwise they are a
  /// FormatError.
  bool cast = false;
};

/// Reads a file with F32, F64, I32, I64 and BOOL tensors. @throws FormatError naming the file, the
/// byte, what was found and what was expected. Nothing is allocated beyond what the file holds.
MLPJIT_API TensorMap load_safetensors(const std::string& path,
                                      const SafetensorsOptions& options = {});

/// The same from memory; `name` stands for the file in messages.
MLPJIT_API TensorMap parse_safetensors(std::span<const std::byte> bytes,
                                       const SafetensorsOptions& options = {},
                                       const std::string& name = "safetensors");

/// Writes a file that any safetensors reader opens. It is seen whole or not at all. @throws
/// UserError when it cannot be written.
MLPJIT_API void save_safetensors(const std::string& path, const TensorMap& tensors);

}  // namespace mlpjit
