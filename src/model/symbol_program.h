#pragma once
// The imported program that the handles of one SymbolBlock share.

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mlpjit/graph.h"
#include "mlpjit/nn/parameter.h"
#include "mlpjit/nn/symbol_block.h"
#include "src/model/export_model.h"
#include "src/model/parameter_file.h"

namespace mlpjit::detail {

class Variants;

struct SymbolProgram {
  SymbolFile symbol;  // never changed
  // One per input of @main, where it is a parameter or a capture.
  std::vector<nn::Parameter> parameters;
  std::vector<Tensor> captures;
  // Where the program hangs on values of arguments: `symbol` has the inputs, and no ops.
  std::shared_ptr<Variants> variants;

  // Throws UnsupportedError where it hangs on values of arguments.
  void check_one() const;
  // The program with its tensors. Throws ParameterError while a parameter has no values.
  Graph bound() const;
  // Runs op by op; while tracing, writes itself into the trace.
  Tensors run(const Tensors& arguments);
  // The same program with the values of now.
  PortableModel portable() const;
  std::shared_ptr<SymbolProgram> clone() const;

 private:
  std::mutex mutex_;
  std::optional<Executable> executable_;  // guarded by the mutex
};

struct SymbolAccess {
  static nn::SymbolBlock make(std::shared_ptr<SymbolProgram> program) {
    return nn::SymbolBlock(std::move(program));
  }
  static std::shared_ptr<SymbolProgram> share(const nn::SymbolBlock& block) {
    return block.program_;
  }
  static const SymbolProgram& program(const nn::SymbolBlock& block) { return *block.program_; }
};

// The model of a program that was read from `file` or traced, and of the tensors of its parameter
// file. `others` are those of them that are neither parameters nor captures.
nn::SymbolBlock make_symbol_block(SymbolFile symbol, const std::string& file,
                                  const StoredTensors& tensors, const nn::LoadOptions& options,
                                  std::set<std::string> others = {});

// The model of a text and of the tensors of its parameter file.
nn::SymbolBlock import_model(const JsonText& symbol, const StoredTensors& tensors,
                             const nn::LoadOptions& options);

}  // namespace mlpjit::detail
