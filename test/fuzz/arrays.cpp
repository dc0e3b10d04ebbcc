// Arrays of numpy, .npy and .npz, as mlpjit-run reads them. The first byte chooses the model.

#include <sys/mman.h>

#include "test/fuzz/target.h"
#include "tools/mlpjit-run/array_source.h"

namespace {

using namespace mlpjit;

// Rows of nothing take no bytes: any number of them may be there.
void read_all(run::ArraySource rows) {
  Tensors inputs;
  for (int batches = 0; batches < 64 && rows.next(3, inputs) == 3;) ++batches;
}

void read_archive(const nn::SymbolBlock& model, std::string_view bytes) {
  run::File file(fdopen(memfd_create("bytes", 0), "w+b"));
  fuzz::require(std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size() &&
                    std::fseek(file.get(), 0, SEEK_SET) == 0,
                "a file in memory");
  read_all(run::ArraySource(model, run::NpzReader(std::move(file), "bytes"), {}));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const nn::SymbolBlock& model = fuzz::model_of_rows(data[0]);
  const std::string_view bytes = fuzz::text_of(data + 1, size - 1);
  const bool archive = bytes.starts_with("PK");
  return fuzz::taking_errors([&] {
    if (archive)
      read_archive(model, bytes);
    else
      read_all(run::ArraySource(model, std::make_unique<fuzz::MemorySource>(bytes), {}));
  });
}
