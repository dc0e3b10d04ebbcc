#include "lib/ir/opcode.h"

#include <array>

namespace mlpjit::ir {
namespace {

// The attribute strings of the op table are read while compiling: a misspelt kind does not compile.
constexpr std::size_t count_attrs(std::string_view text) {
  std::size_t count = 0;
  for (char c : text) count += c == ':' ? 1 : 0;
  return count;
}

constexpr AttrKind kind_from_name(std::string_view name) {
  if (name == "bool") return AttrKind::boolean;
  if (name == "int") return AttrKind::integer;
  if (name == "float") return AttrKind::floating;
  if (name == "string") return AttrKind::string;
  if (name == "ints") return AttrKind::integers;
  if (name == "dtype") return AttrKind::dtype;
  if (name == "shape") return AttrKind::shape;
  if (name == "literal") return AttrKind::literal;
  if (name == "function") return AttrKind::function;
  throw "unknown kind of attribute in ops.def";
}

template <std::size_t N>
constexpr std::array<AttrSpec, N> parse_attrs(std::string_view text) {
  std::array<AttrSpec, N> specs{};
  for (std::size_t i = 0; i < N; ++i) {
    const std::size_t colon = text.find(':');
    const std::size_t space = text.find(' ');
    specs[i].name = text.substr(0, colon);
    specs[i].kind = kind_from_name(text.substr(colon + 1, space - colon - 1));
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  }
  return specs;
}

#define MLPJIT_OP(name, surface, arity, results, rule, family, traits, attributes) \
  constexpr auto kAttrsOf_##name = parse_attrs<count_attrs(attributes)>(attributes);
#include "mlpjit/detail/ops.def"

constexpr OpInfo kOps[] = {
#define MLPJIT_OP(name, surface, arity, results, rule, family, traits, attributes)       \
  {Opcode::name,   #name, arity, results, Family::family, static_cast<unsigned>(traits), \
   kAttrsOf_##name},
#include "mlpjit/detail/ops.def"
};

}  // namespace

const OpInfo& info(Opcode opcode) {
  return kOps[static_cast<std::size_t>(opcode)];
}

std::span<const OpInfo> all_ops() {
  return kOps;
}

std::optional<Opcode> opcode_from_name(std::string_view name) {
  for (const OpInfo& op : kOps) {
    if (op.name == name) return op.opcode;
  }
  return std::nullopt;
}

}  // namespace mlpjit::ir
