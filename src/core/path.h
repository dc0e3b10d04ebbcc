#pragma once
// The layer path of the code that runs now on this thread ("hidden.0"), for messages and for ops of
// a trace.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "lib/support/layer.h"

namespace mlpjit::detail {

// Appends one name to the path for its scope; an empty name adds nothing.
class PathScope {
 public:
  explicit PathScope(std::string_view name);
  ~PathScope();
  PathScope(const PathScope&) = delete;
  PathScope& operator=(const PathScope&) = delete;

 private:
  std::size_t length_;  // of the path before
};

// "" outside every layer.
const std::string& current_path();
// "layer 'hidden.0': " or "".
std::string path_prefix();

// Runs `f`; what it throws of a user's errors gets the layer path in front.
template <class F>
decltype(auto) with_path(F&& f) {
  return support::in_layer(current_path(), std::forward<F>(f));
}

}  // namespace mlpjit::detail
