#pragma once
// Libraries that are opened at run time, so that the tool needs none of them.

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace mlpjit::bench {

// Stays open until the program ends: such libraries have threads and exit handlers of their own.
class SharedLibrary {
 public:
  // Null where there is none of them that can be opened.
  static std::unique_ptr<SharedLibrary> open(const std::vector<std::string>& candidates);

  // "ov_core_create" as a pointer to a function of that type. Throws where there is none.
  template <class Function>
  Function* function(const char* name) const {
    static_assert(std::is_function_v<Function>);
    return reinterpret_cast<Function*>(symbol(name));
  }

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  void* symbol(const char* name) const;

  void* handle_;
};

// The files of that pattern in the folders of MLPJIT_BENCH_WHEELS, which are site-packages of
// Python, separated by colons.
std::vector<std::string> files_of_wheels(const std::string& pattern);

}  // namespace mlpjit::bench
