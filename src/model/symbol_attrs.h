#pragma once
// Shapes, attributes and constants of a symbol file.

#include <set>
#include <string>

#include "lib/ir/attr.h"
#include "lib/ir/opcode.h"
#include "mlpjit/safetensors.h"
#include "src/model/json.h"
#include "src/model/parameter_file.h"

namespace mlpjit::detail {

// What a fault in a symbol file is reported with: the file, and the node it is about.
struct SymbolPlace {
  const JsonText& source;
  std::string where;  // "node 'fc1' (dense)", or ""

  [[noreturn]] void fail(std::uint32_t at, const std::string& what) const {
    source.fail(at, where.empty() ? what : where + ": " + what);
  }
};

Json shape_to_json(const Shape& shape);  // ["B", 512]
Shape shape_from_json(const SymbolPlace& place, const Json& json);
DType dtype_from_name(const SymbolPlace& place, std::uint32_t at, const std::string& name);

// Constants of more elements stand in the parameter file.
inline constexpr std::int64_t kInlineElements = 64;

// The constants that go to the parameter file.
class WrittenConstants {
 public:
  explicit WrittenConstants(TensorMap& tensors) : tensors_(tensors) {}
  // A name that no tensor has: "constant.0", ...; of an input of a check "check.0", ...
  std::string add(const ir::Literal& literal);
  void set_kind(const char* kind) { kind_ = kind; }

 private:
  TensorMap& tensors_;
  const char* kind_ = "constant";
  std::size_t next_ = 0;
};

// The constants that come from the parameter file.
class StoredConstants {
 public:
  explicit StoredConstants(const StoredTensors& tensors) : tensors_(tensors) {}
  // Throws FormatError.
  ir::Literal take(const SymbolPlace& place, const Json& json, const std::string& name,
                   const ir::Type& type);
  const std::set<std::string>& taken() const { return taken_; }

 private:
  const StoredTensors& tensors_;
  std::set<std::string> taken_;
};

// A constant, {"dtype", "shape", "data" or "tensor"}.
Json literal_to_json(const ir::Literal& literal, WrittenConstants& constants);
ir::Literal literal_from_json(const SymbolPlace& place, const Json& json,
                              StoredConstants& constants);

// A real number, or "nan", "inf", "-inf".
Json real_to_json(double value);
double real_from_json(const SymbolPlace& place, const Json& json);

Json attr_to_json(const ir::AttrValue& value, WrittenConstants& constants);
ir::AttrValue attr_from_json(const SymbolPlace& place, const ir::AttrSpec& spec, const Json& json,
                             StoredConstants& constants);

}  // namespace mlpjit::detail
