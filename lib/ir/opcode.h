#pragma once
// The op table as data: one Opcode and one OpInfo per line of mlpjit/detail/ops.def.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace mlpjit::ir {

enum class Opcode : std::uint8_t {
#define MLPJIT_OP(name, ...) name,
#include "mlpjit/detail/ops.def"
};

enum OpTrait : std::uint8_t {
  kNone = 0,
  kElementwise =
      1,  // each element of the result depends on the same (broadcast) element of the operands
  kCommutative = 2,  // swapping the two operands keeps the bits
  kMayFail = 4,      // can fail at run time: never eliminated, never hoisted out of a region
  kEffect = 8,       // visible outside; ordered by the token it takes and gives
  kRegion = 16,      // holds regions
};

enum class AttrKind : std::uint8_t {
  boolean,
  integer,
  floating,
  string,
  integers,
  dtype,
  shape,
  literal,
  function
};

struct AttrSpec {
  std::string_view name;
  AttrKind kind;
};

struct OpInfo {
  Opcode opcode;
  std::string_view name;
  int arity;                        // -1: varies
  int results;                      // -1: varies
  unsigned traits;                  // OpTrait bits
  std::span<const AttrSpec> attrs;  // every attribute is required, in this order
  bool has(OpTrait trait) const { return (traits & trait) != 0; }
};

// One entry per opcode, indexed by it.
const OpInfo& info(Opcode opcode);
std::span<const OpInfo> all_ops();
std::optional<Opcode> opcode_from_name(std::string_view name);
inline std::string_view to_string(Opcode opcode) {
  return info(opcode).name;
}

}  // namespace mlpjit::ir
