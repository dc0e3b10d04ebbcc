#include "tools/mlpjit-bench/suite/cases.h"

#include <fmt/format.h>

#include <algorithm>

namespace mlpjit::bench {
namespace {

struct Family {
  const char* layers;
  const char* activation;
  std::vector<std::int64_t> batches;
  DType dtype = DType::f32;
};

// From feature extractors, fields of light, policies for robots, digits, recommendation, blocks of
// transformers, audio; and sizes that fit nothing.
const Family kFamilies[] = {
    {"512-256-128-2", "relu", {1, 4, 16, 64, 256, 1024}},
    {"32-64-64-64-64-16", "relu", {1, 64, 1024, 65536}},
    {"256-256-256-10", "tanh", {1, 8, 64}},
    {"48-512-256-128-12", "elu", {1}},
    {"27-64-64-6", "tanh", {1, 64}},
    {"24-32-32-1", "tanh", {1}},
    {"1-16-16-1", "tanh", {1}},
    {"784-512-512-10", "relu", {1, 32, 256}},
    {"13-512-256-64", "relu", {2048}},
    {"1024-1024-1024-1024-1024", "gelu", {1, 16, 128}},
    {"64-1024-1024-64", "gelu", {24, 384}},
    {"2048-8192-2048", "relu", {1, 16}},
    {"37-101-53-3", "relu", {7, 13}},
    {"256-384-384-128", "relu", {1}},
    {"512-256-128-2", "relu", {1, 64}, DType::f64},
};

// Cycles of the multiply-add ports for a vector of an activation, of AVX-512 in f32: measured, see
// the table in docs/numerics.md.
double cycles_of(const std::string& activation) {
  if (activation == "gelu") return 28;
  if (activation == "tanh" || activation == "elu" || activation == "sigmoid" ||
      activation == "silu")
    return 13;
  return 0.5;
}

}  // namespace

std::string Case::name() const {
  return fmt::format("{} /{}", tools::to_string(network), batch);
}

double Case::flops() const {
  double products = 0;
  for (std::size_t i = 1; i < network.sizes.size(); ++i)
    products += static_cast<double>(network.sizes[i - 1] * network.sizes[i]);
  return 2 * products * static_cast<double>(batch);
}

double Case::bytes() const {
  double elements = static_cast<double>(batch * (network.sizes.front() + network.sizes.back()));
  for (std::size_t i = 1; i < network.sizes.size(); ++i)
    elements += static_cast<double>((network.sizes[i - 1] + 1) * network.sizes[i]);
  return elements * static_cast<double>(size_of(network.dtype));
}

const std::vector<Case>& all_cases() {
  static const std::vector<Case> cases = [] {
    std::vector<Case> made;
    for (const Family& family : kFamilies) {
      const tools::NetworkSpec network{tools::parse_layer_sizes(family.layers), family.activation,
                                       family.dtype};
      for (const std::int64_t batch : family.batches) {
        Case one{network, batch, false};
        one.quick = one.flops() < 3e5;
        made.push_back(std::move(one));
      }
    }
    return made;
  }();
  return cases;
}

Limit limit_of(const Case& one, const Machine& machine) {
  const bool f32 = one.network.dtype == DType::f32;
  const auto line = static_cast<std::int64_t>(64 / size_of(one.network.dtype));
  const double lanes = f32 ? machine.lanes_f32 : machine.lanes_f32 / 2.0;
  const double rows = static_cast<double>(one.batch);
  double flops = 0, cycles = 0;
  const std::vector<std::int64_t>& sizes = one.network.sizes;
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    // Narrow layers sum in lanes over the input: no column is padded.
    const std::int64_t n = sizes[i] <= 16 ? sizes[i] : (sizes[i] + line - 1) / line * line;
    flops += 2 * rows * static_cast<double>(sizes[i - 1] * n);
    if (i + 1 < sizes.size())
      cycles += rows * static_cast<double>(sizes[i]) / lanes * cycles_of(one.network.activation);
  }
  Limit limit;
  const double peak = f32 ? machine.gflops_f32 : machine.gflops_f64;
  limit.compute = flops / peak / 1e3 + cycles / machine.cycles_per_ns() / 1e3;
  limit.memory = one.bytes() / machine.gb_per_s(one.bytes()) / 1e3;
  return limit;
}

}  // namespace mlpjit::bench
