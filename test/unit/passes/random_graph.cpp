#include "test/unit/passes/random_graph.h"

#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "lib/passes/rewrite.h"
#include "mlpjit/error.h"

namespace mlpjit::passes::testing {
namespace {

using ir::Opcode;
using ir::RegionId;
using ir::ValueId;

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed), function_(graph_.add_function("main")) {}

  ir::Graph generate() {
    const ir::Type types[] = {
        {DType::f32, {4, 5}},    {DType::f32, {4, 5}},     {DType::f32, {5}},
        {DType::f32, {4, 1}},    {DType::f32, {}},         {DType::f32, {5, 5}},
        {DType::f64, {4, 5}},    {DType::f64, {5}},        {DType::i32, {4, 5}},
        {DType::i64, {5}},       {DType::boolean, {4, 5}}, {DType::boolean, {}},
        {DType::f32, {2, 4, 5}},
    };
    int index = 0;
    for (const ir::Type& type : types) {
      values_.push_back(function_.add_input(
          {ir::InputKind::argument, std::string("x").append(std::to_string(index++))},
          ir::Type(type)));
    }
    const int ops = 6 + pick(20);
    for (int i = 0; i < ops; ++i) {
      if (pick(12) == 0) {
        add_cond();
      } else {
        add_op(ir::Function::kBody);
      }
    }
    function_.body().results.push_back(values_.back());
    for (int i = pick(4); i > 0; --i) function_.body().results.push_back(late());
    return std::move(graph_);
  }

 private:
  int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  ValueId any() {
    return values_[static_cast<std::size_t>(pick(static_cast<int>(values_.size())))];
  }
  // Later values are likelier, so that ops form chains.
  ValueId late() {
    const int count = static_cast<int>(values_.size());
    return values_[static_cast<std::size_t>(count - 1 - std::min(pick(count), pick(count)))];
  }

  void constant(RegionId region) {
    const double numbers[] = {
        0.0,         -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, -8.0, std::numeric_limits<double>::infinity(),
        std::nan("")};
    const auto dtype = static_cast<DType>(pick(kDTypeCount));
    const double number = numbers[pick(is_floating(dtype) ? 10 : 8)];
    const ValueId scalar = add_constant(function_, region, ir::scalar_literal(dtype, number), {});
    values_.push_back(scalar);
    if (pick(3) == 0) {
      values_.push_back(function_.result(
          function_.append(region, Opcode::broadcast_to, {scalar}, {{"shape", Shape{4, 5}}})));
    }
  }

  std::vector<std::int64_t> axes() {
    std::vector<std::int64_t> result;
    for (std::int64_t axis = 0; axis < 3; ++axis) {
      if (pick(2) == 0) result.push_back(axis);
    }
    return result;
  }

  std::vector<std::int64_t> permutation() {
    return pick(3) == 0 ? std::vector<std::int64_t>{0, 2, 1} : std::vector<std::int64_t>{1, 0};
  }

  ir::AttrValue attribute(const ir::AttrSpec& spec) {
    switch (spec.kind) {
      case ir::AttrKind::boolean: return pick(2) == 0;
      case ir::AttrKind::integer: return std::int64_t{spec.name == "step" ? 1 + pick(2) : pick(4)};
      case ir::AttrKind::floating: return pick(2) == 0 ? 0.25 : 1e-5;
      case ir::AttrKind::integers:
        if (spec.name == "permutation") return permutation();
        return spec.name == "sizes" ? std::vector<std::int64_t>{2, 3} : axes();
      case ir::AttrKind::dtype: return static_cast<DType>(pick(kDTypeCount));
      case ir::AttrKind::shape: {
        const Shape shapes[] = {{4, 5}, {20}, {5, 4}, {1, 20}, {2, 4, 5}, {5}, {}};
        return shapes[pick(7)];
      }
      default: throw InternalError("random graph: an attribute of unknown kind");
    }
  }

  static bool skipped(Opcode opcode) {
    switch (opcode) {
      case Opcode::constant:
      case Opcode::random_uniform:
      case Opcode::random_normal:
      case Opcode::print:
      case Opcode::call:
      case Opcode::cond:
      case Opcode::while_loop:
      case Opcode::scan:
      case Opcode::fusion: return true;
      default: return false;
    }
  }

  // An op that fits some values: the type rules refuse the others.
  void add_op(RegionId region) {
    if (pick(6) == 0) return constant(region);
    const auto ops = ir::all_ops();
    for (int attempt = 0; attempt < 200; ++attempt) {
      const Opcode roots[] = {Opcode::dense, Opcode::matmul,  Opcode::sum,        Opcode::mean,
                              Opcode::max,   Opcode::softmax, Opcode::layer_norm, Opcode::dense};
      const ir::OpInfo& op =
          pick(3) == 0 ? ir::info(roots[pick(8)])
                       : ops[static_cast<std::size_t>(pick(static_cast<int>(ops.size())))];
      if (skipped(op.opcode)) continue;
      const int arity = op.arity >= 0 ? op.arity : 2 + pick(2);
      std::vector<ValueId> operands;
      for (int i = 0; i < arity; ++i) operands.push_back(pick(3) == 0 ? values_.back() : late());
      if (op.opcode == Opcode::dense) {
        operands[1] = values_[5];  // an input [5, 5], as a weight is
        if (arity == 3) operands[2] = values_[2];
      }
      ir::Attrs attrs;
      for (const ir::AttrSpec& spec : op.attrs) attrs.set(spec.name, attribute(spec));
      try {
        const ir::OpId id =
            function_.append(region, op.opcode, std::move(operands), std::move(attrs));
        for (ValueId result : function_.op(id).results) values_.push_back(result);
        return;
      } catch (const UserError&) {
      }
    }
  }

  void add_cond() {
    std::vector<ValueId> operands{any(), late(), late()};
    const bool known = pick(3) == 0;
    if (known) {
      operands[0] = add_constant(function_, ir::Function::kBody,
                                 ir::scalar_literal(DType::boolean, std::int64_t{pick(2)}), {});
    }
    if (!(function_.value(operands[0]).type == ir::Type{DType::boolean, {}})) return;
    const std::vector<ValueId> outside = values_;
    std::vector<RegionId> regions;
    const ir::Type wanted = function_.value(operands[1]).type;
    for (int branch = 0; branch < 2; ++branch) {
      const RegionId region = function_.add_region();
      ValueId last;
      for (std::size_t i = 1; i < operands.size(); ++i) {
        const ir::Type type = function_.value(operands[i]).type;
        values_.push_back(function_.add_argument(region, type));
        if (type == wanted) last = values_.back();
      }
      for (int i = pick(6); i > 0; --i) add_op(region);
      for (std::size_t i = outside.size(); i < values_.size(); ++i) {
        if (function_.value(values_[i]).type == wanted) last = values_[i];
      }
      function_.region(region).results = {last};
      regions.push_back(region);
      values_ = outside;
    }
    const ir::OpId id = function_.append(ir::Function::kBody, Opcode::cond, std::move(operands), {},
                                         std::move(regions));
    values_.push_back(function_.result(id));
  }

  std::mt19937 random_;
  ir::Graph graph_;
  ir::Function& function_;
  std::vector<ValueId> values_;
};

}  // namespace

ir::Graph random_graph(unsigned seed) {
  return Generator(seed).generate();
}

}  // namespace mlpjit::passes::testing
