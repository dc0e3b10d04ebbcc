#include "tools/mlpjit-bench/suite/kernels.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>

#include "tools/mlpjit-bench/peers/kernel_peers.h"

namespace mlpjit::bench {
namespace {

using native::Kernel;

std::string size_text(std::int64_t n) {
  return n < (1 << 20) ? fmt::format("{} Ki", n >> 10) : fmt::format("{} Mi", n >> 20);
}

void add_chains(std::vector<KernelCase>& all) {
  for (const std::int64_t n : {1 << 10, 1 << 16, 1 << 20, 1 << 24}) {
    const std::string size = ", " + size_text(n);
    const std::vector<Shape> two = {{n}, {n}};
    const auto add = [&](const char* name, Kernel kernel, double cycles, auto function) {
      all.push_back({name + size, kernel, {n}, two, function, 0, cycles, n == 1 << 10});
    };
    add("x + y", Kernel::add, 0.5, [](const Tensors& in) { return in[0] + in[1]; });
    add("relu(2 x + y) x", Kernel::multiply_add, 2,
        [](const Tensors& in) { return relu(2 * in[0] + in[1]) * in[0]; });
    add("tanh(x) sigmoid(y)", Kernel::activations, 26,
        [](const Tensors& in) { return tanh(in[0]) * sigmoid(in[1]); });
  }
}

void add_rows(std::vector<KernelCase>& all) {
  const std::pair<std::int64_t, std::int64_t> sizes[] = {{64, 1000}, {1024, 256}, {64, 16384}};
  for (const auto& [rows, columns] : sizes) {
    const std::string size = fmt::format(", {}x{}", rows, columns);
    const Shape x = {rows, columns}, vector = {columns};
    const auto add = [&](const char* name, Kernel kernel, std::vector<Shape> inputs, double cycles,
                         auto function) {
      all.push_back({name + size,
                     kernel,
                     {rows, columns},
                     std::move(inputs),
                     function,
                     0,
                     cycles,
                     rows * columns < 100'000});
    };
    add("softmax", Kernel::softmax, {x}, 14, [](const Tensors& in) { return softmax(in[0], 1); });
    add("layer_norm", Kernel::layer_norm, {x, vector, vector}, 4,
        [](const Tensors& in) { return layer_norm(in[0], in[1], in[2], 1e-5); });
    add("sum of rows", Kernel::sum_rows, {x}, 0.5, [](const Tensors& in) { return sum(in[0], 1); });
    add("sum of columns", Kernel::sum_columns, {x}, 0.5,
        [](const Tensors& in) { return sum(in[0], 0); });
  }
}

void add_products(std::vector<KernelCase>& all) {
  struct Product {
    std::int64_t batch, m, n, k;
  };
  for (const auto& [b, m, n, k] :
       {Product{8, 64, 64, 64}, Product{32, 50, 50, 32}, Product{64, 128, 128, 128}}) {
    all.push_back({fmt::format("matmul, {} of {}x{}x{}", b, m, k, n),
                   Kernel::matmul,
                   {b, m, n, k},
                   {{b, m, k}, {b, k, n}},
                   [](const Tensors& in) { return matmul(in[0], in[1]); },
                   2.0 * static_cast<double>(b * m * n * k),
                   0,
                   b == 8});
  }
  for (const auto& [m, k] : {std::pair<std::int64_t, std::int64_t>{500, 300}, {2048, 1000}}) {
    all.push_back({fmt::format("matmul, {}x{} with a vector", m, k),
                   Kernel::vector,
                   {m, k},
                   {{m, k}, {k}},
                   [](const Tensors& in) { return matmul(in[0], in[1]); },
                   2.0 * static_cast<double>(m * k),
                   0,
                   m == 500});
  }
}

}  // namespace

Shape KernelCase::result() const {
  switch (kernel) {
    case Kernel::sum_columns: return {sizes[1]};
    case Kernel::sum_rows:
    case Kernel::vector: return {sizes[0]};
    case Kernel::matmul: return {sizes[0], sizes[1], sizes[2]};
    default: return inputs[0];
  }
}

double KernelCase::bytes() const {
  std::int64_t elements = result().size();
  for (const Shape& input : inputs) elements += input.size();
  return 4.0 * static_cast<double>(elements);
}

const std::vector<KernelCase>& kernel_cases() {
  static const std::vector<KernelCase> cases = [] {
    std::vector<KernelCase> all;
    add_chains(all);
    add_rows(all);
    add_products(all);
    return all;
  }();
  return cases;
}

KernelResult measure_kernel(const KernelCase& one, int rounds, bool quick, const Machine& machine) {
  KernelResult result;
  result.measured = one;
  Tensors inputs;
  for (const Shape& shape : one.inputs) inputs.push_back(random::normal(shape));
  const Tensor expected = one.function(inputs);
  const auto compiled = jit(one.function);
  result.same_bits = identical(compiled(inputs), expected);
  std::vector<Way> ways = {
      {"compiled", false, [&] { benchmark::DoNotOptimize(compiled(inputs)); }},
      {"imperative", false, [&] { benchmark::DoNotOptimize(one.function(inputs)); }}};
  const auto peers = make_kernel_peers({one.kernel, one.sizes, inputs, one.result()});
  for (const auto& peer : peers) add_peer(peer.get(), expected, ways, result);
  result.timings = time_interleaved(ways, rounds, quick);
  const auto elements = static_cast<double>(one.inputs[0].size());
  result.compute = one.flops / machine.gflops_f32 / 1e3 +
                   elements / machine.lanes_f32 * one.cycles / machine.cycles_per_ns() / 1e3;
  result.memory = one.bytes() / machine.gb_per_s(one.bytes()) / 1e3;
  return result;
}

}  // namespace mlpjit::bench
