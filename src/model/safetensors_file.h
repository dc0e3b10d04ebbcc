#pragma once
// A safetensors file, read tensor by tensor.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "lib/support/file.h"
#include "mlpjit/safetensors.h"
#include "src/model/safetensors_header.h"

namespace mlpjit::detail {

// A file whose header was read and checked. Errors are FormatError and name the file.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);
  // The same in memory, which must outlive it; `name` stands for the file in messages.
  SafetensorsFile(std::span<const std::byte> bytes, const std::string& name);

  const std::string& name() const { return name_; }
  const Header& header() const { return header_; }
  // Why no tensor can have its dtype and shape, with the way out; "" when one can. `cast` reads
  // F16 and BF16 as f32.
  static std::string unreadable(const HeaderEntry& entry, bool cast);
  Tensor read(const HeaderEntry& entry, bool cast) const;
  // Every tensor. What cannot be read is named all at once.
  TensorMap read_all(bool cast) const;

 private:
  using Read = std::function<void(std::uint64_t offset, std::span<std::byte> out)>;
  void open(std::uint64_t size);

  std::string name_;
  Read read_;
  Header header_;
  std::uint64_t data_ = 0;  // where the elements begin
};

// Writes the tensors to a file that is yet to be published. Throws UserError.
void write_safetensors(support::OutputFile& file, const std::string& path,
                       const TensorMap& tensors);

}  // namespace mlpjit::detail
