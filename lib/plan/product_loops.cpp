// The loops of matrix products: batches, rows, and how operands are walked over them.

#include <iterator>

#include "lib/ir/opcodes.h"
#include "lib/plan/planner.h"

namespace mlpjit::plan {
namespace {

// Operands of a contraction, and its result, over the leading axes, rows, and one axis more. An
// operand of one dimension has no rows; a weight of one has no columns.
class ProductShape {
 public:
  ProductShape(const Shape& x, const Shape& w, const Shape& to, bool is_dense)
      : has_rows_(x.rank() > 1), has_columns_(is_dense || w.rank() > 1) {
    const int leading = to.rank() - (has_rows_ ? 1 : 0) - (has_columns_ ? 1 : 0);
    for (int d = 0; d < leading; ++d) leading_.push_back(to[d]);
    rows_ = has_rows_ ? x[-2] : Dim(1);
  }

  std::size_t leading() const { return leading_.size(); }
  // The leading axes, then these.
  Shape with(Dim first, Dim second) const {
    std::vector<Dim> all = leading_;
    all.insert(all.end(), {first, second});
    return Shape(all);
  }
  std::vector<Extent> sizes(std::int64_t columns) const {
    std::vector<Extent> all(leading_.begin(), leading_.end());
    all.insert(all.end(), {Extent(rows_), Extent(columns)});
    return all;
  }
  Dim rows() const { return rows_; }
  // From strides over the result to those over all axes.
  void complete(Access& access) const {
    if (!has_rows_) {
      access.strides.insert(access.strides.begin() + static_cast<std::ptrdiff_t>(leading()), 0);
    }
    if (!has_columns_) access.strides.emplace_back(0);
  }

 private:
  bool has_rows_, has_columns_;
  std::vector<Dim> leading_;
  Dim rows_;
};

}  // namespace

// Loops over (batch..., m, n): of the leading axes as few as can be, the last of them the rows
// where these have one weight.
bool Planner::walk_rows(DenseProduct& product, const ir::Op& op, ir::ValueId result,
                        std::string& why_not) {
  const Shape &x = type(op.operands[0]).shape, &w = type(op.operands[1]).shape,
              &to = type(op.results[0]).shape;
  const ProductShape all(x, w, to, op.opcode == ir::Opcode::dense);
  const std::size_t leading = all.leading();
  // x, the weight, other operands of the epilogue, the result.
  std::vector<Access> accesses = {{0, broadcast_strides(x, all.with(all.rows(), x[-1]))},
                                  {0, std::vector<Extent>(leading + 2, 0)}};
  if (w.rank() > 2) {
    accesses[1].strides = broadcast_strides(w, all.with(w[-2], w[-1]));
    accesses[1].strides[leading] = 0;  // not over rows
  }
  const auto walk = [&](ir::ValueId value) {
    all.complete(accesses.emplace_back(access(value, to)));
  };
  for (std::size_t i = 1; i < product.epilogue.arguments.size(); ++i)
    walk(product.epilogue.arguments[i]);
  walk(result);

  LoopNest nest{all.sizes(product.n), {}};
  for (Access& each : accesses) nest.accesses.push_back(&each);
  nest.collapse(0, leading + 1);
  std::size_t loops = nest.sizes.size() - 1;
  if (loops > 0 && accesses[1].strides[loops - 1] == 0) {
    --loops;  // the last is that of the rows
  } else {    // m is 1
    const auto add = [loops](auto& numbers, std::int64_t number) {
      numbers.insert(numbers.begin() + static_cast<std::ptrdiff_t>(loops), number);
    };
    add(nest.sizes, 1);
    for (Access& each : accesses) add(each.strides, 0);
  }
  for (std::size_t i = 2; i < accesses.size(); ++i) {
    const Extent& column = accesses[i].strides.back();
    if (column != 0 && column != 1)
      return why_not = "an operand of the epilogue is not a row", false;
  }
  if (w.rank() <= 2 && loops > 0)
    return why_not = "an operand of the epilogue repeats over a leading axis", false;
  const auto around = [loops](const std::vector<Extent>& numbers) {
    return std::vector<Extent>(numbers.begin(),
                               numbers.begin() + static_cast<std::ptrdiff_t>(loops));
  };
  product.batch = around(nest.sizes);
  product.x_batch = around(accesses[0].strides);
  product.weight_batch = around(accesses[1].strides);
  product.m = nest.sizes[loops];
  product.x_stride = product.m == 1 ? product.k : accesses[0].strides[loops].known();
  product.out = std::move(accesses.back());
  product.extras.assign(std::make_move_iterator(accesses.begin() + 2),
                        std::make_move_iterator(accesses.end() - 1));
  return true;
}

}  // namespace mlpjit::plan
