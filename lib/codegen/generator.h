#pragma once
// LLVM modules to bytes. What LLVM sets up for a target takes longer than the code of a small
// program, so it is kept for the modules that come after.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include "lib/plan/target.h"

namespace mlpjit::codegen {

// One module after the other.
class Generator {
 public:
  // Throws UnsupportedError where LLVM has no code generator for the target.
  Generator(const plan::Target& target, llvm::CodeGenFileType type);

  llvm::DataLayout layout() const { return machine_->createDataLayout(); }
  // Changes the module. Valid until the next call.
  const llvm::SmallVectorImpl<char>& run(llvm::Module& module);

 private:
  std::unique_ptr<llvm::TargetMachine> machine_;
  llvm::SmallVector<char, 0> bytes_;
  llvm::raw_svector_ostream out_{bytes_};
  llvm::legacy::PassManager passes_;
};

// Generators of objects that nobody uses at the moment. Safe from any number of threads.
class Generators {
 public:
  // One for the target, for the caller alone.
  std::unique_ptr<Generator> take(const plan::Target& target);
  void give_back(const plan::Target& target, std::unique_ptr<Generator> generator);

 private:
  struct Kept {
    std::string target;
    std::unique_ptr<Generator> generator;
  };
  std::mutex mutex_;
  std::vector<Kept> kept_;  // the longest unused first
};

}  // namespace mlpjit::codegen
