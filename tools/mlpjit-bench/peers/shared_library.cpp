#include "tools/mlpjit-bench/peers/shared_library.h"

#include <dlfcn.h>
#include <glob.h>

#include <cstdlib>
#include <sstream>

namespace mlpjit::bench {

std::unique_ptr<SharedLibrary> SharedLibrary::open(const std::vector<std::string>& candidates) {
  for (const std::string& candidate : candidates) {
    if (void* handle = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL))
      return std::unique_ptr<SharedLibrary>(new SharedLibrary(handle));
  }
  return nullptr;
}

void* SharedLibrary::symbol(const char* name) const {
  void* found = dlsym(handle_, name);
  if (found == nullptr) throw std::runtime_error(std::string("the library has no ") + name);
  return found;
}

std::vector<std::string> files_of_wheels(const std::string& pattern) {
  std::vector<std::string> files;
  const char* folders = std::getenv("MLPJIT_BENCH_WHEELS");
  if (folders == nullptr) return files;
  std::istringstream list(folders);
  for (std::string folder; std::getline(list, folder, ':');) {
    if (folder.empty()) continue;
    glob_t found{};
    if (glob((folder + "/" + pattern).c_str(), 0, nullptr, &found) == 0)
      files.insert(files.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
  }
  return files;
}

}  // namespace mlpjit::bench
