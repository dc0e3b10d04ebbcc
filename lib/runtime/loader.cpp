#include "lib/runtime/loader.h"

#include <dlfcn.h>
#include <fmt/core.h>

#include <atomic>
#include <mutex>
#include <string_view>

#include "lib/runtime/companion.h"
#include "mlpjit/error.h"
#if defined(MLPJIT_CODEGEN_FILE)
#include "mlpjit_build_id.h"
#endif

namespace mlpjit::runtime {

namespace {

constexpr const char* kWayOut =
    "use Backend::graph, which needs no compiler and gives the same bits";

}  // namespace

#if !defined(MLPJIT_HAS_LLVM)

bool built_with_llvm() {
  return false;
}

std::vector<std::string> codegen_candidates() {
  return {};
}

const codegen::Toolchain& load_toolchain() {
  throw UnsupportedError(
      fmt::format("Backend::native: this mlpjit was built without LLVM (MLPJIT_WITH_LLVM=OFF) and "
                  "cannot compile; {}, or build "
                  "with MLPJIT_WITH_LLVM=ON",
                  kWayOut));
}

#elif defined(MLPJIT_STATIC_CODEGEN)

bool built_with_llvm() {
  return true;
}

std::vector<std::string> codegen_candidates() {
  return {};
}

const codegen::Toolchain& load_toolchain() {
  // Never freed: code may be compiled and run until the very end of the process.
  static const codegen::Toolchain* const toolchain = mlpjit_codegen_create();
  return *toolchain;
}

#else

bool built_with_llvm() {
  return true;
}

namespace {

constexpr Companion kCodegen{MLPJIT_CODEGEN_FILE, "MLPJIT_CODEGEN_LIBRARY"};

template <class Function>
Function* symbol_of(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

// Whether an opened library is the code generator of this build; else why not.
std::string refusal_of(void* library) {
  auto* const build = symbol_of<decltype(mlpjit_codegen_build)>(library, "mlpjit_codegen_build");
  if (build == nullptr || dlsym(library, "mlpjit_codegen_create") == nullptr)
    return "not a code generator of this mlpjit";
  if (std::string_view(build()) == codegen::kBuildId) return "";
  return fmt::format("of another build of mlpjit: {}, expected {}", build(), codegen::kBuildId);
}

}  // namespace

std::vector<std::string> codegen_candidates() {
  return candidates_for(kCodegen);
}

const codegen::Toolchain& load_toolchain() {
  // Never closed: code may be compiled and run until the very end of the process.
  static std::atomic<const codegen::Toolchain*> loaded{nullptr};
  if (const codegen::Toolchain* toolchain = loaded.load(std::memory_order_acquire))
    return *toolchain;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (const codegen::Toolchain* toolchain = loaded.load(std::memory_order_relaxed))
    return *toolchain;
  std::string tried;
  if (void* const library = open_companion(kCodegen, refusal_of, tried)) {
    const codegen::Toolchain* const toolchain =
        symbol_of<decltype(mlpjit_codegen_create)>(library, "mlpjit_codegen_create")();
    loaded.store(toolchain, std::memory_order_release);
    return *toolchain;
  }
  throw UnsupportedError(
      fmt::format("Backend::native: the code generator {} cannot be opened; {}, or name the file "
                  "in {}. Tried:{}",
                  kCodegen.file, kWayOut, kCodegen.variable, tried));
}

#endif

}  // namespace mlpjit::runtime
