#include "src/block/block_state.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "lib/ir/sizes.h"
#include "mlpjit/error.h"
#include "src/block/clone_map.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {

namespace {
std::atomic<std::uint64_t> next_id{1};
thread_local CallFrame* innermost_call = nullptr;
}  // namespace

std::atomic<std::uint64_t>& structure_epoch() {
  static std::atomic<std::uint64_t> epoch{1};
  return epoch;
}

BlockState::BlockState() : id(next_id.fetch_add(1, std::memory_order_relaxed)) {}

void BlockState::hybridize(const HybridizeOptions& wanted) {
  walk_blocks(*this, "", [&](const std::string&, const BlockState& block) {
    BlockState& target = const_cast<BlockState&>(block);
    const std::lock_guard lock(target.mutex);
    target.options = wanted;
    target.hybridized.store(true, std::memory_order_release);
    target.options_version.fetch_add(1, std::memory_order_release);
  });
}

void BlockState::put(Member member) {
  if (member.child && hybridized.load(std::memory_order_acquire) &&
      !member.child->hybridized.load(std::memory_order_acquire)) {
    HybridizeOptions inherited;
    {
      const std::lock_guard lock(mutex);
      inherited = options;
    }
    member.child->hybridize(inherited);
  }
  const auto same = std::find_if(members.begin(), members.end(), [&](const Member& other) {
    return other.name == member.name && (other.child == nullptr) == (member.child == nullptr);
  });
  if (same == members.end()) {
    members.push_back(std::move(member));
  } else {
    *same = std::move(member);
  }
  touch();
}

void BlockState::touch() {
  version.fetch_add(1, std::memory_order_release);
  structure_epoch().fetch_add(1, std::memory_order_release);
}

std::optional<std::string> BlockState::path_to(const BlockState& block) const {
  for (const Member& member : members) {
    if (member.child.get() == &block) return member.name;
  }
  for (const Member& member : members) {
    if (!member.child) continue;
    if (const auto path = member.child->path_to(block)) return member.name + "." + *path;
  }
  return std::nullopt;
}

namespace {

// The symbols of shapes.
void collect_symbols(const std::vector<Shape>& shapes, ir::Sizes& symbols) {
  for (const Shape& shape : shapes) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (!shape[axis].is_static()) symbols[shape[axis].symbol()] = 0;
    }
  }
}

}  // namespace

void BlockState::remember_call(std::span<const Tensor> inputs, const LayerShapes& outputs) {
  std::vector<std::pair<DType, Shape>> seen;
  std::optional<std::int64_t> batch;
  for (const Tensor& input : inputs) {
    if (!input.defined() || !input.shape().is_static()) return;
    seen.emplace_back(input.dtype(), input.shape());
    if (!batch && input.rank() > 0) batch = input.shape()[0].value();
  }
  // A trace for all batch sizes has a symbol for that of this call; of several it is not known
  // which stands for what.
  LayerShapes layers = outputs;
  ir::Sizes symbols;
  for (const auto& [path, shapes] : layers) collect_symbols(shapes, symbols);
  if (symbols.size() == 1 && batch) {
    symbols.begin()->second = *batch;
    for (auto& [path, shapes] : layers) {
      for (Shape& shape : shapes) shape = ir::substitute(shape, symbols);
    }
  }
  std::vector<std::uint64_t> fingerprint = fingerprint_of(*this);
  const std::lock_guard lock(mutex);
  first_inputs = std::move(seen);
  first_outputs = std::move(layers);
  first_fingerprint = std::move(fingerprint);
  called.store(true, std::memory_order_release);
}

std::vector<std::uint64_t> fingerprint_of(const BlockState& block) {
  std::vector<std::uint64_t> fingerprint;
  walk_blocks(block, "", [&](const std::string&, const BlockState& each) {
    fingerprint.push_back(each.id);
    fingerprint.push_back(each.version.load(std::memory_order_acquire));
  });
  return fingerprint;
}

std::shared_ptr<BlockState> BlockState::clone() const {
  auto copy = std::make_shared<BlockState>();
  copy->type = type;
  copy->arguments = arguments;
  copy->hybrid = hybrid;
  CloneMap& map = *CloneMap::current();
  for (const Member& member : members) {
    copy->members.push_back(
        {member.name, map.get(member.child, [](const BlockState& state) { return state.clone(); }),
         map.get(member.parameter, [](const ParameterState& state) { return state.clone(); })});
  }
  const std::lock_guard lock(mutex);
  copy->options = options;
  copy->hybridized = hybridized.load();
  copy->options_version = hybridized ? 1 : 0;
  copy->first_inputs = first_inputs;
  copy->called = called.load();
  return copy;
}

namespace {
// Of calls inside calls, far from the end of a thread's stack.
constexpr int kDeepest = 2000;
}  // namespace

CallFrame::CallFrame(const nn::Block& block)
    : state_(BlockAccess::state(block)),
      outer_(innermost_call),
      depth_(outer_ == nullptr ? 1 : outer_->depth_ + 1),
      path_(name_under(outer_, block, state_)) {
  innermost_call = this;
}

CallFrame::~CallFrame() {
  innermost_call = outer_;
}

std::string CallFrame::name_under(const CallFrame* outer, const nn::Block& block,
                                  const BlockState& state) {
  if (outer == nullptr) return {};
  if (outer->depth_ >= kDeepest) {
    throw UserError(
        fmt::format("blocks call each other {} deep; does one of them, {}, call itself?", kDeepest,
                    type_of(block)));
  }
  if (auto path = outer->state_.path_to(state)) return *std::move(path);
  throw UserError(fmt::format(
      "{}a block of type {} is called here but is not registered under the block that runs: its "
      "parameters would be "
      "left out of collect_params(). Register it: `layer = child(\"name\", ...)`, or net.add(...)",
      path_prefix(), type_of(block)));
}

bool& OneInputGuess::active() {
  thread_local bool guessing = false;
  return guessing;
}

ShapeObserver*& ShapeObserver::current() {
  thread_local ShapeObserver* observer = nullptr;
  return observer;
}

void ShapeObserver::record(std::span<const Tensor> outputs) {
  std::vector<Shape>& shapes = shapes_[current_path()];
  shapes.clear();
  for (const Tensor& output : outputs) shapes.push_back(output.shape());
}

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 && text ? text.get() : type.name();
  // Names inside template arguments keep theirs.
  const std::size_t scope = name.substr(0, name.find('<')).rfind("::");
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

std::string type_of(const nn::Block& block) {
  const BlockState& state = BlockAccess::state(block);
  return state.type.empty() ? type_name(typeid(block)) : state.type;
}

CloneMap*& CloneMap::current() {
  thread_local CloneMap* map = nullptr;
  return map;
}

CloneScope::CloneScope() : outer_(CloneMap::current()) {
  CloneMap::current() = new CloneMap();
}

CloneScope::~CloneScope() {
  delete CloneMap::current();
  CloneMap::current() = static_cast<CloneMap*>(outer_);
}

std::optional<std::string> parameter_path(const BlockState& block, const std::string& prefix,
                                          const Tensor& tensor) {
  for (const BlockState::Member& member : block.members) {
    std::string path = prefix + member.name;
    if (member.child) {
      if (auto found = parameter_path(*member.child, path + ".", tensor)) return found;
    } else if (member.parameter->ready.load(std::memory_order_acquire) &&
               TensorAccess::impl(member.parameter->value) == TensorAccess::impl(tensor)) {
      return path;
    }
  }
  return std::nullopt;
}

}  // namespace mlpjit::detail
