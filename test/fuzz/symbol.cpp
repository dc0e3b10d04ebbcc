// A symbol file and its parameter file, one after the other with a zero byte between them; read
// with its checks, and with all that loading forgives.

#include "src/model/import_file.h"
#include "src/model/symbol_program.h"
#include "test/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlpjit;
  const std::string_view bytes = fuzz::text_of(data, size);
  const std::size_t end = std::min(bytes.find('\0'), bytes.size());
  const std::string_view symbol = bytes.substr(0, end);
  const std::string_view parameters = bytes.substr(std::min(end + 1, bytes.size()));
  for (const nn::LoadOptions& options :
       {nn::LoadOptions{}, nn::LoadOptions{.cast = true, .strict = false}}) {
    fuzz::taking_errors([&] {
      const nn::SymbolBlock block = detail::import_pair(symbol, parameters, "bytes", options);
      fuzz::run_once(detail::SymbolAccess::program(block).bound());
    });
  }
  return 0;
}
