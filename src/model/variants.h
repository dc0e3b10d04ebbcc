#pragma once
// The programs of a model that is another one for other values of some inputs, such as axes or a
// shape, or for other sizes.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/model/function_model.h"
#include "src/model/symbol_program.h"

namespace mlpjit::detail {

// Safe from any number of threads. The last so many are kept; others are made again when asked for.
class Variants {
 public:
  struct Outline {
    std::string file;                                   // for messages
    std::vector<std::pair<std::string, Shape>> shapes;  // of the inputs, with their names
    std::set<std::string> sizes;                        // symbols in them that must be known
  };
  using Make = std::function<std::shared_ptr<SymbolProgram>(const Known&)>;
  Variants(Outline outline, Make make) : outline_(std::move(outline)), make_(std::move(make)) {}

  // The number of the program for these arguments, from 1 on, made if it is not there.
  std::uint64_t of(std::span<const Tensor> arguments);
  // Runs it; while tracing, that of the compiled call that traces. Throws TraceError where another
  // network's trace asks, for which the values are symbols.
  Tensors run(const Tensors& arguments);
  // Throws UnsupportedError: `what` needs one program.
  [[noreturn]] void refuse(const std::string& what) const;
  std::shared_ptr<Variants> clone() const { return std::make_shared<Variants>(outline_, make_); }

 private:
  struct Variant {
    std::shared_ptr<SymbolProgram> program;
    std::set<std::size_t> known;  // inputs that are constants in it
    std::string key;              // of the arguments that it was made for
    std::uint64_t used = 0;       // when it was last asked for
  };
  std::uint64_t keep(Variant made, std::span<const Tensor> arguments,
                     const std::map<std::string, std::int64_t>& sizes);
  std::optional<std::uint64_t> find(std::span<const Tensor> arguments,
                                    const std::map<std::string, std::int64_t>& sizes);
  std::map<std::string, std::int64_t> sizes_of(std::span<const Tensor> arguments) const;
  std::string key_of(std::span<const Tensor> arguments,
                     const std::map<std::string, std::int64_t>& sizes) const;
  const char* what() const;

  const Outline outline_;
  const Make make_;
  std::mutex mutex_;
  std::set<std::size_t> needed_;                  // inputs that some program hung on
  std::map<std::string, std::uint64_t> numbers_;  // by the bytes of those, and the sizes
  std::map<std::uint64_t, Variant> variants_;     // by their numbers
  std::uint64_t made_ = 0, clock_ = 0;
};

}  // namespace mlpjit::detail
