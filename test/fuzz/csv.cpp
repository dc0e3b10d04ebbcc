// Tables in CSV, as mlpjit-run reads them. The first byte chooses the model and the options.

#include "test/fuzz/target.h"
#include "tools/mlpjit-run/csv_source.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlpjit;
  if (size == 0) return 0;
  const unsigned choice = data[0];
  run::CsvOptions options;
  options.header = (choice & 8) == 0;
  options.skip_bad = (choice & 16) != 0;
  options.delimiter = (choice & 32) != 0 ? ';' : ',';
  return fuzz::taking_errors([&] {
    run::CsvSource rows(fuzz::model_of_rows(choice),
                        std::make_unique<fuzz::MemorySource>(fuzz::text_of(data + 1, size - 1)),
                        options);
    Tensors inputs;
    while (rows.next(3, inputs) == 3) {
    }
  });
}
