#pragma once
// What the fuzz targets share. A target takes any bytes: it gives a result or an error of the
// user's. Anything else is a finding: an InternalError, another exception, what the sanitizers see,
// a hang, memory beyond the bounds.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "mlpjit/mlpjit.h"
#include "tools/mlpjit-run/byte_source.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mlpjit::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Takes errors of the user's; 0, as libFuzzer wants it.
template <class Function>
int taking_errors(const Function& function) {
  try {
    function();
  } catch (const UserError&) {
  }
  return 0;
}

// What must hold, whatever the bytes are. @throws InternalError, which is a finding.
void require(bool holds, const std::string& what);

// Runs a program once by the interpreter, on small inputs and within bounds; does nothing where it
// may cost more than a moment. Errors of the user's are taken.
void run_once(const Graph& program);
// The same, of a program that nothing is bound to: as written and optimised, which must give the
// same bits, or both an error.
void run_both(const Graph& program);

class MemorySource final : public run::ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : ByteSource("bytes"), left_(bytes) {}
  std::size_t read(char* bytes, std::size_t size) override;

 private:
  std::string_view left_;
};

// Models without ops, for rows of any kind: inputs of one and several columns, of every dtype, of
// strings, of sizes that are the table's.
inline constexpr std::size_t kModels = 8;
const nn::SymbolBlock& model_of_rows(std::size_t number);

}  // namespace mlpjit::fuzz
