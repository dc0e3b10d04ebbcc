#include "src/model/checks.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <set>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/ir/opcodes.h"
#include "lib/ir/sizes.h"
#include "lib/support/float_env.h"
#include "lib/support/memory.h"
#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "mlpjit/version.h"
#include "src/core/log.h"
#include "src/model/check_cost.h"
#include "src/program/graph_data.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {
namespace {
constexpr std::int64_t kMostDrawn = std::int64_t{1} << 16;  // elements of inputs of our own
constexpr std::int64_t kLargerBatch = 16;
constexpr std::int64_t kBatch = 2;  // what a symbol stands for there
constexpr std::int64_t kSmall = 8;  // elements that are written out
constexpr std::uint64_t kSeed = 20;

constexpr const char* kWayOut = "{.verify = false}, --no-checks in tools, takes them as they are";

// How far values may be from those of another version of the numerics.
constexpr double kBound32 = 1e-4, kBound64 = 1e-9;

std::vector<ir::Type> argument_types(const ir::Function& main) {
  std::vector<ir::Type> types;
  for (std::size_t i = 0; i < main.inputs().size(); ++i) {
    if (main.inputs()[i].kind == ir::InputKind::argument)
      types.push_back(main.value(main.body().arguments[i]).type);
  }
  return types;
}

// The values that a check holds: of each layer the last, and the results; as the program makes
// them. Of very many layers as many as there may be, in even steps.
std::vector<ir::ValueId> checked_values(const ir::Function& main) {
  std::set<std::uint32_t> results;
  for (const ir::ValueId id : main.body().results) results.insert(id.index);
  std::vector<ir::ValueId> layers, heads;
  std::set<std::string> seen;
  const std::vector<ir::OpId>& ops = main.body().ops;
  for (auto op = ops.rbegin(); op != ops.rend(); ++op) {
    const ir::Op& made = main.op(*op);
    if (made.opcode == ir::Opcode::constant) continue;
    for (const ir::ValueId id : made.results) {
      if (main.value(id).type.token) continue;
      const bool last =
          !made.path.empty() && id == made.results.front() && seen.insert(made.path).second;
      if (results.contains(id.index))
        heads.push_back(id);
      else if (last)
        layers.push_back(id);
    }
  }
  std::vector<ir::ValueId> values = heads;
  const std::size_t room = kMostCheckedValues - std::min(kMostCheckedValues, heads.size());
  const std::size_t step = room == 0 ? layers.size() + 1 : (layers.size() + room - 1) / room;
  for (std::size_t i = 0; i < layers.size(); i += std::max<std::size_t>(step, 1))
    values.push_back(layers[i]);
  std::sort(values.begin(), values.end(),
            [&](ir::ValueId a, ir::ValueId b) { return a.index < b.index; });
  return values;
}

// The program with other results, run op by op; what it updates stays as it is.
Tensors evaluate(const PortableModel& model, const Tensors& inputs,
                 const std::vector<ir::ValueId>& values) {
  auto graph = std::make_shared<ir::Graph>(model.symbol.graph->clone());
  ir::Function& main = graph->main();
  main.body().results = values;
  main.updates().clear();
  Closure closure;
  std::size_t argument = 0;
  for (const ir::Input& input : main.inputs()) {
    Binding binding;
    binding.kind = input.kind;
    if (input.kind == ir::InputKind::argument)
      binding.argument = argument++;
    else
      binding.tensor = model.tensors.at(input.name);
    closure.inputs.push_back(std::move(binding));
  }
  closure.results = sources_of(main);
  closure.graph = std::move(graph);
  const TracePause pause;
  const PassOptions none{false, false, false, false, false, false};
  return compile(GraphAccess::make(std::move(closure)),
                 {.backend = Backend::graph, .passes = none})(inputs);
}

ir::Literal literal_of(const Tensor& tensor) {
  const TensorImpl& impl = *TensorAccess::impl(tensor);
  return ir::make_literal(impl.dtype, impl.shape, impl.data());
}

Tensor tensor_of(const ir::Literal& literal) {
  Tensor tensor = make_tensor(literal.dtype, literal.shape);
  std::memcpy(TensorAccess::impl(tensor)->storage->data(), literal.data(), literal.bytes->size());
  return tensor;
}

double norm_of(const ir::Literal& value) {
  const auto sum = [&]<class Element>(Element) {
    const auto* at = static_cast<const Element*>(value.data());
    double total = 0;
    for (std::size_t i = 0; i < value.bytes->size() / sizeof(Element); ++i)
      total += static_cast<double>(at[i]) * static_cast<double>(at[i]);
    return std::sqrt(total);
  };
  switch (value.dtype) {
    case DType::f32: return sum(float{});
    case DType::f64: return sum(double{});
    case DType::i32: return sum(std::int32_t{});
    case DType::i64: return sum(std::int64_t{});
    case DType::boolean: return sum(std::uint8_t{});
  }
  throw InternalError("a value of an unknown dtype");
}

// The same with one NaN for all: its sign and payload are no part of the contract.
ir::Literal with_one_nan(const ir::Literal& value) {
  const auto canonical = [&]<class Element>(Element) {
    auto bytes = std::make_shared<std::vector<std::byte>>(*value.bytes);
    for (std::size_t at = 0; at < bytes->size(); at += sizeof(Element)) {
      Element element{};
      std::memcpy(&element, bytes->data() + at, sizeof element);
      if (!std::isnan(element)) continue;
      element = std::numeric_limits<Element>::quiet_NaN();
      std::memcpy(bytes->data() + at, &element, sizeof element);
    }
    return ir::Literal{value.dtype, value.shape, std::move(bytes)};
  };
  if (value.dtype == DType::f32) return canonical(float{});
  return value.dtype == DType::f64 ? canonical(double{}) : value;
}

Tensors inputs_of(const Check& check) {
  Tensors inputs;
  for (const ir::Literal& literal : check.inputs) inputs.push_back(tensor_of(literal));
  return inputs;
}

// Numbers that fit any program that takes them: floats around 0, integers 0 and 1.
Tensors drawn_inputs(const ir::Function& main) {
  std::mt19937_64 bits(kSeed);
  std::int64_t batch = kBatch;
  for (const ir::Type& type : argument_types(main)) {
    for (int axis = 0; axis < type.shape.rank(); ++axis) {
      if (type.shape[axis].offset() < 0) batch = kLargerBatch;  // of B - 3
    }
  }
  Tensors inputs;
  std::int64_t total = 0;
  for (const ir::Type& type : argument_types(main)) {
    Shape shape;
    for (int axis = 0; axis < type.shape.rank(); ++axis) {
      const Dim dim = type.shape[axis];
      shape.push_back(dim.is_static() ? dim : dim.substitute(dim.symbol(), batch));
    }
    if (shape.size() > kMostDrawn || (total += shape.size()) > kMostDrawn) return {};
    Tensor tensor = make_tensor(type.dtype, shape);
    void* const data = TensorAccess::impl(tensor)->storage->data();
    for (std::int64_t i = 0; i < shape.size(); ++i) {
      const std::uint64_t draw = bits();
      const double real = std::ldexp(static_cast<double>(draw >> 40), -23) - 1;  // of [-1, 1)
      switch (type.dtype) {
        case DType::f32: static_cast<float*>(data)[i] = static_cast<float>(real); break;
        case DType::f64: static_cast<double*>(data)[i] = real; break;
        case DType::i32: static_cast<std::int32_t*>(data)[i] = static_cast<int>(draw >> 63); break;
        case DType::i64: static_cast<std::int64_t*>(data)[i] = static_cast<int>(draw >> 63); break;
        case DType::boolean: static_cast<std::uint8_t*>(data)[i] = draw >> 63 != 0; break;
      }
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

// How much checks of one model may cost in all: reading its file costs as much.
struct Budget {
  explicit Budget(const PortableModel& model) {
    std::uint64_t stored = 0;
    for (const auto& [name, tensor] : model.tensors)
      stored += static_cast<std::uint64_t>(tensor.size());
    cost = kCheapCost + 8 * stored;
    bytes = (std::size_t{64} << 20) + 16 * static_cast<std::size_t>(stored);
  }
  std::uint64_t cost;
  std::size_t bytes;

  // Whether the program may be run on these: it says the same at every call, and ends soon. Takes
  // its cost.
  bool take(const PortableModel& model, const Tensors& inputs) {
    const ir::Function& main = model.symbol.graph->main();
    ir::Sizes sizes;
    std::size_t argument = 0;
    for (const ir::Type& type : argument_types(main)) {
      ir::match_shape(type.shape, inputs.at(argument).shape(), fmt::format("input {}", argument),
                      sizes);
      ++argument;
    }
    const std::uint64_t asked = check_cost(ir::substitute(*model.symbol.graph, sizes));
    if (asked > cost) return false;
    cost -= asked;
    return true;
  }
};

Check check_of(const PortableModel& model, const Tensors& inputs, Budget& budget) {
  const ir::Function& main = model.symbol.graph->main();
  const std::vector<ir::ValueId> ids = checked_values(main);
  const support::AllocationBudget allocations(budget.bytes);
  const Tensors values = evaluate(model, inputs, ids);
  Check check;
  for (const Tensor& input : inputs) check.inputs.push_back(literal_of(input));
  for (std::size_t i = 0; i < ids.size(); ++i)
    check.values.push_back(checked_value(ids[i], literal_of(values[i])));
  return check;
}

void check_examples(const ir::Function& main, const std::vector<Tensors>& examples) {
  const std::vector<ir::Type> types = argument_types(main);
  for (const Tensors& example : examples) {
    if (example.size() != types.size()) {
      throw UserError(fmt::format("export: an example has {} tensors, the network takes {}",
                                  example.size(), types.size()));
    }
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (example[i].dtype() == types[i].dtype) continue;
      throw DTypeError(fmt::format("export: example: expected {} as input {}, found {}",
                                   to_string(types[i].dtype), i, to_string(example[i].dtype())));
    }
  }
}

bool is_close(double found, double expected, double bound) {
  if (std::isnan(expected) || std::isinf(expected))
    return found == expected || (std::isnan(found) && std::isnan(expected));
  return std::fabs(found - expected) <= bound * std::max(1.0, std::fabs(expected));
}

// Whether a value is the one of the file.
bool agrees(const CheckedValue& expected, const ir::Literal& found, bool same_numerics) {
  const CheckedValue now = checked_value(expected.id, found);
  if (same_numerics) return now.hash == expected.hash;
  const double bound = found.dtype == DType::f64 ? kBound64 : kBound32;
  // Integers and bools may turn where a number is close to a boundary.
  return !is_floating(found.dtype) || is_close(now.norm, expected.norm, bound);
}

std::string described(const CheckedValue& value) {
  return fmt::format("norm {:.9g}, hash {:016x}", value.norm, value.hash);
}

}  // namespace

CheckedValue checked_value(ir::ValueId id, const ir::Literal& given) {
  const ir::Literal value = with_one_nan(given);
  const std::uint64_t hash = XXH3_64bits(value.bytes->data(), value.bytes->size());
  CheckedValue result{id, {}, hash, norm_of(value)};
  // What a decimal says of NaN is not its bits.
  if (value.shape.size() <= kSmall && std::isfinite(result.norm)) result.elements = value;
  return result;
}

std::vector<Check> make_checks(const PortableModel& model, const std::vector<Tensors>& examples) {
  const support::FloatEnvScope environment;
  const ir::Function& main = model.symbol.graph->main();
  check_examples(main, examples);
  std::vector<Tensors> inputs = examples;
  if (inputs.empty()) {
    for (const Check& check : model.symbol.checks) inputs.push_back(inputs_of(check));
  }
  if (inputs.size() > kMostChecks)
    throw UserError(
        fmt::format("export: {} examples, at most {} are kept", inputs.size(), kMostChecks));
  const bool drawn = inputs.empty(), given = !examples.empty();
  std::vector<Check> checks;
  Budget budget(model);
  try {
    if (drawn) inputs.push_back(drawn_inputs(main));
    for (const Tensors& example : inputs) {
      if (example.size() != argument_types(main).size()) continue;  // too many numbers to draw
      if (budget.take(model, example)) {
        checks.push_back(check_of(model, example, budget));
      } else if (given) {
        warn(
            "export: an example is left out of the model's checks: the network draws, prints, or "
            "takes "
            "too long to be run whenever the model is read");
      }
    }
  } catch (const UserError&) {
    if (given) throw;
    return {};  // inputs that nobody asked for, or of other parameters
  }
  return checks;
}

namespace {

// Throws FormatError for the first of the values that is another.
void verify(const PortableModel& model, const std::string& file, const Check& check,
            const Tensors& values) {
  const ir::Function& main = model.symbol.graph->main();
  const bool same_numerics = model.symbol.numerics_version == kNumericsVersion;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const CheckedValue& expected = check.values[i];
    const ir::Literal found = literal_of(values[i]);
    if (agrees(expected, found, same_numerics)) continue;
    const ir::Op& op = main.op(main.value(expected.id).producer);
    throw FormatError(fmt::format(
        "{}: {} gives other values than when the model was written ({} '{}'): expected {}, found "
        "{}. The parameters are another model's, or changed since, or damaged; {}",
        file, op.path.empty() ? "the model" : fmt::format("layer '{}'", op.path),
        ir::to_string(op.opcode), main.value(expected.id).name, described(expected),
        described(checked_value(expected.id, found)), kWayOut));
  }
}

}  // namespace

void verify_checks(const PortableModel& model, const std::string& file) {
  const support::FloatEnvScope environment;
  Budget budget(model);
  for (const Check& check : model.symbol.checks) {
    const Tensors inputs = inputs_of(check);
    if (!budget.take(model, inputs)) continue;
    std::vector<ir::ValueId> ids;
    for (const CheckedValue& value : check.values) ids.push_back(value.id);
    Tensors values;
    try {
      const support::AllocationBudget allocations(budget.bytes);
      values = evaluate(model, inputs, ids);
    } catch (const UserError& error) {
      throw FormatError(fmt::format("{}: a check of the model cannot be run: {}; {}", file,
                                    error.what(), kWayOut));
    }
    verify(model, file, check, values);
  }
}

}  // namespace mlpjit::detail
