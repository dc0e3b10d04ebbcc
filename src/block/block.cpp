#include "mlpjit/nn/block.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <ostream>
#include <span>

#include "lib/support/snapshot.h"
#include "mlpjit/mode.h"
#include "mlpjit/random.h"
#include "src/block/block_state.h"
#include "src/block/clone_map.h"
#include "src/block/default_forward.h"
#include "src/core/path.h"
#include "src/program/runner.h"

namespace mlpjit::nn {

using detail::BlockState;
using detail::CallFrame;
using detail::ParameterAccess;
using detail::ShapeObserver;

Block::Block() : state_(std::make_shared<BlockState>()) {}
Block::Block(std::string type, std::string arguments) : Block() {
  state_->type = std::move(type);
  state_->arguments = std::move(arguments);
}
Block::Block(const Block& other)
    : state_(detail::shared_or_cloned(other.state_,
                                      [](const BlockState& state) { return state.clone(); })) {}
Block::Block(Block&& other) noexcept = default;

// A variable that held a registered child now holds another block: programs traced with the old one
// must not outlive that in silence.
Block& Block::operator=(const Block& other) {
  if (state_ && state_ != other.state_) state_->touch();
  state_ = other.state_;
  return *this;
}
Block& Block::operator=(Block&& other) noexcept {
  if (state_ && state_ != other.state_) state_->touch();
  state_ = std::move(other.state_);
  return *this;
}
Block::~Block() = default;

BlockState& Block::state() const {
  if (!state_) throw UserError("this block was moved from and stands for none");
  return *state_;
}

namespace {

void check_defined(std::span<const Tensor> outputs, const Block& block) {
  for (const Tensor& output : outputs) {
    if (output.defined()) continue;
    throw UserError(fmt::format(
        "{}the block, a {}, gave a tensor that is not defined (default-constructed, or moved from)",
        detail::path_prefix(), detail::type_of(block)));
  }
}

// A program that updates tensors locks them before it reads any: it opens its own snapshot.
bool runs_compiled(const BlockState& state) {
  return state.hybrid && state.hybridized.load(std::memory_order_acquire);
}

// What is thrown of sizes that are symbols knows no layer: it gets the innermost one's path in
// front, or the type of a block that has none.
template <class Call>
auto located(const Block& block, const Call& call) {
  try {
    return call();
  } catch (const TraceError& e) {
    const std::string text = e.what();
    const std::string path = detail::path_prefix();
    const std::string place = path.empty() ? detail::type_of(block) + ": " : path;
    if (text.find("layer '") != std::string::npos || text.starts_with(place)) throw;
    throw TraceError(place + text);
  }
}

// A root's first call: notes what it takes and what its layers give, for summary() and export.
class FirstCall {
 public:
  FirstCall(const CallFrame& frame, BlockState& state) : state_(state) {
    if (!frame.root() || state.called.load(std::memory_order_acquire)) return;
    first_ = true;
    if (ShapeObserver::current() == nullptr) own_.emplace(ShapeObserver::Mode::as_ever);
  }
  void ended(std::span<const Tensor> inputs) {
    if (first_) state_.remember_call(inputs, ShapeObserver::current()->shapes());
  }

 private:
  BlockState& state_;
  bool first_ = false;
  std::optional<ShapeObserver> own_;
};

}  // namespace

// The body may change members of the object, as any method may; calls are const so that handles
// captured by value, in a lambda for instance, can be called.
Tensor Block::operator()(const Tensor& input) const {
  const CallFrame frame(*this);
  BlockState& state = this->state();
  std::optional<support::Snapshot> weights;
  if (!runs_compiled(state)) weights.emplace();
  FirstCall first(frame, state);
  Tensor output = located(*this, [&] { return const_cast<Block*>(this)->forward(input); });
  check_defined({&output, 1}, *this);
  if (ShapeObserver* observer = ShapeObserver::current()) observer->record({&output, 1});
  first.ended({&input, 1});
  return output;
}

Outputs Block::operator()(const Tensors& inputs) const {
  const CallFrame frame(*this);
  BlockState& state = this->state();
  std::optional<support::Snapshot> weights;
  if (!runs_compiled(state)) weights.emplace();
  FirstCall first(frame, state);
  Outputs outputs = located(*this, [&] { return const_cast<Block*>(this)->forward_n(inputs); });
  check_defined(outputs, *this);
  if (ShapeObserver* observer = ShapeObserver::current()) observer->record(outputs);
  first.ended(inputs);
  return outputs;
}

namespace {
constexpr const char* kForwards = "forward nor forward_n: override one of them";
}  // namespace

Tensor Block::forward(const Tensor& input) {
  const detail::DefaultScope scope(*this, kForwards);
  return detail::only(*this, forward_n({input}));
}

Tensors Block::forward_n(const Tensors& inputs) {
  const detail::DefaultScope scope(*this, kForwards);
  return {forward(detail::only_input(*this, inputs, "forward_n"))};
}

void Block::initialize(const Initializer& initializer, const InitializeOptions& options) {
  if (is_tracing())
    throw TraceError(
        "initialize() while tracing would happen once, not at every call: do it outside");
  if (!initializer.defined()) throw UserError("initialize() with an initializer that is none");
  const std::uint64_t seed = random::state().seed;
  std::vector<std::pair<detail::ParameterState*, Tensor>> values;
  std::vector<detail::ParameterState*> states;
  const ParameterDict parameters = collect_params();
  for (const auto& [path, parameter] : parameters) {
    if (options.only_missing && parameter.is_initialized()) continue;
    detail::ParameterState& state = ParameterAccess::state(parameter);
    if (Tensor made = state.request(initializer, seed, path); made.defined()) {
      states.push_back(&state);
      values.emplace_back(&state, std::move(made));
    }
  }
  detail::ParameterState::Writing writing(std::move(states));
  for (const auto& [state, made] : values) writing.write(*state, made, "initialize");
  writing.commit();
}

void Block::set_parameters(const TensorMap& values) {
  if (is_tracing())
    throw TraceError(
        "set_parameters() while tracing would happen once, not at every call: do it outside");
  const ParameterDict parameters = collect_params();
  std::map<detail::ParameterState*, std::pair<std::string, Tensor>> wanted;
  std::vector<detail::ParameterState*> states;
  for (const auto& [path, value] : values) {
    detail::ParameterState& state = ParameterAccess::state(parameters[path]);
    const auto [known, is_new] = wanted.try_emplace(&state, path, value);
    if (is_new) states.push_back(&state);
    if (!is_new && !identical(known->second.second, value)) {
      throw ParameterError(fmt::format(
          "set_parameters: '{}' and '{}' are one parameter, and were given different values",
          known->second.first, path));
    }
  }
  detail::ParameterState::Writing writing(std::move(states));
  for (const auto& [state, value] : wanted) writing.write(*state, value.second, "set_parameters");
  writing.commit();
}

ParameterDict Block::collect_params() const {
  ParameterDict dict;
  const auto collect = [&](const auto& self, const BlockState& block,
                           const std::string& prefix) -> void {
    for (const BlockState::Member& member : block.members) {
      if (member.parameter) {
        ParameterAccess::add(dict, prefix + member.name, member.parameter);
      } else {
        self(self, *member.child, prefix + member.name + ".");
      }
    }
  };
  collect(collect, state(), "");
  return dict;
}

void Block::hybridize(const HybridizeOptions& options) {
  detail::check_options(options);
  state().hybridize(options);
}

void Block::unhybridize() {
  detail::walk_blocks(state(), "", [](const std::string&, const BlockState& block) {
    BlockState& target = const_cast<BlockState&>(block);
    target.hybridized.store(false, std::memory_order_release);
    target.options_version.fetch_add(1, std::memory_order_release);
  });
}

void Block::register_child(const std::string& name, const Block& block,
                           const std::type_info& type) {
  BlockState& parent = state();
  BlockState& child = block.state();
  const std::string child_type = child.type.empty() ? detail::type_name(type) : child.type;
  if (name.empty() || name.find('.') != std::string::npos) {
    throw UserError(fmt::format(
        "a child's name is not empty and has no '.', which separates the names of a path; got "
        "'{}' for a {}",
        name, child_type));
  }
  if (parent.hybrid && !child.hybrid) {
    throw UserError(
        fmt::format("{} is a plain Block and cannot be part of a hybrid one: its forward cannot be "
                    "traced. Derive it from "
                    "HybridBlock and override hybrid_forward, or hold it in nn::Sequential, which "
                    "runs plain blocks imperatively "
                    "and compiles the hybrid ones among them",
                    child_type));
  }
  if (&child == &parent || child.path_to(parent)) {
    throw UserError(fmt::format("a {} cannot be its own child '{}'", child_type, name));
  }
  child.type = child_type;
  parent.put({name, block.state_, nullptr});
}

Parameter Block::parameter(const std::string& name, std::vector<std::int64_t> shape,
                           const ParameterOptions& options) {
  if (name.empty() || name.find('.') != std::string::npos) {
    throw UserError(fmt::format("a parameter's name is not empty and has no '.', got '{}'", name));
  }
  for (const std::int64_t size : shape) {
    if (size < kUnknown)
      throw ShapeError(fmt::format("parameter '{}' with a size of {}", name, size));
  }
  auto made = std::make_shared<detail::ParameterState>();
  made->path = name;
  made->sizes = std::move(shape);
  made->options = options;
  state().put({name, nullptr, made});
  return ParameterAccess::make(std::move(made));
}

}  // namespace mlpjit::nn
