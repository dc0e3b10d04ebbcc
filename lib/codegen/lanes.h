#pragma once
// The lane form of reductions: 16 lanes whatever the vector width, held in 16 / W registers.

#include <functional>
#include <vector>

#include "lib/codegen/emitter.h"
#include "lib/numerics/elementwise.h"

namespace mlpjit::codegen {

// 16 lanes in registers of W: lane j is in register j / W.
using Lanes = Values;

Lanes splat_lanes(Value* vector, int width);

// The fixed tree: lane j takes lane j + 8, then 4, 2, 1. Gives a vector of one element.
using Combine = std::function<Value*(Value* a, Value* c, int lanes)>;
Value* emit_lane_tree(Emitter& emitter, const Lanes& lanes, int width, const Combine& combine);

// Passes over `count` elements, 16 at a time, W of them in each call of `step`: from the sums that
// elements `at`... go to (one register of each chain) to their new values. `mask` and `last` are
// null but for the last, partial register: its lanes that exist and the number of the last one;
// other lanes keep their sums.
using LaneStep = std::function<Values(Value* at, Value* mask, Value* last, const Values& sums)>;
std::vector<Lanes> emit_lane_loop(Emitter& emitter, std::int64_t count, int width,
                                  const std::vector<Lanes>& start, const LaneStep& step);

// How the lanes of a reduction lie in registers: `width` lanes of one in each, or, of `columns`
// reductions side by side, one lane of each. One of the two is 1.
struct LaneForm {
  int width = 1, columns = 1;
  int elements() const { return width * columns; }  // of a register
};

// The totals of sums over `count` elements, from lanes of +0, as docs/numerics.md defines long
// ones: `chains` of them in one pass. Each is a vector of as many elements as there are columns.
Values emit_sums(Emitter& emitter, DType dtype, std::int64_t count, LaneForm form, int chains,
                 const LaneStep& step);

// A register of the elements that are reduced, or searched.
using LaneElement = std::function<Value*(Value* at, Value* mask, Value* last)>;

// What `op`, a reduction of floats or a search of them, makes of `count` elements each: vectors of
// as many elements as there are columns, for searches of i64.
Values emit_reductions(Emitter& emitter, ir::Opcode op, DType dtype, std::int64_t count,
                       LaneForm form, const std::vector<LaneElement>& elements);

// The step of two chains for each of several reductions: the sum of what its elements differ from
// `centers`, and of the squares.
Values centred_sums(Emitter& emitter, const std::vector<LaneElement>& elements,
                    const Values& centers, Value* at, Value* mask, Value* last,
                    const Values& before);

// Calls body with the indices of some rows, `at_a_time` of them where the last of the loops has so
// many left. Of a number of rows that is known, and not divided, the last turn begins early enough
// to end with the last one.
class Driver;
void each_rows(Driver& driver, std::span<const plan::Extent> loops, int at_a_time,
               const std::function<void(std::span<const Values> rows)>& body);

// One element-wise input of a kernel along its innermost loop.
class InnerInput {
 public:
  // `base` is the address of the element 0 of the loop; repeated elements are loaded here, once.
  InnerInput(Emitter& emitter, Value* base, DType dtype, const plan::Extent& stride, int lanes);
  Value* load(Emitter& emitter, Value* at, Value* mask, Value* last) const;

 private:
  Value* base_;
  DType dtype_;
  int lanes_;
  Value* stride_ = nullptr;  // null: elements lie side by side
  Value* splat_ = nullptr;
};

// Functions of the contract on W lanes of a float dtype.
Value* emit_function(Emitter& emitter, ir::Opcode opcode, DType dtype, const Values& operands,
                     int lanes);
// The spread of lib/numerics/reduction-inl.h, of vectors of `lanes`; `count` elements were summed.
numerics::Spread<Value*> emit_spread(Emitter& emitter, DType dtype, const Values& sums,
                                     std::int64_t count, int lanes = 1);
Value* splat_element(Emitter& emitter, Value* one_lane, int lanes);
Value* float_splat(Emitter& emitter, DType dtype, double value, int lanes);

}  // namespace mlpjit::codegen
