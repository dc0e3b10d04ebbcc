#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <set>

#include "mlpjit/create.h"
#include "mlpjit/mode.h"
#include "mlpjit/nn/block.h"
#include "mlpjit/random.h"
#include "src/block/block_state.h"
#include "src/program/materialize.h"
#include "src/program/trace_function.h"
#include "src/record/recorder.h"

namespace mlpjit::nn {

using detail::BlockState;
using detail::LayerShapes;
using detail::ShapeObserver;

namespace {

using Row = std::array<std::string, 5>;

std::string described(const std::string& type, const std::string& arguments) {
  return arguments.empty() ? type : fmt::format("{}({})", type, arguments);
}

// Elements and bytes of the parameters that a block declares itself, each counted where it is met
// first.
struct Count {
  std::int64_t elements = 0;
  std::int64_t bytes = 0;
  bool known = true;
};
Count count_parameters(const BlockState& block, std::set<const void*>& seen) {
  Count count;
  for (const BlockState::Member& member : block.members) {
    if (!member.parameter || !seen.insert(member.parameter.get()).second) continue;
    const std::lock_guard lock(member.parameter->mutex);
    if (!member.parameter->complete()) {
      count.known = false;
      continue;
    }
    const std::int64_t elements = Shape(member.parameter->sizes).size();
    count.elements += elements;
    count.bytes += elements * static_cast<std::int64_t>(size_of(member.parameter->options.dtype));
  }
  return count;
}

// "1234567" as "1,234,567".
std::string grouped(std::int64_t value) {
  std::string text = std::to_string(value);
  for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3) {
    text.insert(static_cast<std::size_t>(i), ",");
  }
  return text;
}

std::string number(std::int64_t value, bool known) {
  return known ? grouped(value) : "?";
}

std::string table(const std::vector<Row>& rows) {
  std::array<std::size_t, 5> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const Row& row = rows[r];
    std::string line =
        fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}", row[0], widths[0], row[1], widths[1],
                    row[2], widths[2], row[3], widths[3], row[4], widths[4]);
    if (r == 0 || r + 1 == rows.size()) {
      const std::string rule(line.size(), '-');
      line = r == 0 ? line + "\n" + rule : rule + "\n" + line;
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace

namespace {

// Runs a block for its shapes and leaves nothing behind: in inference mode, on a random stream of
// its own. A hybrid block is only traced, which computes nothing; one that cannot be runs on zeros,
// and its parameters get back what they held.
void run_for_shapes(const Block& block, const Tensors& inputs) {
  const detail::TracePause pause;
  const TrainingScope inference(false);
  const random::StreamScope stream(0);
  if (detail::BlockAccess::state(block).hybrid) {
    std::vector<detail::ArgumentSpec> specs;
    for (const Tensor& input : inputs)
      specs.push_back({.dtype = input.dtype(), .shape = input.shape(), .concrete = input});
    try {
      detail::materialize(
          detail::trace_function([&](const Tensors& symbols) { return Tensors(block(symbols)); },
                                 specs, {}),
          specs);
      return;
    } catch (const TraceError&) {  // it reads values
    }
  }
  std::vector<std::pair<Parameter, Tensor>> before;
  for (const auto& [path, parameter] : block.collect_params()) {
    if (parameter.is_initialized()) before.emplace_back(parameter, parameter.data().copy());
  }
  Tensors samples;
  for (const Tensor& input : inputs) samples.push_back(zeros(input.shape(), input.dtype()));
  block(samples);
  for (auto& [parameter, values] : before) {
    if (!identical(parameter.data(), values)) parameter.set_data(values);
  }
}

// The table of a tree.
std::string table_of(const Block& network, const LayerShapes& outputs) {
  std::vector<Row> rows{{"layer", "type", "output", "parameters", "bytes"}};
  Count total;
  std::set<const void*> seen;
  // Copied, since the path of this thread changes meanwhile.
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
  const std::string outer = detail::current_path();
  const auto place = [&](const std::string& path) {
    return outer.empty() || path.empty() ? outer + path : outer + "." + path;
  };
  detail::walk_blocks(
      detail::BlockAccess::state(network), "",
      [&](const std::string& path, const BlockState& block) {
        const Count count = count_parameters(block, seen);
        total.elements += count.elements;
        total.bytes += count.bytes;
        total.known = total.known && count.known;
        const std::string type = path.empty() ? detail::type_of(network) : block.type;
        std::string shapes = "?";
        if (const auto found = outputs.find(place(path)); found != outputs.end()) {
          shapes.clear();
          for (const Shape& shape : found->second)
            shapes += (shapes.empty() ? "" : ", ") + to_string(shape);
        }
        rows.push_back({path.empty() ? "(network)" : path, described(type, block.arguments), shapes,
                        number(count.elements, count.known), number(count.bytes, count.known)});
      });
  rows.push_back(
      {"total", "", "", number(total.elements, total.known), number(total.bytes, total.known)});
  return table(rows);
}

}  // namespace

// What the first call left tells the shapes; where layers were added or replaced since, the body
// runs again for them.
std::string Block::summary() const {
  const BlockState& block = state();
  if (!block.called.load(std::memory_order_acquire)) return table_of(*this, {});
  const std::vector<std::uint64_t> fingerprint = detail::fingerprint_of(block);
  LayerShapes outputs;
  Tensors inputs;
  {
    const std::lock_guard lock(block.mutex);
    if (block.first_fingerprint == fingerprint) {
      outputs = block.first_outputs;
    } else {
      const detail::TracePause pause;
      for (const auto& [dtype, shape] : block.first_inputs) inputs.push_back(zeros(shape, dtype));
    }
  }
  return outputs.empty() ? summary(inputs) : table_of(*this, outputs);
}

std::string Block::summary(const Tensors& inputs) const {
  if (inputs.empty()) return table_of(*this, {});
  ShapeObserver observer(ShapeObserver::Mode::imperative);
  run_for_shapes(*this, inputs);
  return table_of(*this, observer.shapes());
}

std::ostream& operator<<(std::ostream& out, const Block& block) {
  detail::walk_blocks(block.state(), "", [&](const std::string& path, const BlockState& each) {
    if (path.empty()) {
      out << described(detail::type_of(block), each.arguments) << "\n";
      return;
    }
    const auto depth = static_cast<std::size_t>(std::count(path.begin(), path.end(), '.'));
    out << std::string(2 * (depth + 1), ' ') << path.substr(path.rfind('.') + 1) << ": "
        << described(each.type, each.arguments) << "\n";
  });
  return out;
}

}  // namespace mlpjit::nn
