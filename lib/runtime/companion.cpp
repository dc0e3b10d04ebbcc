#include "lib/runtime/companion.h"

#include <dlfcn.h>
#include <fmt/core.h>
#include <link.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace mlpjit::runtime {
namespace {

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

}  // namespace

std::vector<std::string> candidates_for(const Companion& companion) {
  const char* const named = secure_getenv(companion.variable);
  if (named != nullptr && *named != '\0')
    return {named};  // only that one: never another behind the user's back
  std::vector<std::string> files;
  if (const std::string folder = own_folder(); !folder.empty()) {
    for (const char* place : {"/", "/../" MLPJIT_LIBRARY_FOLDER "/", "/../lib/"})
      files.push_back(folder + place + companion.file);
  }
  files.emplace_back(companion.file);
  return files;
}

void* open_companion(const Companion& companion, const std::function<std::string(void*)>& refusal,
                     std::string& tried) {
  for (const std::string& file : candidates_for(companion)) {
    if (file.find('/') != std::string::npos && access(file.c_str(), F_OK) != 0) {
      tried += fmt::format("\n  {}: no such file", file);
      continue;
    }
    void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      tried += fmt::format("\n  {}", dlerror());
      continue;
    }
    const std::string why = refusal(library);
    if (why.empty()) return library;
    tried += fmt::format("\n  {}: {}", file, why);
    dlclose(library);
  }
  return nullptr;
}

}  // namespace mlpjit::runtime
