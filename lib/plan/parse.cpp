// Text to plan.

#include <unordered_map>

#include <fmt/format.h>

#include "lib/ir/literal_text.h"
#include "lib/plan/fields.h"
#include "lib/plan/text.h"
#include "lib/plan/verify.h"
#include "mlpjit/error.h"

namespace mlpjit::plan {
namespace {

using ir::TokenKind;

class Reader {
 public:
  Reader(std::string_view text, const ir::Function& main) : tokens_(text), main_(main) {
    for (std::size_t i = 0; i < main.value_count(); ++i)
      values_.emplace(main.value(ir::ValueId(i)).name, ir::ValueId(i));
  }

  void read(Plan& plan) {
    word("target");
    const std::string name(identifier("the name of a target"));
    const Target* target = find_target(name);
    if (target == nullptr) fail("the name of a target, found '" + name + "'");
    plan.target = *target;
    word("workspace");
    read(plan.workspace_bytes);
    tokens_.expect(',', "after the workspace");
    word("without");
    word("reuse");
    read(plan.unshared_bytes);
    tokens_.expect(',', "after the bytes without reuse");
    word("scratch");
    read(plan.scratch_bytes);
    tokens_.expect(',', "after the bytes of scratch");
    word("fusions");
    read(plan.fusions);
    while (tokens_.peek().is("slot")) plan.slots.push_back(slot(plan.slots.size()));
    while (is_id()) plan.buffers.push_back(buffer(plan.buffers.size()));
    while (tokens_.peek().is("step")) plan.steps.push_back(step(plan.steps.size()));
    if (tokens_.peek().kind != TokenKind::end) tokens_.fail_expected("a step");
  }

  // Members, as fields.h lists them.
  template <class T>
  void field(const char* name, T& member) {
    begin(name);
    read(member);
  }
  template <std::integral I>
  void id(const char* name, I& buffer) {
    begin(name);
    buffer = read_id<I>();
  }
  template <std::integral I>
  void ids(const char* name, std::vector<I>& buffers) {
    begin(name);
    list([&] { buffers.push_back(read_id<I>()); });
  }
  void line() {}

 private:
  [[noreturn]] void fail(const std::string& expected) const { tokens_.fail_expected(expected); }
  std::string_view identifier(const char* what) {
    if (tokens_.peek().kind != TokenKind::identifier) fail(what);
    return tokens_.take().text;
  }
  void word(std::string_view text) {
    if (!tokens_.peek().is(text)) fail("'" + std::string(text) + "'");
    tokens_.take();
  }
  void begin(const char* name) {
    if (!std::exchange(first_, false)) tokens_.expect(',', "between members");
    word(name);
    tokens_.expect('=', "after the name of a member");
  }
  template <class Each>
  void list(const Each& each) {
    tokens_.expect('[', "before a list");
    if (tokens_.accept(']')) return;
    do {
      each();
    } while (tokens_.accept(','));
    tokens_.expect(']', "after a list");
  }
  std::string quoted() {
    if (tokens_.peek().kind != TokenKind::string) fail("a text in quotes");
    return decoded(tokens_.take());
  }
  std::string value_name() {
    if (tokens_.peek().kind != TokenKind::value) fail("a value such as %x");
    return decoded(tokens_.take());
  }
  ir::ValueId value() {
    const ir::Token at = tokens_.peek();
    const auto found = values_.find(value_name());
    if (found == values_.end()) ir::fail_at(at.at, "the graph has no value " + describe(at));
    return found->second;
  }
  bool is_id() const {
    const ir::Token& token = tokens_.peek();
    return token.kind == TokenKind::identifier && token.text.size() > 1 && token.text[0] == 'b' &&
           token.text.find_first_not_of("0123456789", 1) == std::string_view::npos;
  }
  template <class I>
  I read_id() {
    if constexpr (std::is_signed_v<I>) {
      if (tokens_.peek().is("none")) return tokens_.take(), I{-1};
    }
    if (!is_id() || tokens_.peek().text.size() > 9) fail("a buffer such as b3");
    return static_cast<I>(std::stoll(std::string(tokens_.take().text.substr(1))));
  }

  void read(bool& value) {
    const std::string_view text = identifier("true or false");
    if (text != "true" && text != "false") fail("true or false before this");
    value = text == "true";
  }
  void read(double& value) { value = ir::parse_double(tokens_); }
  template <std::integral I>
  void read(I& value) {
    value = static_cast<I>(ir::parse_integer(tokens_));
  }
  void read(DType& dtype) { dtype = ir::parse_dtype(tokens_); }
  void read(ir::Opcode& opcode) {
    const auto found = ir::opcode_from_name(identifier("an op"));
    if (!found) fail("an op before this");
    opcode = *found;
  }
  // 3*B*B-2*B+1
  void read(Extent& extent) {
    extent = 0;
    bool minus = tokens_.accept('-');
    do {
      Extent term = minus ? -1 : 1;
      bool factor = true;
      if (tokens_.peek().kind == TokenKind::number) {
        term = term * Extent(ir::parse_integer(tokens_));
        factor = tokens_.accept('*');
      }
      while (factor) {
        word("B");
        term = term * Extent(dim("B"));
        factor = tokens_.accept('*');
      }
      extent = extent + term;
      minus = tokens_.peek().is('-');
    } while (tokens_.accept('+') || tokens_.accept('-'));
  }
  void read(ir::OpId& id) {
    if (tokens_.peek().is("op")) {
      tokens_.take();
      const std::int64_t index = ir::parse_integer(tokens_);
      if (index < 0 || static_cast<std::size_t>(index) >= main_.op_count()) fail("an op before");
      id = ir::OpId(static_cast<std::size_t>(index));
      return;
    }
    ir::Opcode opcode{};
    read(opcode);
    id = op_of(value(), opcode);
  }
  ir::OpId op_of(ir::ValueId result, ir::Opcode opcode) {
    const ir::OpId id = main_.value(result).producer;
    if (!id.valid() || main_.op(id).opcode != opcode) {
      fail(fmt::format("a result of {} before this", ir::to_string(opcode)));
    }
    return id;
  }
  void read(Access& access) {
    access.buffer = read_id<BufferId>();
    read(access.strides);
    if (!tokens_.peek().is("from")) return;
    tokens_.take();
    read(access.first);
  }
  void values(std::vector<ir::ValueId>& all) {
    list([&] { all.push_back(value()); });
  }
  void read(Body& body) {
    values(body.arguments);
    word("with");
    list([&] {
      const ir::ValueId named = value();
      body.scalars.push_back({named, ir::parse_literal(tokens_)});
    });
    word("give");
    values(body.results);
    tokens_.expect('{', "before the ops");
    while (!tokens_.accept('}')) {
      const ir::ValueId result = value();
      tokens_.expect('=', "after a result");
      ir::Opcode opcode{};
      read(opcode);
      const ir::OpId id = op_of(result, opcode);
      for (const ir::ValueId operand : main_.op(id).operands) {
        if (value() != operand) fail("the operands that the graph has, before this");
      }
      body.ops.push_back(id);
    }
  }
  template <class T>
  void read(std::vector<T>& all) {
    list([&] { read(all.emplace_back()); });
  }
  template <class Struct>
    requires requires(Reader& io, Struct& all) { fields(io, all); }
  void read(Struct& all) {
    const bool outer = std::exchange(first_, true);
    tokens_.expect('{', "before the members");
    fields(*this, all);
    tokens_.expect('}', "after the members");
    first_ = outer;
  }

  void number(std::size_t expected) {
    if (ir::parse_integer(tokens_) != static_cast<std::int64_t>(expected))
      fail(fmt::format("number {} before this", expected));
  }

  Slot slot(std::size_t i) {
    word("slot");
    number(i);
    Slot slot;
    const std::string_view kind = identifier("a kind of slot");
    read(slot.index);
    if (kind == "input") return slot;
    if (kind == "output") return slot.kind = SlotKind::output, slot;
    if (kind == "update") return slot.kind = SlotKind::update, slot;
    if (kind == "constant") {
      slot.kind = SlotKind::constant;
      slot.literal = ir::parse_literal(tokens_);
      return slot;
    }
    if (kind != "packed") fail("input, output, update, constant or packed before this");
    slot.kind = SlotKind::packed;
    read(slot.layout);
    return slot;
  }

  Buffer buffer(std::size_t i) {
    if (read_id<std::int64_t>() != static_cast<std::int64_t>(i))
      fail(fmt::format("b{} before this", i));
    Buffer buffer;
    buffer.name = value_name();
    const ir::Type type = ir::parse_type(tokens_);
    buffer.dtype = type.dtype;
    buffer.shape = type.shape;
    word("at");
    place(buffer);
    tokens_.expect(',', "after the place");
    read(buffer.bytes);
    word("bytes");
    tokens_.expect(',', "after the bytes");
    word("steps");
    read(buffer.first_step);
    word("to");
    read(buffer.last_step);
    buffer.root = static_cast<BufferId>(i);
    while (tokens_.accept(',')) property(buffer);
    return buffer;
  }

  void place(Buffer& buffer) {
    const std::string_view text = identifier("slot, workspace or indirect");
    if (text == "slot") {
      buffer.place = Place::slot;
      return read(buffer.slot);
    }
    if (text != "workspace" && text != "indirect") fail("slot, workspace or indirect before this");
    buffer.place = text == "workspace" ? Place::workspace : Place::indirect;
    tokens_.expect('+', "before the offset");
    read(buffer.offset);
  }

  void property(Buffer& buffer) {
    const std::string_view text = identifier("rows, view or pointer");
    if (text == "rows") {
      word("of");
      read(buffer.row_stride);
    } else if (text == "view") {
      word("of");
      buffer.root = read_id<BufferId>();
    } else if (text == "pointer") {
      word("into");
      list([&] { buffer.targets.push_back(read_id<BufferId>()); });
    } else {
      fail("rows, view or pointer before this");
    }
  }

  Step step(std::size_t i) {
    word("step");
    number(i);
    Step step;
    step.name = quoted();
    step.reason = quoted();
    if (tokens_.peek().is("fused")) {
      tokens_.take();
      read(step.fused);
    }
    if (tokens_.peek().is("units")) {
      tokens_.take();
      read(step.units.units);
      word("of");
      read(step.units.unit);
      word("cycles");
      read(step.units.cycles);
    }
    step.kernel = kernel<0>(identifier("a kind of kernel"));
    return step;
  }
  template <std::size_t I>
  Kernel kernel(std::string_view kind) {
    if constexpr (I == std::variant_size_v<Kernel>) {
      fail("a kind of kernel before this");
    } else {
      std::variant_alternative_t<I, Kernel> one;
      if (kind_of(Kernel(one)) != kind) return kernel<I + 1>(kind);
      read(one);
      return one;
    }
  }

  ir::TokenStream tokens_;
  const ir::Function& main_;
  std::unordered_map<std::string, ir::ValueId> values_;
  bool first_ = true;
};

}  // namespace

Plan parse(std::string_view text, std::shared_ptr<const ir::Graph> graph) {
  Plan plan;
  Reader(text, graph->main()).read(plan);
  plan.graph = std::move(graph);
  if (const std::string fault = verify(plan); !fault.empty()) throw FormatError("plan: " + fault);
  return plan;
}

}  // namespace mlpjit::plan
