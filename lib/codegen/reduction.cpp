// Reductions and searches in the lane form, with element-wise code before and after: of rows, the
// lanes of one in a register, or of columns, those of a vector of them side by side.

#include <limits>

#include <fmt/format.h>

#include "lib/codegen/lanes.h"
#include "lib/codegen/module_builder.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::codegen {
namespace {

using ir::Opcode;

// Several of them at a time: one alone would wait for each of its sums.
class LaneReduction {
 public:
  LaneReduction(Emitter& emitter, DType dtype, std::int64_t count, LaneForm form,
                const std::vector<LaneElement>& elements)
      : e_(emitter), dtype_(dtype), count_(count), form_(form), elements_(elements) {}

  // Of each.
  Values reduce(Opcode op) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    switch (op) {
      case Opcode::prod: return pass(1, Opcode::multiply);
      case Opcode::max: return pass(-kInfinity, Opcode::maximum);
      case Opcode::min: return pass(kInfinity, Opcode::minimum);
      case Opcode::mean: return mean();
      case Opcode::var: return variance();
      case Opcode::sum: return sum();
      case Opcode::argmax: return first_of(pass(-kInfinity, Opcode::maximum));
      case Opcode::argmin: return first_of(pass(kInfinity, Opcode::minimum));
      default: break;
    }
    throw InternalError(fmt::format("codegen: {} is no reduction", ir::to_string(op)));
  }

 private:
  Value* function(Opcode opcode, const Values& operands, int lanes) {
    return emit_function(e_, opcode, dtype_, operands, lanes);
  }
  // In every lane of a register.
  Value* spread_out(Value* total) {
    return form_.columns > 1 ? total : splat_element(e_, total, form_.width);
  }
  Value* number(double value, int lanes) { return float_splat(e_, dtype_, value, lanes); }

  // One pass: lanes of combine(lane, element), then the tree.
  Values pass(double identity, Opcode opcode) {
    const Combine combine = [&](Value* a, Value* c, int lanes) {
      return function(opcode, {a, c}, form_.columns > 1 ? form_.columns : lanes);
    };
    const Lanes start = splat_lanes(number(identity, form_.elements()), form_.width);
    return joined(start, combine, [&](std::size_t, Value*, Value* x, Value* sum) {
      return function(opcode, {sum, x}, form_.elements());
    });
  }
  // `step` is given which of the reductions, where its elements begin, they, and the lanes so far.
  template <class Step>
  Values joined(const Lanes& start, const Combine& combine, const Step& step) {
    const auto all =
        emit_lane_loop(e_, count_, form_.width, std::vector<Lanes>(elements_.size(), start),
                       [&](Value* at, Value* mask, Value* last, const Values& before) {
                         Values after;
                         for (std::size_t i = 0; i < before.size(); ++i)
                           after.push_back(step(i, at, elements_[i](at, mask, last), before[i]));
                         return after;
                       });
    Values totals;
    for (const Lanes& lanes : all)
      totals.push_back(emit_lane_tree(e_, lanes, form_.width, combine));
    return totals;
  }

  Values sum() {
    return emit_sums(e_, dtype_, count_, form_, static_cast<int>(elements_.size()),
                     [&](Value* at, Value* mask, Value* last, const Values& before) {
                       Values after;
                       for (std::size_t i = 0; i < before.size(); ++i)
                         after.push_back(e_.b.CreateFAdd(before[i], elements_[i](at, mask, last)));
                       return after;
                     });
  }

  Values mean() {
    Values totals = sum();
    for (Value*& total : totals) {
      total = function(Opcode::divide, {total, number(static_cast<double>(count_), form_.columns)},
                       form_.columns);
    }
    return totals;
  }

  Values variance() {
    Values centers = mean();
    for (Value*& center : centers) center = spread_out(center);
    const Values sums =
        emit_sums(e_, dtype_, count_, form_, static_cast<int>(2 * elements_.size()),
                  [&](Value* at, Value* mask, Value* last, const Values& before) {
                    return centred_sums(e_, elements_, centers, at, mask, last, before);
                  });
    Values all;
    for (std::size_t i = 0; i < elements_.size(); ++i) {
      const Values own = {sums[2 * i], sums[2 * i + 1]};
      all.push_back(emit_spread(e_, dtype_, own, count_, form_.columns).variance);
    }
    return all;
  }

  // The numbers of the first elements that equal the extremes: of NaN the first NaN, which is the
  // extreme then.
  Values first_of(Values extremes) {
    auto& b = e_.b;
    for (Value*& extreme : extremes) extreme = spread_out(extreme);
    const auto elements = static_cast<unsigned>(form_.elements());
    llvm::SmallVector<std::uint32_t, 16> numbers(elements, 0);
    for (unsigned j = 0; j < elements && form_.columns == 1; ++j) numbers[j] = j;
    Value* own = llvm::ConstantDataVector::get(b.getContext(), numbers);
    Value* none =
        b.CreateVectorSplat(elements, b.getInt32(std::numeric_limits<std::int32_t>::max()));
    const auto lesser = [&](Value* a, Value* c, int) -> Value* {
      return b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, c);
    };
    Values first =
        joined(splat_lanes(none, form_.width), lesser,
               [&](std::size_t i, Value* at, Value* x, Value* before) {
                 Value* found = b.CreateOr(b.CreateFCmpOEQ(x, extremes[i]), b.CreateFCmpUNO(x, x));
                 Value* index = b.CreateVectorSplat(elements, b.CreateTrunc(at, b.getInt32Ty()));
                 return lesser(before, b.CreateSelect(found, b.CreateAdd(index, own), none), 0);
               });
    for (Value*& one : first) one = b.CreateSExt(one, e_.lanes_type(DType::i64, form_.columns));
    return first;
  }

  Emitter& e_;
  const DType dtype_;
  const std::int64_t count_;
  const LaneForm form_;
  const std::vector<LaneElement>& elements_;
};

class Reduction {
 public:
  Reduction(Driver& driver, const plan::ReductionKernel& kernel)
      : d_(driver),
        kernel_(kernel),
        dtype_(value_dtype(driver.module.main(), kernel.producer.results[0])) {}

  void emit_rows() {
    touch_buffers();
    each_rows(d_, kernel_.outer, kernel_.rows,
              [&](std::span<const Values> rows) { emit_some(rows); });
  }

  void emit_columns(const plan::Extent& columns) {
    touch_buffers();
    const bool parts = d_.divided() && kernel_.outer.empty();
    d_.nest(kernel_.outer, [&](std::span<Value* const> indices) {
      const auto [begin, whole, end] = d_.vectors(columns, kernel_.lanes, parts);
      d_.loop(begin, whole, kernel_.lanes, [&](Value* c) { emit_vector(indices, c, nullptr); });
      if (whole == end) return;
      d_.branch(d_.b.CreateICmpSLT(whole, end),
                [&, last = end] { emit_vector(indices, whole, d_.b.CreateNSWSub(last, whole)); });
    });
  }

 private:
  void touch_buffers() {
    for (const plan::Access& in : kernel_.inputs) d_.pointer(in.buffer);
    for (const plan::Access& extra : kernel_.extras) d_.pointer(extra.buffer);
    d_.pointer(kernel_.out.buffer);
  }
  Values reduce(LaneForm form, const std::vector<LaneElement>& elements) {
    return emit_reductions(d_, kernel_.op, dtype_, kernel_.inner, form, elements);
  }

  void emit_some(std::span<const Values> rows) {
    std::vector<LaneElement> elements;
    for (const Values& indices : rows) {
      std::vector<InnerInput> inputs;
      for (const plan::Access& in : kernel_.inputs) {
        inputs.emplace_back(d_, d_.at(in, indices), d_.dtype(in.buffer), in.strides.back(),
                            kernel_.lanes);
      }
      elements.emplace_back([this, inputs](Value* at, Value* mask, Value* last) {
        Values values;
        for (const InnerInput& input : inputs) values.push_back(input.load(d_, at, mask, last));
        return emit_body(d_, kernel_.producer, values, kernel_.lanes)[0];
      });
    }
    const Values reduced = reduce({kernel_.lanes, 1}, elements);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Values arguments = {reduced[i]};
      for (const plan::Access& extra : kernel_.extras)
        arguments.push_back(d_.load(d_.at(extra, rows[i]), d_.dtype(extra.buffer), 1));
      const Values results = emit_body(d_, kernel_.consumer, arguments, 1);
      d_.store(results[0], d_.at(kernel_.out, rows[i]), d_.dtype(kernel_.out.buffer), 1);
    }
  }

  // A vector of columns from `column` on; `count`: how many there are, null: all.
  void emit_vector(std::span<Value* const> outer, Value* column, Value* count) {
    const int lanes = kernel_.lanes;
    Value* mask = count == nullptr ? nullptr : d_.first_lanes(lanes, count);
    Value* last = count == nullptr ? nullptr : d_.plus(count, d_.i64(-1));
    const auto load = [&](const plan::Access& access, std::vector<Value*> indices) {
      indices.push_back(column);
      const InnerInput input(d_, d_.at(access, indices), d_.dtype(access.buffer),
                             access.strides.back(), lanes);
      return input.load(d_, d_.i64(0), mask, last);
    };
    const LaneElement element = [&](Value* row, Value*, Value*) {
      Values values;
      for (const plan::Access& in : kernel_.inputs) {
        Values indices(outer.begin(), outer.end());
        indices.push_back(row);
        values.push_back(load(in, indices));
      }
      return emit_body(d_, kernel_.producer, values, lanes)[0];
    };
    Values arguments = reduce({1, lanes}, {element}), indices(outer.begin(), outer.end());
    for (const plan::Access& extra : kernel_.extras) arguments.push_back(load(extra, indices));
    indices.push_back(column);
    const Values results = emit_body(d_, kernel_.consumer, arguments, lanes);
    d_.store(results[0], d_.at(kernel_.out, indices), d_.dtype(kernel_.out.buffer), lanes, mask);
  }

  Driver& d_;
  const plan::ReductionKernel& kernel_;
  DType dtype_;
};

}  // namespace

Values emit_reductions(Emitter& e, ir::Opcode op, DType dtype, std::int64_t count, LaneForm form,
                       const std::vector<LaneElement>& elements) {
  return LaneReduction(e, dtype, count, form, elements).reduce(op);
}

void emit(Driver& driver, const plan::ReductionKernel& kernel) {
  Reduction(driver, kernel).emit_rows();
}

void emit(Driver& driver, const plan::ColumnReductionKernel& kernel) {
  Reduction(driver, kernel).emit_columns(kernel.columns);
}

}  // namespace mlpjit::codegen
