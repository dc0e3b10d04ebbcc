#pragma once
// The op table as data: one Opcode and one OpInfo per line of mlpjit/detail/ops.def.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace mlpjit::ir {

enum class Opcode : std::uint8_t;  // named in lib/ir/opcodes.h

// What an op does with elements.
enum class Family : std::uint8_t {
  elementwise,  // each of the result depends on the same (broadcast) one of the operands
  contraction,  // sums of products of two operands
  reduction,    // those along axes become one
  search,       // where along an axis one is
  row,          // rows of the last axis, each by itself
  movement,     // they stand elsewhere, some of them, or several times; their values stay
  constant,
  random,
  effect,   // visible outside
  control,  // what other ops do
};

enum OpTrait : std::uint8_t {
  kNone = 0,
  kCommutative = 2,  // swapping the two operands keeps the bits
  kMayFail = 4,      // can fail at run time: never eliminated, never hoisted out of a region
  kEffect = 8,       // visible outside; ordered by the token it takes and gives
  kRegion = 16,      // holds regions
  kKernel = 32,      // the root of a kernel of code generation; element-wise ops need none
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
  std::string_view default_text;  // as in the table; "": it must be given. See default_of()
  double default_number = 0;      // where that is a number
};

struct OpInfo {
  Opcode opcode;
  std::string_view name;
  int arity;    // -1: varies
  int results;  // -1: varies
  Family family;
  unsigned traits;                  // OpTrait bits
  std::span<const AttrSpec> attrs;  // every op has all of them, in this order
  constexpr bool has(OpTrait trait) const { return (traits & trait) != 0; }
};

// One entry per opcode, indexed by it.
const OpInfo& info(Opcode opcode);
std::span<const OpInfo> all_ops();
std::optional<Opcode> opcode_from_name(std::string_view name);
inline std::string_view to_string(Opcode opcode) {
  return info(opcode).name;
}

}  // namespace mlpjit::ir
