#include "test/unit/passes/passes_testing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <regex>

#include "lib/interp/interp.h"
#include "lib/ir/text.h"
#include "lib/ir/verify.h"
#include "lib/passes/rewrite.h"
#include "mlpjit/error.h"

namespace mlpjit::passes::testing {

ir::Graph parse_main(std::string_view inputs, std::string_view body, std::string_view results) {
  // One statement per line, as the text form wants it; tests write several.
  static const std::regex kStatement(R"((%\w+(, %\w+)*) =)");
  const std::string lines = std::regex_replace(std::string(body), kStatement, "\n$&");
  return ir::parse("func @main(" + std::string(inputs) + ") {\n" + lines + "\nreturn " +
                   std::string(results) + "\n}\n");
}

int count(const ir::Graph& graph, std::string_view opcode) {
  int found = 0;
  for (const auto& function : graph.functions()) {
    for_each_op(*function, ir::Function::kBody, [&](ir::OpId id) {
      if (to_string(function->op(id).opcode) == opcode) ++found;
    });
  }
  return found;
}

int count_ops(const ir::Graph& graph) {
  int found = 0;
  for (const auto& function : graph.functions()) {
    for_each_op(*function, ir::Function::kBody, [&](ir::OpId id) {
      if (function->op(id).opcode != ir::Opcode::constant) ++found;
    });
  }
  return found;
}

namespace {

template <class T>
std::vector<T> special_values() {
  if constexpr (std::is_floating_point_v<T>) {
    using L = std::numeric_limits<T>;
    return {T(0),        -T(0),  L::quiet_NaN(),   L::infinity(), -L::infinity(), L::denorm_min(),
            T(1),        -T(1),  -L::denorm_min(), L::min(),      -L::min() / 2,  L::max(),
            L::lowest(), T(0.5), T(-2.5),          T(3),          T(-7.25),       T(1e-3),
            T(88),       T(1.5)};
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    return {1, 0};
  } else {
    using L = std::numeric_limits<T>;
    return {0, 1, -1, L::max(), L::lowest(), 2, -3, 7, 100, -64};
  }
}

template <class T>
Bytes fill(std::size_t count, unsigned draw, std::mt19937& random) {
  const std::vector<T> values = special_values<T>();
  Bytes bytes(count * sizeof(T));
  for (std::size_t i = 0; i < count; ++i) {
    const T value = values[(draw == 0 ? i : random()) % values.size()];
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

Bytes fill(const ir::Type& type, unsigned draw, std::mt19937& random) {
  const auto size = static_cast<std::size_t>(type.shape.size());
  switch (type.dtype) {
    case DType::f32: return fill<float>(size, draw, random);
    case DType::f64: return fill<double>(size, draw, random);
    case DType::i32: return fill<std::int32_t>(size, draw, random);
    case DType::i64: return fill<std::int64_t>(size, draw, random);
    case DType::boolean: return fill<std::uint8_t>(size, draw, random);
  }
  return {};
}

template <class T>
bool same_floats(const Bytes& a, const Bytes& b) {
  for (std::size_t at = 0; at < a.size(); at += sizeof(T)) {
    T x, y;
    std::memcpy(&x, a.data() + at, sizeof(T));
    std::memcpy(&y, b.data() + at, sizeof(T));
    if (std::isnan(x) && std::isnan(y)) continue;
    if (std::memcmp(&x, &y, sizeof(T)) != 0) return false;
  }
  return true;
}

bool same_bits(DType dtype, const Bytes& a, const Bytes& b) {
  if (a.size() != b.size()) return false;
  if (dtype == DType::f32) return same_floats<float>(a, b);
  if (dtype == DType::f64) return same_floats<double>(a, b);
  return a == b;
}

}  // namespace

std::vector<Bytes> special_inputs(const ir::Function& main, unsigned draw) {
  std::mt19937 random(draw);
  std::vector<Bytes> inputs;
  for (ir::ValueId argument : main.body().arguments) {
    const ir::Type& type = main.value(argument).type;
    inputs.push_back(type.token ? Bytes{} : fill(type, draw, random));
    if (draw == 0 && inputs.size() > 1 && !inputs.back().empty()) {
      // So that pairs of inputs meet in other pairs of values.
      const auto width = static_cast<std::ptrdiff_t>(size_of(type.dtype) * (inputs.size() - 1));
      const auto size = static_cast<std::ptrdiff_t>(inputs.back().size());
      std::rotate(inputs.back().begin(), inputs.back().begin() + width % size, inputs.back().end());
    }
  }
  return inputs;
}

Outcome run(const ir::Graph& graph, const std::vector<Bytes>& inputs) {
  const ir::Function& main = graph.main();
  Outcome outcome;
  std::vector<Bytes> memory = inputs;
  std::vector<interp::View> in;
  std::vector<interp::View> out;
  const auto view = [&](const ir::Type& type, Bytes& bytes) {
    return interp::View{type.dtype, type.shape, bytes.data()};
  };
  for (std::size_t i = 0; i < memory.size(); ++i) {
    in.push_back(view(main.value(main.body().arguments[i]).type, memory[i]));
  }
  outcome.types = main.types(main.body().results);
  for (const ir::Type& type : outcome.types) {
    outcome.values.emplace_back(static_cast<std::size_t>(type.shape.size()) * size_of(type.dtype));
  }
  for (std::size_t i = 0; i < outcome.values.size(); ++i) {
    out.push_back(view(outcome.types[i], outcome.values[i]));
  }
  try {
    interp::run(graph, main, in, out, support::default_isa());
  } catch (const UserError& error) {
    return {{}, {}, error.what()};
  }
  for (const ir::Update& update : main.updates()) {
    outcome.types.push_back(main.value(main.body().arguments[update.input]).type);
    outcome.values.push_back(memory[update.input]);
  }
  return outcome;
}

std::string difference(const Outcome& a, const Outcome& b) {
  if (a.error != b.error) return "errors differ: '" + a.error + "' and '" + b.error + "'";
  if (!(a.types == b.types)) return "types differ";
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    if (!same_bits(a.types[i].dtype, a.values[i], b.values[i])) {
      return "result " + std::to_string(i) + " differs";
    }
  }
  return {};
}

ir::Graph check_pass(const ir::Graph& graph, const Pass& pass, int draws) {
  ir::Graph after = graph.clone();
  pass(after);
  const std::vector<ir::Fault> faults = ir::verify(after);
  for (const ir::Fault& fault : faults) ADD_FAILURE() << fault.where << ": " << fault.what;
  if (!faults.empty()) return after;
  for (int draw = 0; draw < draws; ++draw) {
    const std::vector<Bytes> inputs = special_inputs(graph.main(), static_cast<unsigned>(draw));
    EXPECT_EQ(difference(run(graph, inputs), run(after, inputs)), "")
        << "draw " << draw << "\nbefore:\n"
        << ir::print(graph) << "after:\n"
        << ir::print(after);
  }
  return after;
}

Pass simplified() {
  return [](ir::Graph& graph) {
    const int changes = simplify(graph);
    eliminate_dead_values(graph);
    return changes;
  };
}

}  // namespace mlpjit::passes::testing
