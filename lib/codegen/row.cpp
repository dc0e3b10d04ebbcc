// softmax, log_softmax and layer_norm, row by row: the input is read once, a row of intermediate
// results stays in L1.

#include <fmt/format.h>

#include <limits>

#include "lib/codegen/lanes.h"
#include "lib/codegen/module_builder.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::codegen {
namespace {

using ir::Opcode;

class Rows {
 public:
  Rows(Driver& driver, const plan::RowKernel& kernel)
      : d_(driver),
        kernel_(kernel),
        dtype_(value_dtype(driver.module.main(), kernel.producer.results[0])),
        width_(kernel.lanes) {}

  void emit() {
    for (const plan::Access& in : kernel_.inputs) d_.pointer(in.buffer);
    for (const plan::Access& extra : kernel_.extras) d_.pointer(extra.buffer);
    for (const std::int64_t id : {kernel_.gamma, kernel_.beta}) {
      if (id >= 0) d_.pointer(static_cast<plan::BufferId>(id));
    }
    d_.pointer(kernel_.out.buffer);
    d_.scratch(kernel_.scratch);
    d_.nest(kernel_.outer, [&](std::span<Value* const> indices) { emit_row(indices); });
  }

 private:
  Value* address(const plan::Access& access, std::span<Value* const> indices) {
    return d_.element(d_.pointer(access.buffer), d_.dtype(access.buffer),
                      d_.offset(access.strides, indices));
  }
  std::vector<InnerInput> inputs(const std::vector<plan::Access>& accesses,
                                 std::span<Value* const> indices) {
    std::vector<InnerInput> made;
    for (const plan::Access& access : accesses) {
      made.emplace_back(d_, address(access, indices), d_.dtype(access.buffer),
                        access.strides.back(), width_);
    }
    return made;
  }
  static Values load_all(Emitter& e, const std::vector<InnerInput>& inputs, Value* at, Value* mask,
                         Value* last) {
    Values values;
    for (const InnerInput& input : inputs) values.push_back(input.load(e, at, mask, last));
    return values;
  }

  Value* scratch(Value* at) { return d_.element(d_.scratch(kernel_.scratch), dtype_, at); }
  Value* read(Value* at, Value* mask) { return d_.load(scratch(at), dtype_, width_, mask); }
  void keep(Value* value, Value* at, Value* mask) {
    d_.store(value, scratch(at), dtype_, width_, mask);
  }
  Value* function(Opcode opcode, const Values& operands, int lanes) {
    return emit_function(d_, opcode, dtype_, operands, lanes);
  }

  // The producer's row, kept.
  Value* produce(const std::vector<InnerInput>& in, Value* at, Value* mask, Value* last) {
    Value* x = emit_body(d_, kernel_.producer, load_all(d_, in, at, mask, last), width_)[0];
    keep(x, at, mask);
    return x;
  }

  Value* highest(const std::vector<InnerInput>& in) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const std::vector<Lanes> start = {
        splat_lanes(float_splat(d_, dtype_, -kInfinity, width_), width_)};
    const auto maximum = [this](Value* a, Value* c, int n) {
      return function(Opcode::maximum, {a, c}, n);
    };
    const auto lanes =
        emit_lane_loop(d_, kernel_.columns, width_, start,
                       [&](Value* at, Value* mask, Value* last, const Values& sums) {
                         return Values{maximum(sums[0], produce(in, at, mask, last), width_)};
                       });
    return emit_lane_tree(d_, lanes[0], width_, maximum);
  }

  Values sums(int chains, const LaneStep& step) {
    return emit_sums(d_, dtype_, kernel_.columns, {width_, 1}, chains, step);
  }

  void emit_row(std::span<Value* const> indices) {
    const std::vector<InnerInput> in = inputs(kernel_.inputs, indices);
    const std::vector<InnerInput> extras = inputs(kernel_.extras, indices);
    const auto normalised = normalised_row(in);

    Value* out = address(kernel_.out, indices);
    const DType out_dtype = d_.dtype(kernel_.out.buffer);
    const auto finish = [&](Value* at, Value* mask, Value* last) {
      Values arguments = {normalised(at, mask)};
      for (Value* extra : load_all(d_, extras, at, mask, last)) arguments.push_back(extra);
      Value* result = emit_body(d_, kernel_.consumer, arguments, width_)[0];
      d_.store(result, d_.element(out, out_dtype, at), out_dtype, width_, mask);
    };
    const std::int64_t n = kernel_.columns, whole = n / width_ * width_;
    d_.loop(0, whole, width_, [&](Value* at) { finish(at, nullptr, nullptr); });
    if (whole != n) finish(d_.i64(whole), d_.first_lanes(width_, n - whole), d_.i64(n - whole - 1));
  }

  using Normalised = std::function<Value*(Value* at, Value* mask)>;

  Normalised normalised_row(const std::vector<InnerInput>& in) {
    switch (kernel_.op) {
      case Opcode::layer_norm: return norm_row(in);
      case Opcode::softmax:
      case Opcode::log_softmax: return softmax_row(in);
      default: break;
    }
    throw InternalError(fmt::format("codegen: {} is no op on rows", ir::to_string(kernel_.op)));
  }

  Normalised softmax_row(const std::vector<InnerInput>& in) {
    const bool log = kernel_.op == Opcode::log_softmax;
    Value* max = splat_element(d_, highest(in), width_);
    Value* sum = sums(1, [&](Value* at, Value* mask, Value*, const Values& lanes) {
      Value* e = function(Opcode::exp, {d_.b.CreateFSub(read(at, mask), max)}, width_);
      if (!log) keep(e, at, mask);
      return Values{d_.b.CreateFAdd(lanes[0], e)};
    })[0];
    Value* all = splat_element(d_, log ? function(Opcode::log, {sum}, 1) : sum, width_);
    if (!log)
      return [this, all](Value* at, Value* mask) { return d_.b.CreateFDiv(read(at, mask), all); };
    return [this, max, all](Value* at, Value* mask) {
      return d_.b.CreateFSub(d_.b.CreateFSub(read(at, mask), max), all);
    };
  }

  Normalised norm_row(const std::vector<InnerInput>& in) {
    Value* total = sums(1, [&](Value* at, Value* mask, Value* last, const Values& lanes) {
      return Values{d_.b.CreateFAdd(lanes[0], produce(in, at, mask, last))};
    })[0];
    Value* count = float_splat(d_, dtype_, static_cast<double>(kernel_.columns), 1);
    Value* mean = splat_element(d_, function(Opcode::divide, {total, count}, 1), width_);
    const Values distances = sums(2, [&](Value* at, Value* mask, Value*, const Values& lanes) {
      Value* centred = d_.b.CreateFSub(read(at, mask), mean);
      return Values{d_.b.CreateFAdd(lanes[0], centred), d_.fma(centred, centred, lanes[1])};
    });
    const auto spread = emit_spread(d_, dtype_, distances, kernel_.columns);
    Value* correction = splat_element(d_, spread.correction, width_);
    Value* epsilon = float_splat(d_, dtype_, kernel_.epsilon, 1);
    Value* scale = splat_element(
        d_, function(Opcode::rsqrt, {d_.b.CreateFAdd(spread.variance, epsilon)}, 1), width_);
    return [this, mean, correction, scale](Value* at, Value* mask) {
      const auto parameter = [&](std::int64_t buffer) {
        return d_.load(d_.element(d_.pointer(static_cast<plan::BufferId>(buffer)), dtype_, at),
                       dtype_, width_, mask);
      };
      Value* centred = d_.b.CreateFSub(d_.b.CreateFSub(read(at, mask), mean), correction);
      return d_.fma(d_.b.CreateFMul(centred, scale), parameter(kernel_.gamma),
                    parameter(kernel_.beta));
    };
  }

  Driver& d_;
  const plan::RowKernel& kernel_;
  DType dtype_;
  int width_;
};

}  // namespace

void emit(Driver& driver, const plan::RowKernel& kernel) {
  Rows(driver, kernel).emit();
}

}  // namespace mlpjit::codegen
