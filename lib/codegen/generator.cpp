#include "lib/codegen/generator.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Target/TargetOptions.h>

#include "mlpjit/error.h"

namespace mlpjit::codegen {
namespace {

// Threads that compile at once, times the targets of one process.
constexpr std::size_t kMostKept = 4;

std::unique_ptr<llvm::TargetMachine> make_machine(const plan::Target& target) {
  std::string error;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(std::string(target.triple), error);
  if (found == nullptr) {
    throw UnsupportedError(fmt::format("Backend::native: no code generator for {} ({})",
                                       plan::to_string(target), error));
  }
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;  // the numerics contract
  options.EnableFastISel = false;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      target.triple, target.cpu, "", options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
      llvm::CodeGenOptLevel::Less, /*JIT=*/true));
}

}  // namespace

Generator::Generator(const plan::Target& target, llvm::CodeGenFileType type)
    : machine_(make_machine(target)) {
  if (machine_->addPassesToEmitFile(passes_, out_, nullptr, type, /*DisableVerify=*/true))
    throw InternalError("codegen: the target cannot emit this kind of file");
}

const llvm::SmallVectorImpl<char>& Generator::run(llvm::Module& module) {
  bytes_.clear();
  passes_.run(module);
  return bytes_;
}

std::unique_ptr<Generator> Generators::take(const plan::Target& target) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(kept_.rbegin(), kept_.rend(),
                                    [&](const Kept& kept) { return kept.target == target.name; });
    if (found != kept_.rend()) {
      std::unique_ptr<Generator> taken = std::move(found->generator);
      kept_.erase(std::next(found).base());
      return taken;
    }
  }
  return std::make_unique<Generator>(target, llvm::CodeGenFileType::ObjectFile);
}

void Generators::give_back(const plan::Target& target, std::unique_ptr<Generator> generator) {
  const std::lock_guard lock(mutex_);
  if (kept_.size() == kMostKept) kept_.erase(kept_.begin());
  kept_.push_back({std::string(target.name), std::move(generator)});
}

}  // namespace mlpjit::codegen
