// Parameter files.

#include "test/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlpjit;
  for (const bool cast : {false, true})
    fuzz::taking_errors([&] { parse_safetensors(std::as_bytes(std::span(data, size)), {cast}); });
  return 0;
}
