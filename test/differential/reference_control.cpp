#include <cstring>
#include <unordered_map>

#include "lib/ir/opcodes.h"
#include "test/differential/reference_run.h"

namespace mlpjit::reference {
namespace {

bool is_true(const Array& predicate) {
  return predicate.as<unsigned char>()[0] != 0;
}

// Entry i along axis 0.
Array entry(const Array& all, std::int64_t i) {
  Array one = make_array(all.dtype, {all.shape.begin() + 1, all.shape.end()});
  if (!one.bytes.empty()) {
    std::memcpy(one.bytes.data(), all.bytes.data() + static_cast<std::size_t>(i) * one.bytes.size(),
                one.bytes.size());
  }
  return one;
}

class Walk {
 public:
  Walk(const ir::Function& function, const PlainOp& plain) : function_(function), plain_(plain) {}

  Arrays region(ir::RegionId id, const Arrays& arguments) {
    const ir::Region& region = function_.region(id);
    for (std::size_t i = 0; i < arguments.size(); ++i) values_[region.arguments[i]] = arguments[i];
    for (const ir::OpId op : region.ops) step(function_.op(op));
    return values(region.results);
  }

  Arrays values(const std::vector<ir::ValueId>& ids) const {
    Arrays all;
    for (const ir::ValueId id : ids) all.push_back(values_.at(id));
    return all;
  }

 private:
  void step(const ir::Op& op) {
    const Arrays operands = values(op.operands);
    Arrays results;
    switch (op.opcode) {
      case ir::Opcode::cond:
        results = region(op.regions[is_true(operands[0]) ? 0 : 1],
                         {operands.begin() + 1, operands.end()});
        break;
      case ir::Opcode::while_loop: results = loop(op, operands); break;
      case ir::Opcode::scan: results = scan(op, operands); break;
      default: results = plain_(op, operands);
    }
    for (std::size_t i = 0; i < results.size(); ++i) values_[op.results[i]] = results[i];
  }

  Arrays loop(const ir::Op& op, Arrays state) {
    std::int64_t rounds_left = op.attrs.integer("max_iterations");
    while (rounds_left != 0 && is_true(region(op.regions[0], state)[0])) {
      state = region(op.regions[1], state);
      --rounds_left;  // from -1 down there is no limit
    }
    return state;
  }

  Arrays scan(const ir::Op& op, const Arrays& operands) {
    const auto carried = static_cast<std::size_t>(op.attrs.integer("carried"));
    const std::int64_t length = operands[carried].shape[0];
    Arrays state(operands.begin(), operands.begin() + static_cast<std::ptrdiff_t>(carried));
    Arrays stacked;
    for (std::size_t i = carried; i < op.results.size(); ++i) {
      const ir::Type& type = function_.value(op.results[i]).type;
      const auto sizes = type.shape.sizes();
      stacked.push_back(make_array(type.dtype, {sizes.begin(), sizes.end()}));
    }
    for (std::int64_t i = 0; i < length; ++i) {
      for (std::size_t x = carried; x < operands.size(); ++x)
        state.push_back(entry(operands[x], i));
      const Arrays yields = region(op.regions[0], state);
      state.assign(yields.begin(), yields.begin() + static_cast<std::ptrdiff_t>(carried));
      for (std::size_t y = 0; y < stacked.size(); ++y) {
        const std::vector<std::byte>& bytes = yields[carried + y].bytes;
        std::copy(bytes.begin(), bytes.end(),
                  stacked[y].bytes.begin() + i * static_cast<std::ptrdiff_t>(bytes.size()));
      }
    }
    state.insert(state.end(), stacked.begin(), stacked.end());
    return state;
  }

  const ir::Function& function_;
  const PlainOp& plain_;
  std::unordered_map<ir::ValueId, Array> values_;
};

}  // namespace

RunResult run(const ir::Function& function, const Arrays& inputs, const PlainOp& plain) {
  Walk walk(function, plain);
  RunResult result;
  result.results = walk.region(ir::Function::kBody, inputs);
  result.inputs = inputs;
  for (const ir::Update& update : function.updates())
    result.inputs[update.input] = walk.values({update.value})[0];
  return result;
}

}  // namespace mlpjit::reference
