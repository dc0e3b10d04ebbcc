// Models of one file: of ONNX, and those that save() wrote.

#include "src/model/import_file.h"
#include "src/model/symbol_program.h"
#include "test/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlpjit;
  return fuzz::taking_errors([&] {
    const nn::SymbolBlock block =
        detail::import_bytes(fuzz::text_of(data, size), "no_folder/bytes", {});
    fuzz::run_once(detail::SymbolAccess::program(block).bound());
  });
}
