#include "test/fuzz/target.h"

#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>
#include <optional>
#include <vector>

#include "lib/ir/sizes.h"
#include "lib/support/memory.h"
#include "src/model/check_cost.h"
#include "src/model/import_file.h"
#include "src/program/graph_data.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::fuzz {
namespace {

constexpr std::int64_t kSize = 2;                // what a symbol stands for
constexpr std::int64_t kMostElements = 1 << 12;  // of inputs, all in all
constexpr std::uint64_t kMostCost = 1 << 20;     // elements moved
constexpr std::size_t kMostBytes = std::size_t{64} << 20;

// Warnings would be most of what a fuzzer writes.
const struct Silence {
  Silence() {
    spdlog::create<spdlog::sinks::null_sink_mt>("mlpjit");
    std::cerr.rdbuf(nullptr);
  }
} silence;

Tensor filled(DType dtype, const Shape& shape) {
  Tensor tensor = zeros(shape, dtype);
  void* const data = detail::TensorAccess::impl(tensor)->storage->data();
  for (std::int64_t i = 0; i < shape.size(); ++i) {
    const int number = static_cast<int>(i % 5) - 1;
    switch (dtype) {
      case DType::f32: static_cast<float*>(data)[i] = 0.75F * static_cast<float>(number); break;
      case DType::f64: static_cast<double*>(data)[i] = 0.75 * number; break;
      case DType::i32: static_cast<std::int32_t*>(data)[i] = number; break;
      case DType::i64: static_cast<std::int64_t*>(data)[i] = number; break;
      case DType::boolean: static_cast<bool*>(data)[i] = number > 0; break;
    }
  }
  return tensor;
}

// Types of the arguments of a call; none where they or the run would be too much.
std::optional<std::vector<TensorSpec>> call_of(const Graph& program) {
  const detail::GraphData& data = detail::GraphAccess::data(program);
  const ir::Function& main = data.graph->main();
  std::vector<TensorSpec> specs;
  ir::Sizes sizes;
  std::int64_t elements = 0;
  for (const std::size_t input : detail::call_inputs(data)) {
    const ir::Type& type = main.value(main.body().arguments[input]).type;
    Shape shape;
    for (int axis = 0; axis < type.shape.rank(); ++axis) {
      const Dim dim = type.shape[axis];
      shape.push_back(dim.is_static() ? dim : dim.substitute(dim.symbol(), kSize));
      if (shape[axis].value() > kMostElements) return std::nullopt;
    }
    if ((elements += shape.size()) > kMostElements) return std::nullopt;
    ir::match_shape(type.shape, shape, "an input", sizes);
    specs.push_back({type.dtype, shape});
  }
  if (detail::check_cost(ir::substitute(*data.graph, sizes)) > kMostCost) return std::nullopt;
  return specs;
}

// None where there was an error, but one of memory.
std::optional<Tensors> results_of(const Graph& program, const std::vector<TensorSpec>& specs,
                                  const PassOptions& passes) {
  std::size_t left = kMostBytes;
  const support::AllocationBudget budget(left);
  try {
    Tensors arguments;
    for (const TensorSpec& spec : specs) arguments.push_back(filled(spec.dtype, spec.shape));
    return compile(program, {.backend = Backend::graph, .passes = passes})(arguments);
  } catch (const MemoryError&) {
    throw;
  } catch (const UserError&) {
    return std::nullopt;
  }
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const detail::TensorImpl& one = *detail::TensorAccess::impl(a);
  const detail::TensorImpl& other = *detail::TensorAccess::impl(b);
  const std::size_t bytes = static_cast<std::size_t>(a.size()) * size_of(a.dtype());
  return a.dtype() == b.dtype() && identical(a.shape(), b.shape()) &&
         (bytes == 0 || std::memcmp(one.data(), other.data(), bytes) == 0);
}

constexpr PassOptions kNoPasses{false, false, false, false, false, false};

}  // namespace

void require(bool holds, const std::string& what) {
  if (!holds) throw InternalError(what);
}

void run_once(const Graph& program) {
  taking_errors([&] {
    if (const auto specs = call_of(program)) results_of(program, *specs, kNoPasses);
  });
}

void run_both(const Graph& program) {
  taking_errors([&] {
    const auto specs = call_of(program);
    if (!specs) return;
    const auto plain = results_of(program, *specs, kNoPasses);
    const auto optimised = results_of(program, *specs, {});
    require(plain.has_value() == optimised.has_value(), "an error of one of both");
    if (!plain) return;
    for (std::size_t i = 0; i < plain->size(); ++i)
      require(same_bits((*plain)[i], (*optimised)[i]), "other bits, optimised");
  });
}

std::size_t MemorySource::read(char* bytes, std::size_t size) {
  const std::size_t given = std::min(size, left_.size());
  std::memcpy(bytes, left_.data(), given);
  left_.remove_prefix(given);
  return given;
}

const nn::SymbolBlock& model_of_rows(std::size_t number) {
  const auto model = [](const std::string& members, const std::string& head) {
    const std::string text = R"({"format": "mlpjit-symbol", "schema_version": 2, )"
                             R"("numerics_version": 2, "nodes": [], "heads": [{"name": "y", )"
                             R"("value": ")" +
                             head + "\"}], " + members + "}";
    constexpr std::string_view kNoTensors("\x02\0\0\0\0\0\0\0{}", 10);
    return detail::import_pair(text, kNoTensors, "rows", {});
  };
  const auto input = [](const std::string& name, const std::string& dtype,
                        const std::string& sizes) {
    return R"({"name": ")" + name + R"(", "dtype": ")" + dtype + R"(", "shape": ["B")" + sizes +
           "]}";
  };
  const auto column = [&](const std::string& name) { return input(name, "f32", ", 1") + ", "; };
  const auto of = [](const std::string& inputs) { return R"("inputs": [)" + inputs + "]"; };
  static const std::array<nn::SymbolBlock, kModels> models{
      model(of(input("x", "f32", ", 10")), "x"),
      model(of(input("pts", "f32", ", 3") + ", " + input("dirs", "f32", ", 3")), "pts"),
      model(R"("strings": ["M", "F", "obese", "under", "over"], "coded": ["sex", "bmi_group"], )" +
                of(column("bmi") + column("bp") + column("s1") + column("s5") +
                   input("sex", "i64", ", 1") + ", " + input("bmi_group", "i64", ", 1") + ", " +
                   input("decade", "i64", ", 1")),
            "bmi"),
      model(of(input("a", "f64", "") + ", " + input("b", "i32", "") + ", " +
               input("c", "bool", ", 2")),
            "a"),
      model(of(input("x", "f32", R"(, "n", 4)") + ", " + input("mask", "bool", R"(, "n")")), "x"),
      model(of(input("num", "f32", ", 8") + ", " + input("sex", "i32", ", 1") + ", " +
               input("age", "i32", ", 1")),
            "num"),
      model(of(input("x", "f64", R"(, "n")")), "x"),
      model(R"("strings": ["a", "b"], "coded": ["x"], )" + of(input("x", "i64", ", 2")), "x"),
  };
  return models[number % kModels];
}

}  // namespace mlpjit::fuzz
