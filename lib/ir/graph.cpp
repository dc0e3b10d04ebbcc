#include "lib/ir/graph.h"

#include <utility>

#include "lib/ir/infer.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {

std::string_view to_string(InputKind kind) {
  switch (kind) {
    case InputKind::argument: return "argument";
    case InputKind::parameter: return "parameter";
    case InputKind::capture: return "capture";
    case InputKind::state: return "state";
    case InputKind::token: return "token";
  }
  return "?";
}

Function::Function(std::string name) : name_(std::move(name)) {
  regions_.emplace_back();
}

std::string Function::fresh_name(std::string wanted) {
  if (!wanted.empty()) {
    const auto [entry, is_new] = names_.try_emplace(wanted, 0);
    if (is_new) return wanted;
    // Counted for each name, so that a thousand values of one name do not search a million times.
    std::size_t suffix = entry->second;
    std::string candidate;
    do candidate = wanted + "_" + std::to_string(++suffix);
    while (!names_.try_emplace(candidate, 0).second);
    names_[wanted] = suffix;
    return candidate;
  }
  for (;;) {
    std::string candidate = std::to_string(next_name_++);
    if (names_.try_emplace(candidate, 0).second) return candidate;
  }
}

void Function::set_name(ValueId id, std::string name) {
  Value& value = values_.at(id.index);
  if (value.name == name) return;
  names_.erase(value.name);
  // A made-up number that was only a placeholder is given back, so that numbers stay dense.
  if (next_name_ > 0 && value.name == std::to_string(next_name_ - 1)) --next_name_;
  value.name = fresh_name(std::move(name));
}

ValueId Function::add_input(Input input, Type type, std::string value_name) {
  inputs_.push_back(std::move(input));
  return add_argument(kBody, std::move(type), std::move(value_name));
}

RegionId Function::add_region() {
  regions_.emplace_back();
  return RegionId(regions_.size() - 1);
}

ValueId Function::add_argument(RegionId region, Type type, std::string name) {
  const ValueId id(values_.size());
  Region& owner = regions_.at(region.index);
  values_.push_back({std::move(type), fresh_name(std::move(name)), OpId{}, region,
                     static_cast<std::uint32_t>(owner.arguments.size())});
  owner.arguments.push_back(id);
  return id;
}

std::vector<Type> Function::types(std::span<const ValueId> ids) const {
  std::vector<Type> result;
  result.reserve(ids.size());
  for (ValueId id : ids) result.push_back(value(id).type);
  return result;
}

OpId Function::append(RegionId region, Opcode opcode, std::vector<ValueId> operands, Attrs attrs,
                      std::vector<RegionId> regions, std::string path) {
  std::vector<Type> results = info(opcode).has(kRegion)
                                  ? infer_structured(*this, opcode, operands, attrs, regions)
                                  : infer(opcode, types(operands), attrs);
  return append_typed(region, opcode, std::move(operands), std::move(attrs), std::move(regions),
                      std::move(results), std::move(path));
}

OpId Function::append_typed(RegionId region, Opcode opcode, std::vector<ValueId> operands,
                            Attrs attrs, std::vector<RegionId> regions,
                            std::vector<Type> result_types, std::string path,
                            std::vector<std::string> names) {
  const OpId id(ops_.size());
  Op op;
  op.opcode = opcode;
  op.operands = std::move(operands);
  op.attrs = std::move(attrs);
  op.regions = std::move(regions);
  op.parent = region;
  op.path = std::move(path);
  op.results.reserve(result_types.size());
  names.resize(result_types.size());
  for (std::size_t i = 0; i < result_types.size(); ++i) {
    op.results.push_back(ValueId(values_.size()));
    values_.push_back({std::move(result_types[i]), fresh_name(std::move(names[i])), id, region,
                       static_cast<std::uint32_t>(i)});
  }
  for (RegionId nested : op.regions) regions_.at(nested.index).parent = id;
  ops_.push_back(std::move(op));
  regions_.at(region.index).ops.push_back(id);
  return id;
}

void Function::replace_uses(ValueId from, ValueId to) {
  const auto replace = [&](std::vector<ValueId>& ids) {
    for (ValueId& id : ids) {
      if (id == from) id = to;
    }
  };
  for (Op& op : ops_) replace(op.operands);
  for (Region& region : regions_) replace(region.results);
  for (Update& update : updates_) {
    if (update.value == from) update.value = to;
  }
}

Function& Graph::add_function(std::string name) {
  if (find(name) != nullptr) {
    throw UserError("function @" + name + " is defined twice; give one of them another name");
  }
  functions_.push_back(std::make_unique<Function>(std::move(name)));
  return *functions_.back();
}

void Graph::remove_function(std::string_view name) {
  std::erase_if(functions_, [&](const auto& function) { return function->name() == name; });
}

const Function* Graph::find(std::string_view name) const {
  for (const auto& function : functions_) {
    if (function->name() == name) return function.get();
  }
  return nullptr;
}

Function* Graph::find(std::string_view name) {
  return const_cast<Function*>(std::as_const(*this).find(name));
}

const Function& Graph::main() const {
  if (const Function* function = find("main")) return *function;
  throw UserError("the graph has no function @main; name its entry so");
}

Function& Graph::main() {
  return const_cast<Function&>(std::as_const(*this).main());
}

Graph Graph::clone() const {
  Graph copy;
  for (const auto& function : functions_) {
    copy.functions_.push_back(std::make_unique<Function>(*function));
  }
  return copy;
}

}  // namespace mlpjit::ir
