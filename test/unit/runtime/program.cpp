#include "test/unit/runtime/program.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "lib/ir/text.h"
#include "lib/runtime/interface.h"
#include "lib/runtime/loader.h"
#include "mlpjit/error.h"

namespace mlpjit::runtime {

namespace {

template <class T>
void fill(T* data, std::int64_t size, const std::vector<double>& numbers) {
  for (std::int64_t i = 0; i < size; ++i)
    data[i] = static_cast<T>(numbers.at(static_cast<std::size_t>(i)));
}

double draw(std::mt19937_64& random, DType dtype) {
  const auto choice = random() % 64;
  if (dtype == DType::boolean) return static_cast<double>(choice % 2);
  if (is_integer(dtype)) return static_cast<double>(random() % 19) - 9;
  switch (choice) {
    case 0: return std::numeric_limits<double>::infinity();
    case 1: return -std::numeric_limits<double>::infinity();
    case 2: return std::numeric_limits<double>::quiet_NaN();
    case 3: return -0.0;
    case 4: return 1e-41;  // a denormal f32
    case 5: return 0.0;
    default: return std::normal_distribution<double>()(random);
  }
}

template <class T>
bool same_floats(const void* a, const void* b, std::size_t count) {
  const auto* x = static_cast<const T*>(a);
  const auto* y = static_cast<const T*>(b);
  for (std::size_t i = 0; i < count; ++i) {
    if (std::isnan(x[i]) && std::isnan(y[i])) continue;
    if (std::memcmp(x + i, y + i, sizeof(T)) != 0) return false;
  }
  return true;
}

bool same_bits(const Value& a, const Value& b) {
  if (!(a.type == b.type)) return false;
  const std::size_t bytes = byte_size(a.type);
  if (bytes == 0) return true;
  const void *x = a.storage->data(), *y = b.storage->data();
  if (a.type.dtype == DType::f32) return same_floats<float>(x, y, bytes / sizeof(float));
  if (a.type.dtype == DType::f64) return same_floats<double>(x, y, bytes / sizeof(double));
  return std::memcmp(x, y, bytes) == 0;
}

std::string difference(const char* what, const Values& want, const Values& got) {
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (!same_bits(want[i], got.at(i)))
      return fmt::format("{} {}, {}", what, i, ir::to_string(want[i].type));
  }
  return {};
}

std::vector<interp::View> views(const Values& values) {
  std::vector<interp::View> result;
  for (const Value& value : values) result.push_back(value.view());
  return result;
}

Values make_results(std::span<const ir::Type> types) {
  Values results;
  for (const ir::Type& type : types) results.push_back(make_value(type));
  return results;
}

}  // namespace

Value make_value(const ir::Type& type) {
  // Filled, so that what a run forgets to write is seen.
  if (type.token) return {type, nullptr};
  Value value{type, support::Storage::allocate(byte_size(type))};
  if (byte_size(type) != 0)
    std::memset(value.storage->data(), type.dtype == DType::boolean ? 1 : 0x55, byte_size(type));
  return value;
}

Value make_value(const ir::Type& type, const std::vector<double>& numbers) {
  Value value = make_value(type);
  void* data = value.storage->data();
  const std::int64_t size = type.shape.size();
  switch (type.dtype) {
    case DType::f32: fill(static_cast<float*>(data), size, numbers); break;
    case DType::f64: fill(static_cast<double*>(data), size, numbers); break;
    case DType::i32: fill(static_cast<std::int32_t*>(data), size, numbers); break;
    case DType::i64: fill(static_cast<std::int64_t*>(data), size, numbers); break;
    case DType::boolean: fill(static_cast<std::uint8_t*>(data), size, numbers); break;
  }
  return value;
}

Values make_inputs(const ir::Function& main, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Values inputs;
  for (const ir::Type& type : main.types(main.body().arguments)) {
    if (type.token) {
      inputs.push_back(make_value(type));
      continue;
    }
    std::vector<double> numbers(static_cast<std::size_t>(type.shape.size()));
    for (double& number : numbers) number = draw(random, type.dtype);
    inputs.push_back(make_value(type, numbers));
  }
  return inputs;
}

Values copy(const Values& values) {
  Values copies;
  for (const Value& value : values) {
    copies.push_back(make_value(value.type));
    const std::size_t bytes = byte_size(value.type);
    if (bytes != 0) std::memcpy(copies.back().storage->data(), value.storage->data(), bytes);
  }
  return copies;
}

Outcome interpret(const ir::Graph& graph, const Values& inputs) {
  Outcome outcome;
  outcome.inputs = copy(inputs);
  outcome.results = make_results(graph.main().types(graph.main().body().results));
  try {
    interp::run(graph, graph.main(), views(outcome.inputs), views(outcome.results),
                support::Isa::baseline);
  } catch (const ValueError& error) {
    outcome.error = error.what();
  }
  return outcome;
}

Outcome run(const Executable& executable, const Values& inputs) {
  Outcome outcome;
  outcome.inputs = copy(inputs);
  outcome.results = make_results(executable.result_types());
  std::vector<Argument> arguments;
  for (const Value& value : outcome.inputs) arguments.push_back(value.argument());
  try {
    executable.run(arguments, views(outcome.results));
  } catch (const ValueError& error) {
    outcome.error = error.what();
  }
  return outcome;
}

std::string difference(const Outcome& want, const Outcome& got) {
  if (want.error != got.error)
    return fmt::format("expected error '{}', got '{}'", want.error, got.error);
  // After an error results are nobody's; inputs must be as they were.
  std::string found = difference("input", want.inputs, got.inputs);
  if (found.empty() && want.error.empty()) found = difference("result", want.results, got.results);
  return found;
}

std::vector<Isa> runnable_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa <= support::default_isa()) isas.push_back(isa);
  }
  return isas;
}

void expect_same_bits(const std::string& text, std::uint64_t seed) {
  const ir::Graph graph = ir::parse(text);
  expect_same_bits(graph, make_inputs(graph.main(), seed));
}

void expect_same_bits(const ir::Graph& graph, const Values& inputs) {
  const Outcome want = interpret(graph, inputs);
  for (const Isa isa : runnable_isas()) {
    for (const Backend backend : {Backend::graph, Backend::native}) {
      if (backend == Backend::native && !built_with_llvm()) continue;
      for (const bool passes : {true, false}) {
        Settings settings{backend, isa, {}, {}, /*verify=*/true};
        if (!passes) settings.passes = {false, false, false, false, false, false};
        const auto executable = Executable::compile(graph, settings);
        for (int call = 0; call < 2; ++call) {  // the second finds everything made
          EXPECT_EQ(difference(want, run(*executable, inputs)), "")
              << to_string(backend) << " on " << to_string(isa) << (passes ? "" : " without passes")
              << ", call " << call << "\n"
              << ir::print(graph);
        }
      }
    }
  }
}

}  // namespace mlpjit::runtime
