#include "lib/passes/rewrite.h"

#include "lib/ir/opcodes.h"
#include "lib/support/number_range.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "mlpjit/error.h"

namespace mlpjit::passes {

using ir::Function;
using ir::Literal;
using ir::Op;
using ir::Opcode;
using ir::OpId;
using ir::RegionId;
using ir::ValueId;

void Substitution::replace(ValueId from, ValueId to) {
  to = (*this)(to);
  if (from == to) throw InternalError("passes: a value cannot stand for itself");
  map_[from] = to;
}

ValueId Substitution::operator()(ValueId id) const {
  for (auto found = map_.find(id); found != map_.end(); found = map_.find(id)) id = found->second;
  return id;
}

void Substitution::apply(std::vector<ValueId>& ids) const {
  if (map_.empty()) return;
  for (ValueId& id : ids) id = (*this)(id);
}

void rewrite_region(Function& function, RegionId region, Substitution& substitution,
                    const KeepOp& keep) {
  const std::vector<OpId> ops = std::exchange(function.region(region).ops, {});
  for (OpId id : ops) {
    substitution.apply(function.op(id).operands);
    const std::vector<RegionId> nested = function.op(id).regions;
    for (RegionId inner : nested) rewrite_region(function, inner, substitution, keep);
    if (keep(id)) function.region(region).ops.push_back(id);
  }
  substitution.apply(function.region(region).results);
}

void rewrite_function(Function& function, const KeepOp& keep, Substitution& substitution) {
  rewrite_region(function, Function::kBody, substitution, keep);
  for (ir::Update& update : function.updates()) update.value = substitution(update.value);
}

namespace {

void substitute_in_region(Function& function, RegionId region, const Substitution& substitution) {
  for (OpId id : function.region(region).ops) {
    substitution.apply(function.op(id).operands);
    for (RegionId inner : function.op(id).regions) {
      substitute_in_region(function, inner, substitution);
    }
  }
  substitution.apply(function.region(region).results);
}

}  // namespace

void splice(Function& function, RegionId from, RegionId to, const Substitution& substitution) {
  substitute_in_region(function, from, substitution);
  for (OpId id : std::exchange(function.region(from).ops, {})) {
    function.op(id).parent = to;
    for (ValueId result : function.op(id).results) function.value(result).region = to;
    function.region(to).ops.push_back(id);
  }
}

void take_name(Function& function, ValueId from, ValueId to) {
  std::string name = function.value(from).name;
  function.set_name(from, {});
  function.set_name(to, std::move(name));
}

const Literal* constant_of(const Function& function, ValueId id) {
  const OpId producer = function.value(id).producer;
  if (!producer.valid() || function.op(producer).opcode != Opcode::constant) return nullptr;
  return &function.op(producer).attrs.get<Literal>("value");
}

std::optional<Literal> splat_of(const Function& function, ValueId id) {
  OpId producer = function.value(id).producer;
  while (producer.valid() && (function.op(producer).opcode == Opcode::broadcast_to ||
                              function.op(producer).opcode == Opcode::reshape)) {
    id = function.op(producer).operands.front();
    producer = function.value(id).producer;
  }
  const Literal* literal = constant_of(function, id);
  if (literal == nullptr || literal->bytes->empty()) return std::nullopt;
  const std::size_t width = size_of(literal->dtype);
  const std::byte* first = literal->bytes->data();
  for (std::size_t at = width; at < literal->bytes->size(); at += width) {
    if (std::memcmp(first, first + at, width) != 0) return std::nullopt;
  }
  return ir::make_literal(literal->dtype, {}, first);
}

namespace {

template <class T>
T element(const Literal& literal, std::size_t i = 0) {
  T value;
  std::memcpy(&value, literal.bytes->data() + i * sizeof(T), sizeof(T));
  return value;
}

double number(const Literal& literal, std::size_t i = 0) {
  switch (literal.dtype) {
    case DType::f32: return element<float>(literal, i);
    case DType::f64: return element<double>(literal, i);
    case DType::i32: return element<std::int32_t>(literal, i);
    case DType::i64: return static_cast<double>(element<std::int64_t>(literal, i));
    case DType::boolean: return element<std::uint8_t>(literal, i);
  }
  throw InternalError("passes: unknown dtype of a literal");
}

}  // namespace

std::optional<double> splat_number(const Function& function, ValueId id) {
  const std::optional<Literal> literal = splat_of(function, id);
  if (!literal) return std::nullopt;
  return number(*literal);
}

ValueId add_constant(Function& function, RegionId region, Literal literal,
                     const std::string& path) {
  ir::Type type = literal.type();
  return function.result(function.append_typed(
      region, Opcode::constant, {}, {{"value", std::move(literal)}}, {}, {std::move(type)}, path));
}

namespace {

// Whether all elements of a known value satisfy `good`; false when it is not known.
template <class Good>
bool known_elements(const Function& function, ValueId id, Good good) {
  constexpr std::size_t kLooked = 4096;  // more are taken for unknown
  if (const std::optional<double> splat = splat_number(function, id)) return good(*splat);
  const Literal* literal = constant_of(function, id);
  if (literal == nullptr) return false;
  const std::size_t count = literal->bytes->size() / size_of(literal->dtype);
  if (count > kLooked) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!good(number(*literal, i))) return false;
  }
  return true;
}

bool reduces_nothing_possible(const Function& function, const Op& op) {
  const Shape& shape = function.value(op.operands.front()).type.shape;
  for (std::int64_t axis : op.attrs.integers("axes")) {
    const Dim dim = shape[static_cast<int>(axis)];
    if (!dim.is_static() || dim.value() == 0) return true;
  }
  return false;
}

bool index_out_of_range_possible(const Function& function, ValueId indices, std::int64_t lowest,
                                 const Dim& end) {
  if (!end.is_static()) return true;
  const auto low = static_cast<double>(lowest);
  const auto high = static_cast<double>(end.value());
  return !known_elements(function, indices, [&](double i) { return i >= low && i < high; });
}

}  // namespace

bool can_fail(const Function& function, OpId id) {
  const Op& op = function.op(id);
  if (!ir::info(op.opcode).has(ir::kMayFail)) return false;
  switch (op.opcode) {
    case Opcode::floor_divide:
    case Opcode::remainder:
      return !is_floating(function.value(op.operands[1]).type.dtype) &&
             !known_elements(function, op.operands[1], [](double d) { return d != 0; });
    case Opcode::max:
    case Opcode::min:
    case Opcode::argmax:
    case Opcode::argmin: return reduces_nothing_possible(function, op);
    case Opcode::gather: {
      const int axis = static_cast<int>(op.attrs.integer("axis"));
      const Dim size = function.value(op.operands[0]).type.shape[axis];
      return index_out_of_range_possible(function, op.operands[1],
                                         size.is_static() ? -size.value() : 0, size);
    }
    case Opcode::one_hot:
      return index_out_of_range_possible(function, op.operands[0], 0,
                                         Dim(op.attrs.integer("depth")));
    case Opcode::narrow: {
      const DType dtype = function.value(op.results[0]).type.dtype;
      return !known_elements(function, op.operands[0],
                             [&](double d) { return support::holds(dtype, d); });
    }
    default: return true;
  }
}

bool Necessity::region_must_run(const Function& function, RegionId region) {
  const std::vector<OpId>& ops = function.region(region).ops;
  return std::any_of(ops.begin(), ops.end(), [&](OpId op) { return must_run(function, op); });
}

bool Necessity::must_run(const Function& function, OpId id) {
  const Op& op = function.op(id);
  if (ir::info(op.opcode).has(ir::kEffect) || can_fail(function, id)) return true;
  if (op.opcode == Opcode::call) {
    const std::string& name = op.attrs.get<ir::FunctionRef>("callee").name;
    // Until it is known, a callee must run: so does one that calls itself.
    const auto [entry, fresh] = callees_.try_emplace(name, true);
    if (!fresh) return entry->second;
    const Function* callee = graph_.find(name);
    const bool must = callee == nullptr || region_must_run(*callee, Function::kBody);
    callees_[name] = must;
    return must;
  }
  return std::any_of(op.regions.begin(), op.regions.end(),
                     [&](RegionId region) { return region_must_run(function, region); });
}

void for_each_op(const Function& function, RegionId region,
                 const std::function<void(OpId)>& visit) {
  for (OpId id : function.region(region).ops) {
    visit(id);
    for (RegionId nested : function.op(id).regions) for_each_op(function, nested, visit);
  }
}

std::vector<bool> used_values(const Function& function) {
  std::vector<bool> used(function.value_count());
  const auto use = [&](const std::vector<ValueId>& ids) {
    for (ValueId id : ids) used[id.index] = true;
  };
  for_each_op(function, Function::kBody, [&](OpId id) {
    use(function.op(id).operands);
    for (RegionId region : function.op(id).regions) use(function.region(region).results);
  });
  use(function.body().results);
  for (const ir::Update& update : function.updates()) used[update.value.index] = true;
  return used;
}

}  // namespace mlpjit::passes
