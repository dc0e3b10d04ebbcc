#include "tools/network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>

#include "mlpjit/error.h"

namespace mlpjit::tools {

std::vector<std::int64_t> parse_layer_sizes(const std::string& text) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 20;
  std::vector<std::int64_t> sizes;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    std::int64_t size = 0;
    const auto [next, fault] = std::from_chars(at, end, size);
    if (fault != std::errc() || size < 1 || size > kLargest || (next != end && *next != '-')) {
      throw UserError(
          fmt::format("'{}': expected layer sizes from 1 to {} joined by '-', as in 512-256-128-2",
                      text, kLargest));
    }
    sizes.push_back(size);
    if (next == end) break;
    at = next + 1;
  }
  if (sizes.size() < 2) {
    throw UserError(fmt::format("'{}': a network needs an input size and an output size", text));
  }
  return sizes;
}

std::string to_string(const NetworkSpec& spec) {
  const bool activated = spec.sizes.size() > 2 && spec.activation != "none";
  return fmt::format("{}{}{} {}", fmt::join(spec.sizes, "-"), activated ? " " : "",
                     activated ? spec.activation : "", mlpjit::to_string(spec.dtype));
}

nn::HybridSequential make_network(const NetworkSpec& spec, const nn::Initializer& initializer) {
  nn::HybridSequential net;
  for (std::size_t i = 1; i < spec.sizes.size(); ++i) {
    const bool activated = i + 1 < spec.sizes.size() && spec.activation != "none";
    net.add(nn::Dense(spec.sizes[i], {.activation = activated ? spec.activation : "",
                                      .in_units = spec.sizes[i - 1],
                                      .dtype = spec.dtype}));
  }
  net.initialize(initializer);
  return net;
}

void NetworkOptions::declare(CLI::App& app) {
  std::vector<std::string> activations = nn::activation_names();
  activations.insert(activations.begin(), "none");
  options_.push_back(app.add_option("--activation", activation, "Of every layer but the last")
                         ->check(CLI::IsMember(std::move(activations)))
                         ->capture_default_str());
  options_.push_back(app.add_option("--dtype", dtype, "Of inputs and weights: f32 or f64")
                         ->check(CLI::IsMember({"f32", "f64"}))
                         ->capture_default_str());
}

bool NetworkOptions::given() const {
  return std::any_of(options_.begin(), options_.end(),
                     [](const CLI::Option* option) { return option->count() > 0; });
}

NetworkSpec NetworkOptions::spec(const std::string& layers) const {
  return {parse_layer_sizes(layers), activation, dtype == "f64" ? DType::f64 : DType::f32};
}

void finish_output() {
  std::cout.flush();
  if (!std::cout) throw UserError("standard output cannot be written; the rest is lost");
}

}  // namespace mlpjit::tools
