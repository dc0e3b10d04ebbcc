#pragma once
// A portable model: a program and what a file says about it. docs/formats.md is the format.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "mlpjit/safetensors.h"
#include "mlpjit/version.h"
#include "src/model/symbol_attrs.h"

namespace mlpjit::detail {

// What a value of the program was when the model was written.
struct CheckedValue {
  ir::ValueId id;                       // of @main's body
  std::optional<ir::Literal> elements;  // of a small one
  std::uint64_t hash = 0;               // XXH3 of its elements
  double norm = 0;                      // the root of the sum of their squares
};

inline constexpr std::size_t kMostChecks = 64, kMostCheckedValues = 256;

// What the program made of these arguments then.
struct Check {
  std::vector<ir::Literal> inputs;
  std::vector<CheckedValue> values;  // as the program makes them
};

struct SymbolFile {
  // Inputs of @main in this order: arguments, parameters, captures, state, token. An argument's
  // name is that of its value; parameters and captures are named as their tensors in the parameter
  // file.
  std::shared_ptr<const ir::Graph> graph;
  std::vector<std::string> head_names;                      // one per result of @main
  std::map<std::string, std::vector<std::string>> aliases;  // of a parameter: its further paths
  bool training = false;
  std::vector<std::string> classes;
  // Text of inputs and heads, those of these names, is codes: places in `strings`.
  std::vector<std::string> strings, coded;
  std::map<std::string, std::string> metadata;
  std::vector<Check> checks;
  int numerics_version = kNumericsVersion;
};

// The text of NAME-symbol.json; large constants go to the tensors. Throws UserError on what a file
// cannot hold.
std::string write_symbol(const SymbolFile& symbol, WrittenConstants& constants);

// The inverse, for any bytes. Throws FormatError.
SymbolFile read_symbol(const JsonText& source, StoredConstants& constants);

}  // namespace mlpjit::detail
