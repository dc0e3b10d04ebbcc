// Programs as text. What was read prints as a text that reads back to itself.

#include "test/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlpjit;
  return fuzz::taking_errors([&] {
    const Graph program = Graph::parse(fuzz::text_of(data, size));
    const std::string printed = program.to_text();
    std::string again;
    try {
      again = Graph::parse(printed).to_text();
    } catch (const UserError& error) {
      again = error.what();
    }
    fuzz::require(again == printed, "printed:\n" + printed + "\nreads back as:\n" + again);
    program.to_dot();
    fuzz::run_both(program);
  });
}
