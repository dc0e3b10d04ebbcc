#pragma once
// What ops of ours are to other runtimes: functions of ONNX's ops, of the same values within the
// bounds of floating point.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "src/exchange/onnx_model.h"

namespace mlpjit::detail {

onnx::Attribute onnx_integer(const std::string& name, std::int64_t value);
onnx::DataType onnx_type(DType dtype);
onnx::Attribute onnx_dtype(const std::string& name, DType dtype);
onnx::Attribute onnx_integers(const std::string& name, const std::vector<std::int64_t>& values);
onnx::Attribute onnx_string(const std::string& name, const std::string& value);
onnx::Attribute onnx_graph(const std::string& name, std::shared_ptr<const onnx::Graph> graph);
// The attributes of an op of ours; numbers as decimals that read back to the same bits.
std::vector<onnx::Attribute> onnx_attributes(const ir::Op& op);

// The functions of a file, one for each op that differs in its body.
class OwnBodies {
 public:
  static bool has(ir::Opcode opcode);
  // The name of the function of an op on operands of these types, "dense.1"; added to the model
  // where it is not there.
  std::string function_for(const ir::Op& op, std::span<const ir::Type> operands,
                           onnx::Model& model);

 private:
  std::map<std::string, std::string> known_;  // by what they are made from
  std::map<ir::Opcode, int> count_;
};

}  // namespace mlpjit::detail
