#include "src/trace/path.h"

namespace mlpjit::detail {

namespace {
thread_local std::string path;
}

PathScope::PathScope(std::string_view name) : length_(path.size()) {
  if (name.empty()) return;
  if (!path.empty()) path += '.';
  path += name;
}

PathScope::~PathScope() {
  path.resize(length_);
}

const std::string& current_path() {
  return path;
}

std::string path_prefix() {
  return path.empty() ? std::string() : "layer '" + path + "': ";
}

}  // namespace mlpjit::detail
