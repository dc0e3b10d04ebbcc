// Type rules of the ops with regions: the layout is written down in graph.h.

#include <algorithm>

#include "lib/ir/graph.h"
#include "lib/ir/infer.h"
#include "lib/ir/infer_rules.h"
#include "lib/ir/opcodes.h"

namespace mlpjit::ir {
namespace {

struct StructuredRequest {
  const Function& function;
  Opcode opcode;
  std::vector<Type> operands;
  const Attrs& attrs;
  std::span<const RegionId> regions;

  std::vector<Type> arguments(std::size_t i) const {
    return function.types(function.region(regions[i]).arguments);
  }
  std::vector<Type> yields(std::size_t i) const {
    return function.types(function.region(regions[i]).results);
  }
};

std::string list_types(const std::vector<Type>& types) {
  std::string text;
  for (const Type& type : types) text += (text.empty() ? "" : ", ") + to_string(type);
  return "(" + text + ")";
}

[[noreturn]] void fail_types(Opcode opcode, const std::string& what,
                             const std::vector<Type>& expected, const std::vector<Type>& actual) {
  const std::string text =
      what + ": expected " + list_types(expected) + ", got " + list_types(actual);
  if (expected.size() != actual.size()) {
    fail_shape(to_string(opcode), text + "; give " + std::to_string(expected.size()) +
                                      (expected.size() == 1 ? " value" : " values") + " there");
  }
  bool shapes_fit = true, dtypes_fit = true;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    shapes_fit = shapes_fit && identical(expected[i].shape, actual[i].shape) &&
                 expected[i].token == actual[i].token;
    dtypes_fit = dtypes_fit && expected[i].dtype == actual[i].dtype;
  }
  if (shapes_fit) fail_dtype(to_string(opcode), text + "; use cast");
  fail_shape(to_string(opcode), text + (dtypes_fit ? "; use reshape or broadcast_to"
                                                   : "; use cast, and reshape or broadcast_to"));
}

void require_types(Opcode opcode, const std::string& what, const std::vector<Type>& expected,
                   const std::vector<Type>& actual) {
  if (expected != actual) fail_types(opcode, what, expected, actual);
}

void require_regions(const StructuredRequest& request, std::size_t count) {
  if (request.regions.size() == count) return;
  fail_shape(to_string(request.opcode), "expected " + std::to_string(count) + " regions, got " +
                                            std::to_string(request.regions.size()));
}

Type condition() {
  return {DType::boolean, {}, false};
}

[[noreturn]] void fail_condition(std::string_view op, const std::string& expected,
                                 const std::string& actual) {
  fail_shape(op, "expected " + expected + ", got " + actual +
                     "; compare the values (greater, not_equal) or use cast to bool, then reduce "
                     "to one element (max of any, min of all, of casts to i64)");
}

std::vector<Type> structured_cond(const StructuredRequest& request) {
  require_regions(request, 2);
  if (request.operands.empty() || !(request.operands[0] == condition())) {
    fail_condition("cond", "a predicate bool[] as the first operand",
                   request.operands.empty() ? "nothing" : to_string(request.operands[0]));
  }
  const std::vector<Type> carried(request.operands.begin() + 1, request.operands.end());
  for (std::size_t i = 0; i < 2; ++i) {
    require_types(Opcode::cond,
                  i == 0 ? "arguments of the branch taken when true"
                         : "arguments of the branch taken when false",
                  carried, request.arguments(i));
  }
  require_types(Opcode::cond, "the two branches give different results", request.yields(0),
                request.yields(1));
  return request.yields(0);
}

std::vector<Type> structured_while(const StructuredRequest& request) {
  require_regions(request, 2);
  require_types(Opcode::while_loop, "arguments of the condition", request.operands,
                request.arguments(0));
  if (const std::vector<Type> decided = request.yields(0);
      decided != std::vector<Type>{condition()}) {
    fail_condition("while_loop", "a condition that yields bool[]", list_types(decided));
  }
  require_types(Opcode::while_loop, "arguments of the body", request.operands,
                request.arguments(1));
  require_types(Opcode::while_loop, "the body must give back its state", request.operands,
                request.yields(1));
  if (request.attrs.integer("max_iterations") < -1) {
    fail_shape("while_loop", "expected max_iterations of at least 0, or -1 for no limit, got " +
                                 std::to_string(request.attrs.integer("max_iterations")));
  }
  return request.operands;
}

std::vector<Type> structured_scan(const StructuredRequest& request) {
  require_regions(request, 1);
  const std::int64_t carried = request.attrs.integer("carried");
  const std::int64_t count = static_cast<std::int64_t>(request.operands.size());
  if (carried < 0 || carried >= count) {
    fail_shape("scan", "expected carried values, then at least one tensor to scan over, got " +
                           std::to_string(count) + " operands of which " + std::to_string(carried) +
                           " carried");
  }
  std::vector<Type> arguments = request.operands;
  Dim length;
  for (std::size_t i = static_cast<std::size_t>(carried); i < arguments.size(); ++i) {
    Type& type = arguments[i];
    if (type.token || type.shape.rank() == 0) {
      fail_shape("scan", "expected tensors with an axis 0 to scan over, got " + to_string(type));
    }
    if (i == static_cast<std::size_t>(carried)) length = type.shape[0];
    if (!identical(type.shape[0], length)) {
      fail_shape("scan", "expected the same length on axis 0, got " + to_string(length) + " and " +
                             to_string(type.shape[0]));
    }
    Shape slice;
    for (int axis = 1; axis < type.shape.rank(); ++axis) slice.push_back(type.shape[axis]);
    type.shape = slice;
  }
  require_types(Opcode::scan, "arguments of the body", arguments, request.arguments(0));
  std::vector<Type> results = request.yields(0);
  const std::vector<Type> state(request.operands.begin(), request.operands.begin() + carried);
  if (results.size() < state.size() || !std::equal(state.begin(), state.end(), results.begin())) {
    fail_types(Opcode::scan, "the body must give back what it carries, then what is stacked", state,
               results);
  }
  for (std::size_t i = state.size(); i < results.size(); ++i) {
    if (results[i].token || results[i].shape.rank() == kMaxRank) {
      fail_shape("scan", "expected results to stack, got " + to_string(results[i]));
    }
    Shape stacked;
    stacked.push_back(length);
    for (int axis = 0; axis < results[i].shape.rank(); ++axis) {
      stacked.push_back(results[i].shape[axis]);
    }
    results[i].shape = stacked;
  }
  return results;
}

std::vector<Type> structured_fusion(const StructuredRequest& request) {
  require_regions(request, 1);
  require_types(Opcode::fusion, "arguments of the region", request.operands, request.arguments(0));
  return request.yields(0);
}

}  // namespace

std::vector<Type> infer_structured(const Function& function, Opcode opcode,
                                   std::span<const ValueId> operands, const Attrs& attrs,
                                   std::span<const RegionId> regions) {
  const StructuredRequest request{function, opcode, function.types(operands), attrs, regions};
  switch (opcode) {
    case Opcode::cond: return structured_cond(request);
    case Opcode::while_loop: return structured_while(request);
    case Opcode::scan: return structured_scan(request);
    case Opcode::fusion: return structured_fusion(request);
    default: return infer(opcode, request.operands, attrs);
  }
}

}  // namespace mlpjit::ir
