#pragma once
// Writes the ops of one function into another, with other values for its inputs.

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/ir/graph.h"
#include "src/core/path.h"

namespace mlpjit::detail {

// The layer path of this thread comes in front of those of the ops.
class Replay {
 public:
  Replay(ir::Function& to, const ir::Function& from) : to_(to), from_(from) {}

  void bind(ir::ValueId from, ir::ValueId to) { values_[from.index] = to; }
  ir::ValueId operator[](ir::ValueId from) const { return values_.at(from.index); }

  void region(ir::RegionId from, ir::RegionId to) {
    for (const ir::OpId id : from_.region(from).ops) op(from_.op(id), to);
  }

 private:
  void op(const ir::Op& op, ir::RegionId to) {
    std::vector<ir::RegionId> regions;
    for (const ir::RegionId inner : op.regions) {
      const ir::RegionId copy = to_.add_region();
      for (const ir::ValueId argument : from_.region(inner).arguments) {
        bind(argument, to_.add_argument(copy, from_.value(argument).type));
      }
      region(inner, copy);
      std::vector<ir::ValueId> yields = mapped(from_.region(inner).results);
      to_.region(copy).results = std::move(yields);
      regions.push_back(copy);
    }
    std::string path = current_path();
    if (!path.empty() && !op.path.empty()) path += '.';
    path += op.path;
    const ir::OpId made =
        to_.append_typed(to, op.opcode, mapped(op.operands), op.attrs, std::move(regions),
                         from_.types(op.results), std::move(path));
    for (std::size_t i = 0; i < op.results.size(); ++i) bind(op.results[i], to_.result(made, i));
  }

  std::vector<ir::ValueId> mapped(std::span<const ir::ValueId> values) const {
    std::vector<ir::ValueId> result;
    for (const ir::ValueId value : values) result.push_back((*this)[value]);
    return result;
  }

  ir::Function& to_;
  const ir::Function& from_;
  std::unordered_map<std::uint32_t, ir::ValueId> values_;
};

}  // namespace mlpjit::detail
