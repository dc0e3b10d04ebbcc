// Reductions of rows in the lane form, with element-wise code before and after.

#include <limits>

#include <fmt/format.h>

#include "lib/codegen/lanes.h"
#include "lib/codegen/module_builder.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::codegen {
namespace {

using ir::Opcode;

class Reduction {
 public:
  Reduction(Driver& driver, const plan::ReductionKernel& kernel)
      : d_(driver),
        kernel_(kernel),
        dtype_(value_dtype(driver.module.main(), kernel.producer.results[0])),
        width_(kernel.lanes) {}

  void emit() {
    for (const plan::Access& in : kernel_.inputs) d_.pointer(in.buffer);
    for (const plan::Access& extra : kernel_.extras) d_.pointer(extra.buffer);
    d_.pointer(kernel_.out.buffer);
    d_.nest(kernel_.outer, [&](std::span<Value* const> indices) { emit_one(indices); });
  }

 private:
  Value* address(const plan::Access& access, std::span<Value* const> indices) {
    return d_.element(d_.pointer(access.buffer), d_.dtype(access.buffer),
                      d_.offset(access.strides, indices));
  }

  void emit_one(std::span<Value* const> indices) {
    inputs_.clear();
    for (const plan::Access& in : kernel_.inputs) {
      inputs_.emplace_back(d_, address(in, indices), d_.dtype(in.buffer), in.strides.back(),
                           width_);
    }
    Values arguments = {reduce()};
    for (const plan::Access& extra : kernel_.extras) {
      arguments.push_back(d_.load(address(extra, indices), d_.dtype(extra.buffer), 1));
    }
    const Values results = emit_body(d_, kernel_.consumer, arguments, 1);
    d_.store(results[0], address(kernel_.out, indices), d_.dtype(kernel_.out.buffer), 1);
  }

  Value* element(Value* at, Value* mask, Value* last) {
    Values values;
    for (const InnerInput& input : inputs_) values.push_back(input.load(d_, at, mask, last));
    return emit_body(d_, kernel_.producer, values, width_)[0];
  }

  Value* function(Opcode opcode, const Values& operands, int lanes) {
    return emit_function(d_, opcode, dtype_, operands, lanes);
  }

  // One pass: lanes of combine(lane, f(element)), then the tree.
  Value* pass(double identity, const Combine& combine,
              const std::function<Value*(Value* x, Value* sum)>& step) {
    const std::vector<Lanes> start = {
        splat_lanes(float_splat(d_, dtype_, identity, width_), width_)};
    const auto lanes = emit_lane_loop(d_, kernel_.inner, width_, start,
                                      [&](Value* at, Value* mask, Value* last, const Values& sums) {
                                        return Values{step(element(at, mask, last), sums[0])};
                                      });
    return emit_lane_tree(d_, lanes[0], width_, combine);
  }

  Value* pass(double identity, Opcode opcode) {
    const Combine combine = [&](Value* a, Value* c, int lanes) {
      return function(opcode, {a, c}, lanes);
    };
    return pass(identity, combine, [&](Value* x, Value* sum) { return combine(sum, x, width_); });
  }

  Value* sum() {
    return emit_sums(d_, dtype_, kernel_.inner, width_, 1,
                     [&](Value* at, Value* mask, Value* last, const Values& sums) {
                       return Values{d_.b.CreateFAdd(sums[0], element(at, mask, last))};
                     })[0];
  }

  Value* mean() {
    Value* count = float_splat(d_, dtype_, static_cast<double>(kernel_.inner), 1);
    return function(Opcode::divide, {sum(), count}, 1);
  }

  Value* variance() {
    Value* center = splat_element(d_, mean(), width_);
    const Values sums = emit_sums(
        d_, dtype_, kernel_.inner, width_, 2,
        [&](Value* at, Value* mask, Value* last, const Values& before) {
          Value* centred = d_.b.CreateFSub(element(at, mask, last), center);
          return Values{d_.b.CreateFAdd(before[0], centred), d_.fma(centred, centred, before[1])};
        });
    return emit_spread(d_, dtype_, sums, kernel_.inner).variance;
  }

  Value* reduce() {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    switch (kernel_.op) {
      case Opcode::prod: return pass(1, Opcode::multiply);
      case Opcode::max: return pass(-kInfinity, Opcode::maximum);
      case Opcode::min: return pass(kInfinity, Opcode::minimum);
      case Opcode::mean: return mean();
      case Opcode::var: return variance();
      case Opcode::sum: return sum();
      default: break;
    }
    throw InternalError(fmt::format("codegen: {} is no reduction", ir::to_string(kernel_.op)));
  }

  Driver& d_;
  const plan::ReductionKernel& kernel_;
  DType dtype_;
  int width_;
  std::vector<InnerInput> inputs_;
};

}  // namespace

void emit(Driver& driver, const plan::ReductionKernel& kernel) {
  Reduction(driver, kernel).emit();
}

}  // namespace mlpjit::codegen
