// softmax, log_softmax and layer_norm, row by row: what is read from beyond the cache is read once.
// The highest elements of several rows are found at a time, and the sums of layer_norm.

#include <fmt/format.h>

#include <cmath>

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
    if (kernel_.scratch >= 0) scratch(d_.i64(0));
    each_rows(d_, kernel_.outer, kernel_.rows,
              [&](std::span<const Values> rows) { emit_some(rows); });
  }

 private:
  // One row: the producer's elements, and what is done with the results.
  struct Row {
    LaneElement produce;  // where they are kept, stores them, too
    LaneElement again;
    std::vector<InnerInput> extras;
    Value* out;
  };

  std::vector<InnerInput> inputs(const std::vector<plan::Access>& accesses,
                                 std::span<Value* const> indices) {
    std::vector<InnerInput> made;
    for (const plan::Access& access : accesses) {
      made.emplace_back(d_, d_.at(access, indices), d_.dtype(access.buffer), access.strides.back(),
                        width_);
    }
    return made;
  }
  static Values load_all(Emitter& e, const std::vector<InnerInput>& inputs, Value* at, Value* mask,
                         Value* last) {
    Values values;
    for (const InnerInput& input : inputs) values.push_back(input.load(e, at, mask, last));
    return values;
  }

  Value* scratch(Value* at) {
    return d_.element(d_.scratch(static_cast<plan::BufferId>(kernel_.scratch)), dtype_, at);
  }
  Value* read(Value* at, Value* mask) { return d_.load(scratch(at), dtype_, width_, mask); }
  void keep(Value* value, Value* at, Value* mask) {
    d_.store(value, scratch(at), dtype_, width_, mask);
  }
  Value* function(Opcode opcode, const Values& operands, int lanes) {
    return emit_function(d_, opcode, dtype_, operands, lanes);
  }
  Value* number(double value, int lanes) { return float_splat(d_, dtype_, value, lanes); }

  Row row(std::span<Value* const> indices) {
    const auto made = [this, in = inputs(kernel_.inputs, indices)](Value* at, Value* mask,
                                                                   Value* last) {
      return emit_body(d_, kernel_.producer, load_all(d_, in, at, mask, last), width_)[0];
    };
    Row row{made, made, inputs(kernel_.extras, indices), d_.at(kernel_.out, indices)};
    if (!kernel_.kept) return row;
    row.produce = [this, made](Value* at, Value* mask, Value* last) {
      Value* x = made(at, mask, last);
      keep(x, at, mask);
      return x;
    };
    row.again = [this](Value* at, Value* mask, Value*) { return read(at, mask); };
    return row;
  }

  void emit_some(std::span<const Values> indices) {
    std::vector<Row> rows;
    for (const Values& each : indices) rows.push_back(row(each));
    switch (kernel_.op) {
      case Opcode::layer_norm: return norm_rows(rows);
      case Opcode::softmax:
      case Opcode::log_softmax: return softmax_rows(rows);
      default: break;
    }
    throw InternalError(fmt::format("codegen: {} is no op on rows", ir::to_string(kernel_.op)));
  }

  // Through the consumer to where it belongs.
  void finish(const Row& row, const LaneElement& normalised) {
    const DType out_dtype = d_.dtype(kernel_.out.buffer);
    const auto vector = [&](Value* at, Value* mask, Value* last) {
      Values arguments = {normalised(at, mask, last)};
      for (Value* extra : load_all(d_, row.extras, at, mask, last)) arguments.push_back(extra);
      Value* result = emit_body(d_, kernel_.consumer, arguments, width_)[0];
      d_.store(result, d_.element(row.out, out_dtype, at), out_dtype, width_, mask);
    };
    const std::int64_t n = kernel_.columns, whole = n / width_ * width_;
    d_.loop(0, whole, width_, [&](Value* at) { vector(at, nullptr, nullptr); });
    if (whole != n) vector(d_.i64(whole), d_.first_lanes(width_, n - whole), d_.i64(n - whole - 1));
  }

  static std::vector<LaneElement> produced(const std::vector<Row>& rows) {
    std::vector<LaneElement> elements;
    for (const Row& row : rows) elements.push_back(row.produce);
    return elements;
  }
  static std::vector<LaneElement> again(const std::vector<Row>& rows) {
    std::vector<LaneElement> elements;
    for (const Row& row : rows) elements.push_back(row.again);
    return elements;
  }

  void softmax_rows(const std::vector<Row>& rows) {
    const Values highest =
        emit_reductions(d_, Opcode::max, dtype_, kernel_.columns, {width_, 1}, produced(rows));
    for (std::size_t i = 0; i < rows.size(); ++i) softmax_row(rows[i], highest[i]);
  }

  void softmax_row(const Row& row, Value* highest) {
    const bool log = kernel_.op == Opcode::log_softmax;
    Value* max = splat_element(d_, highest, width_);
    const auto distance = [&](Value* at, Value* mask, Value* last) {
      return d_.b.CreateFSub(row.again(at, mask, last), max);
    };
    Value* sum = emit_sums(d_, dtype_, kernel_.columns, {width_, 1}, 1,
                           [&](Value* at, Value* mask, Value* last, const Values& lanes) {
                             Value* e = function(Opcode::exp, {distance(at, mask, last)}, width_);
                             if (!log) keep(e, at, mask);
                             return Values{d_.b.CreateFAdd(lanes[0], e)};
                           })[0];
    if (log) {
      Value* all = splat_element(d_, function(Opcode::log, {sum}, 1), width_);
      return finish(row, [&](Value* at, Value* mask, Value* last) {
        return d_.b.CreateFSub(distance(at, mask, last), all);
      });
    }
    if (!d_.target().fma) {
      Value* all = splat_element(d_, sum, width_);
      return finish(row, [&](Value* at, Value* mask, Value*) {
        return d_.b.CreateFDiv(read(at, mask), all);
      });
    }
    const Quotients quotients = divisor(sum);
    finish(row, [&](Value* at, Value* mask, Value*) { return divided(read(at, mask), quotients); });
  }

  // Division of many by one number, with its rounding: a product with the rounded reciprocal,
  // corrected twice by what the quotient so far leaves (Markstein, IBM Journal of Research and
  // Development 34, 1990). Dividends below `least`, but for zero, might leave what no number holds.
  struct Quotients {
    Value *divisor, *reciprocal, *least;
  };
  Quotients divisor(Value* sum) {  // at least 1, at most the number of columns; or NaN
    Value* reciprocal = d_.b.CreateFDiv(number(1, 1), sum);
    const double least = std::ldexp(1.0, dtype_ == DType::f32 ? -64 : -512);
    return {splat_element(d_, sum, width_), splat_element(d_, reciprocal, width_),
            number(least, width_)};
  }
  Value* divided(Value* x, const Quotients& by) {
    auto& b = d_.b;
    Value* small = b.CreateAnd(b.CreateFCmpOLT(x, by.least), b.CreateFCmpONE(x, number(0, width_)));
    const auto exactly = [&] { return b.CreateFDiv(x, by.divisor); };
    const auto corrected = [&] {
      Value* quotient = b.CreateFMul(x, by.reciprocal);
      for (int i = 0; i < 2; ++i) {
        Value* rest = d_.fma(b.CreateFNeg(quotient), by.divisor, x);
        quotient = d_.fma(rest, by.reciprocal, quotient);
      }
      return quotient;
    };
    return d_.choose(b.CreateOrReduce(small), exactly, corrected);
  }

  void norm_rows(const std::vector<Row>& rows) {
    Values means =
        emit_reductions(d_, Opcode::mean, dtype_, kernel_.columns, {width_, 1}, produced(rows));
    for (Value*& mean : means) mean = splat_element(d_, mean, width_);
    const std::vector<LaneElement> elements = again(rows);
    const Values distances =
        emit_sums(d_, dtype_, kernel_.columns, {width_, 1}, static_cast<int>(2 * rows.size()),
                  [&](Value* at, Value* mask, Value* last, const Values& before) {
                    return centred_sums(d_, elements, means, at, mask, last, before);
                  });
    for (std::size_t i = 0; i < rows.size(); ++i)
      norm_row(rows[i], means[i], {distances[2 * i], distances[2 * i + 1]});
  }

  void norm_row(const Row& row, Value* mean, const Values& distances) {
    const auto spread = emit_spread(d_, dtype_, distances, kernel_.columns);
    Value* correction = splat_element(d_, spread.correction, width_);
    Value* scale = splat_element(
        d_,
        function(Opcode::rsqrt, {d_.b.CreateFAdd(spread.variance, number(kernel_.epsilon, 1))}, 1),
        width_);
    finish(row, [&](Value* at, Value* mask, Value* last) {
      const auto parameter = [&](std::int64_t buffer) {
        return d_.load(d_.element(d_.pointer(static_cast<plan::BufferId>(buffer)), dtype_, at),
                       dtype_, width_, mask);
      };
      Value* centred =
          d_.b.CreateFSub(d_.b.CreateFSub(row.again(at, mask, last), mean), correction);
      return d_.fma(d_.b.CreateFMul(centred, scale), parameter(kernel_.gamma),
                    parameter(kernel_.beta));
    });
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
