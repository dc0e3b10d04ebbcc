// Passes leave unreachable entries in the arenas; this rebuilds a function without them.

#include <unordered_map>

#include "lib/ir/graph.h"

namespace mlpjit::ir {
namespace {

class Compactor {
 public:
  Compactor(const Function& from, Function& to) : from_(from), to_(to) {}

  void run() {
    const std::vector<ValueId>& arguments = from_.body().arguments;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const Value& value = from_.value(arguments[i]);
      values_.emplace(arguments[i], to_.add_input(from_.inputs()[i], value.type, value.name));
    }
    copy_region(Function::kBody, Function::kBody);
    for (const Update& update : from_.updates()) {
      to_.updates().push_back({update.input, values_.at(update.value)});
    }
  }

 private:
  std::vector<ValueId> mapped(const std::vector<ValueId>& ids) const {
    std::vector<ValueId> result;
    result.reserve(ids.size());
    for (ValueId id : ids) result.push_back(values_.at(id));
    return result;
  }

  void copy_region(RegionId from, RegionId to) {
    for (OpId id : from_.region(from).ops) copy_op(from_.op(id), to);
    to_.region(to).results = mapped(from_.region(from).results);
  }

  void copy_op(const Op& op, RegionId to) {
    std::vector<RegionId> regions;
    for (RegionId nested : op.regions) {
      regions.push_back(to_.add_region());
      for (ValueId argument : from_.region(nested).arguments) {
        const Value& value = from_.value(argument);
        values_.emplace(argument, to_.add_argument(regions.back(), value.type, value.name));
      }
      copy_region(nested, regions.back());
    }
    std::vector<std::string> names;
    for (ValueId result : op.results) names.push_back(from_.value(result).name);
    const OpId copy =
        to_.append_typed(to, op.opcode, mapped(op.operands), op.attrs, std::move(regions),
                         from_.types(op.results), op.path, std::move(names));
    for (std::size_t i = 0; i < op.results.size(); ++i) {
      values_.emplace(op.results[i], to_.result(copy, i));
    }
  }

  const Function& from_;
  Function& to_;
  std::unordered_map<ValueId, ValueId> values_;
};

}  // namespace

Function compact(const Function& function) {
  Function result(function.name());
  Compactor(function, result).run();
  return result;
}

}  // namespace mlpjit::ir
