#include "lib/ir/opcodes.h"

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

// Of up to 15 digits and a power of ten up to 22, which doubles hold: so it is rounded once.
constexpr double number_from(std::string_view text) {
  const bool negative = text.starts_with('-');
  double digits = 0;
  int exponent = 0, count = 0;
  bool fraction = false;
  for (std::size_t i = negative ? 1 : 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      fraction = true;
    } else if (text[i] == 'e') {
      exponent += static_cast<int>(number_from(text.substr(i + 1)));
      break;
    } else if (text[i] < '0' || text[i] > '9' || ++count > 15) {
      throw "not a number in ops.def";
    } else {
      digits = digits * 10 + (text[i] - '0');
      if (fraction) --exponent;
    }
  }
  if (count == 0 || exponent < -22 || exponent > 22) throw "not a number in ops.def";
  double power = 1;
  for (int i = 0; i < (exponent < 0 ? -exponent : exponent); ++i) power *= 10;
  const double number = exponent < 0 ? digits / power : digits * power;
  return negative ? -number : number;
}

constexpr bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_of("0123456789") != text.npos;
}

template <std::size_t N>
constexpr std::array<AttrSpec, N> parse_attrs(std::string_view text) {
  std::array<AttrSpec, N> specs{};
  for (std::size_t i = 0; i < N; ++i) {
    const std::size_t space = text.find(' ');
    std::string_view spec = text.substr(0, space);
    const std::size_t colon = spec.find(':');
    specs[i].name = spec.substr(0, colon);
    spec.remove_prefix(colon + 1);
    const std::size_t equals = spec.find('=');
    specs[i].kind = kind_from_name(spec.substr(0, equals));
    if (equals != std::string_view::npos) specs[i].default_text = spec.substr(equals + 1);
    if (is_number(specs[i].default_text))
      specs[i].default_number = number_from(specs[i].default_text);
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

constexpr bool default_fits(const AttrSpec& spec) {
  const std::string_view text = spec.default_text;
  if (text.empty()) return true;
  switch (spec.kind) {
    case AttrKind::boolean: return text == "true" || text == "false";
    case AttrKind::integer: return text == "last" || is_number(text);
    case AttrKind::floating: return is_number(text);
    case AttrKind::integers: return text == "all" || text == "reversed";
    default: return false;
  }
}

// What the columns of one line say about each other.
constexpr bool consistent(const OpInfo& op) {
  for (const AttrSpec& spec : op.attrs) {
    if (!default_fits(spec)) return false;
  }
  const bool one_result = op.arity != 0 && op.results == 1 && !op.has(kRegion) && !op.has(kEffect);
  if (op.has(kCommutative) && (op.arity != 2 || op.family != Family::elementwise)) return false;
  if (op.has(kEffect) != (op.family == Family::effect)) return false;
  if (op.has(kRegion) && op.family != Family::control) return false;
  const bool roots = op.family == Family::contraction || op.family == Family::reduction ||
                     op.family == Family::row;
  if (op.has(kKernel) && !roots) return false;
  switch (op.family) {
    case Family::elementwise:
    case Family::contraction: return one_result;
    case Family::reduction:
    case Family::search: return one_result && op.arity == 1 && op.attrs.front().name == "axes";
    case Family::row: return one_result && op.arity >= 1;
    case Family::constant: return op.arity == 0 && op.results == 1;
    default: return true;
  }
}

constexpr bool all_consistent() {
  for (const OpInfo& op : kOps) {
    if (!consistent(op)) return false;
  }
  return true;
}
static_assert(all_consistent(), "a line of ops.def contradicts itself: see consistent()");

constexpr int arity_of_surface(std::string_view surface) {
  return surface == "unary" ? 1 : surface == "binary" ? 2 : -1;
}
#define MLPJIT_OP(name, surface, arity, ...)                                           \
  static_assert(arity_of_surface(#surface) < 0 || arity_of_surface(#surface) == arity, \
                #name " has another number of operands than its function");
#include "mlpjit/detail/ops.def"

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
