#include "lib/runtime/loader.h"

#include <dlfcn.h>
#include <fmt/core.h>
#include <link.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string_view>

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

constexpr const char* kVariable = "MLPJIT_CODEGEN_LIBRARY";

// The folder of the file that holds this code: libmlpjit.so, or the program it is linked into.
std::string own_folder() {
  Dl_info info{};
  link_map* map = nullptr;
  if (dladdr1(reinterpret_cast<void*>(&own_folder), &info, reinterpret_cast<void**>(&map),
              RTLD_DL_LINKMAP) == 0) {
    return {};
  }
  // The dynamic linker has no name for the program itself, only what the user typed.
  std::error_code ignored;
  const bool is_program = map == nullptr || map->l_name == nullptr || *map->l_name == '\0';
  const std::filesystem::path file = is_program
                                         ? std::filesystem::read_symlink("/proc/self/exe", ignored)
                                         : std::filesystem::path(map->l_name);
  return file.parent_path().string();
}

// One candidate: the code generator, or null and what went wrong.
const codegen::Toolchain* open_toolchain(const std::string& file, std::string& tried) {
  if (file.find('/') != std::string::npos && access(file.c_str(), F_OK) != 0) {
    tried += fmt::format("\n  {}: no such file", file);
    return nullptr;
  }
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    tried += fmt::format("\n  {}", dlerror());
    return nullptr;
  }
  const auto build =
      reinterpret_cast<decltype(&mlpjit_codegen_build)>(dlsym(library, "mlpjit_codegen_build"));
  const auto create =
      reinterpret_cast<decltype(&mlpjit_codegen_create)>(dlsym(library, "mlpjit_codegen_create"));
  if (build == nullptr || create == nullptr) {
    tried += fmt::format("\n  {}: not a code generator of this mlpjit", file);
  } else if (std::string_view(build()) != codegen::kBuildId) {
    tried += fmt::format("\n  {}: of another build of mlpjit: {}, expected {}", file, build(),
                         codegen::kBuildId);
  } else {
    return create();
  }
  dlclose(library);
  return nullptr;
}

}  // namespace

std::vector<std::string> codegen_candidates() {
  const char* const named = secure_getenv(kVariable);
  if (named != nullptr && *named != '\0')
    return {named};  // only that one: never another behind the user's back
  std::vector<std::string> files;
  if (const std::string folder = own_folder(); !folder.empty()) {
    files.push_back(folder + "/" MLPJIT_CODEGEN_FILE);
    files.push_back(folder + "/../" MLPJIT_LIBRARY_FOLDER "/" MLPJIT_CODEGEN_FILE);
    files.push_back(folder + "/../lib/" MLPJIT_CODEGEN_FILE);
  }
  files.push_back(MLPJIT_CODEGEN_FILE);
  return files;
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
  for (const std::string& file : codegen_candidates()) {
    if (const codegen::Toolchain* toolchain = open_toolchain(file, tried)) {
      loaded.store(toolchain, std::memory_order_release);
      return *toolchain;
    }
  }
  throw UnsupportedError(
      fmt::format("Backend::native: the code generator {} cannot be opened; {}, or name the file "
                  "in {}. Tried:{}",
                  MLPJIT_CODEGEN_FILE, kWayOut, kVariable, tried));
}

#endif

}  // namespace mlpjit::runtime
