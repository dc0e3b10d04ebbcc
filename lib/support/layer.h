#pragma once
// Errors of ops say which layer asked for them.

#include <string>
#include <utility>

#include "mlpjit/error.h"

namespace mlpjit::support {

// "layer 'hidden.0': ", or "" outside every layer.
inline std::string layer_prefix(const std::string& path) {
  return path.empty() ? std::string() : "layer '" + path + "': ";
}

// Runs f; what an op throws there names the layer.
template <class F>
decltype(auto) in_layer(const std::string& path, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const ShapeError& e) {
    if (path.empty()) throw;
    throw ShapeError(layer_prefix(path) + e.what());
  } catch (const DTypeError& e) {
    if (path.empty()) throw;
    throw DTypeError(layer_prefix(path) + e.what());
  } catch (const ValueError& e) {
    if (path.empty()) throw;
    throw ValueError(layer_prefix(path) + e.what());
  }
}

}  // namespace mlpjit::support
