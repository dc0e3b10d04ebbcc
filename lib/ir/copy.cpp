#include "lib/ir/copy.h"

#include <algorithm>
#include <utility>

#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

bool is_number(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return '0' <= c && c <= '9'; });
}

}  // namespace

ValueId Copier::operator[](ValueId from) const {
  if (const auto found = values_.find(from); found != values_.end()) return found->second;
  if (&from_ == &to_) return from;
  throw InternalError("copy of @" + from_.name() + ": nothing stands for %" +
                      from_.value(from).name);
}

std::vector<ValueId> Copier::operator[](std::span<const ValueId> from) const {
  std::vector<ValueId> result;
  result.reserve(from.size());
  for (const ValueId id : from) result.push_back((*this)[id]);
  return result;
}

std::string Copier::name_of(ValueId from) const {
  if (names_ == Names::numbered) return {};
  std::string name = from_.value(from).name;
  if (names_ == Names::given && is_number(name)) return {};
  return name;
}

std::string Copier::path_of(std::string path) const {
  if (path_.empty()) return path;
  return path.empty() ? path_ : path_ + "." + path;
}

void Copier::ops(RegionId from, RegionId to) {
  // Copied: in one function the arenas grow under it.
  const std::vector<OpId> ops = from_.region(from).ops;
  for (const OpId id : ops) op(id, to);
}

RegionId Copier::region(RegionId from) {
  const RegionId copy = to_.add_region();
  const std::vector<ValueId> arguments = from_.region(from).arguments;
  for (const ValueId argument : arguments)
    bind(argument, to_.add_argument(copy, Type(from_.value(argument).type), name_of(argument)));
  ops(from, copy);
  std::vector<ValueId> results = (*this)[from_.region(from).results];
  to_.region(copy).results = std::move(results);
  return copy;
}

OpId Copier::op(OpId from, RegionId to) {
  Op op = from_.op(from);
  std::vector<RegionId> regions;
  regions.reserve(op.regions.size());
  for (const RegionId nested : op.regions) regions.push_back(region(nested));
  std::vector<std::string> names;
  names.reserve(op.results.size());
  for (const ValueId result : op.results) names.push_back(name_of(result));
  const OpId copy =
      to_.append_typed(to, op.opcode, (*this)[op.operands], std::move(op.attrs), std::move(regions),
                       from_.types(op.results), path_of(std::move(op.path)), std::move(names));
  for (std::size_t i = 0; i < op.results.size(); ++i) bind(op.results[i], to_.result(copy, i));
  return copy;
}

Function compact(const Function& function) {
  Function result(function.name());
  Copier copy(function, result, Copier::Names::all);
  const std::vector<ValueId>& arguments = function.body().arguments;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Value& value = function.value(arguments[i]);
    copy.bind(arguments[i], result.add_input(function.inputs()[i], value.type, value.name));
  }
  copy.ops(Function::kBody, Function::kBody);
  result.body().results = copy[function.body().results];
  for (const Update& update : function.updates())
    result.updates().push_back({update.input, copy[update.value]});
  return result;
}

}  // namespace mlpjit::ir
