#include "src/core/path.h"

#include "lib/support/layer.h"
#include "lib/support/thread_object.h"

namespace mlpjit::detail {

namespace {
std::string& current() {
  struct Path;
  return support::thread_object<std::string, Path>();
}
}  // namespace

PathScope::PathScope(std::string_view name) : length_(current().size()) {
  if (name.empty()) return;
  std::string& path = current();
  if (!path.empty()) path += '.';
  path += name;
}

PathScope::~PathScope() {
  current().resize(length_);
}

const std::string& current_path() {
  return current();
}

std::string path_prefix() {
  return support::layer_prefix(current());
}

}  // namespace mlpjit::detail
