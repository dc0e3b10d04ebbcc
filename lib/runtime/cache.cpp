#include "lib/runtime/cache.h"

#include <fmt/core.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/codegen/abi.h"
#include "mlpjit/version.h"

namespace mlpjit::runtime {

BuildKey build_key(const Settings& settings) {
  BuildKey key;
  key.backend = settings.backend;
  key.passes = settings.passes;
  key.target = plan::make_target(settings.isa);
  key.threads = settings.sharing.threads;
  key.versions = fmt::format("mlpjit {} numerics {} abi {} llvm {}", MLPJIT_VERSION,
                             kNumericsVersion, codegen::kAbiVersion, MLPJIT_LLVM_VERSION);
  return key;
}

std::uint64_t hash(const BuildKey& key) {
  std::string text = fmt::format("{} {} {} {} ", static_cast<int>(key.backend),
                                 plan::to_string(key.target), key.threads, key.versions);
  for (const passes::PassInfo& pass : passes::all_passes())
    text += key.passes.*pass.enabled ? '1' : '0';
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace mlpjit::runtime
