// Recursive descent over the text form (docs/ir.md has the grammar). Makes the program as written;
// names and types are resolved by build.cpp. Deep nesting is refused, so that no text can exhaust
// the stack.

#include "lib/ir/ast.h"
#include "lib/ir/literal_text.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"
#include "lib/ir/verify.h"
#include "lib/support/nearest.h"
#include "mlpjit/error.h"

namespace mlpjit::ir {
namespace {

std::string unknown_op(const Token& word) {
  std::vector<std::string_view> known;
  for (const OpInfo& op : all_ops()) known.push_back(op.name);
  return "expected an op such as add, dense or call, found " + describe(word) +
         (word.kind == TokenKind::identifier ? support::did_you_mean(word.text, known)
                                             : std::string());
}

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(text) {}

  ProgramAst program() {
    ProgramAst functions;
    while (tokens_.peek().kind != TokenKind::end) functions.push_back(function());
    return functions;
  }

 private:
  FunctionAst function();
  InputAst input();
  void input_kind(Input& input);
  void return_line(FunctionAst& function);
  StatementAst statement();
  void operands(StatementAst& statement);
  void refuse_other_operands();
  // Whether the value in hand is a result of another statement, rather than an operand that lacks
  // its comma.
  bool results_follow() const;
  void attributes(StatementAst& statement);
  AttrValue attribute(AttrKind kind);
  RegionAst region();
  ArgumentAst argument();
  NameAst name(TokenKind kind, const char* expected);
  std::vector<NameAst> names();
  TypesAst types();
  // Whether a '{' that is next opens attributes rather than a region.
  bool attributes_follow() const;

  TokenStream tokens_;
  int depth_ = 0;
};

NameAst Parser::name(TokenKind kind, const char* expected) {
  if (kind == TokenKind::value) refuse_other_operands();
  if (tokens_.peek().kind != kind) tokens_.fail_expected(expected);
  const Token token = tokens_.take();
  return {decoded(token), token.at};
}

// Numbers and bare names where a value must stand.
void Parser::refuse_other_operands() {
  const Token& token = tokens_.peek();
  const bool truth = token.is("true") || token.is("false");
  if (token.kind == TokenKind::number || token.is('-') || token.is("inf") || token.is("nan") ||
      truth) {
    tokens_.fail_expected(
        std::string("a value such as %x; a number is the result of an op, as in ") +
        "%c = constant " + (truth ? "bool[] true" : "f32[] 2"));
  }
}

bool Parser::results_follow() const {
  TokenStream ahead = tokens_;
  do {
    if (ahead.take().kind != TokenKind::value) return false;
  } while (ahead.accept(','));
  return ahead.peek().is('=');
}

std::vector<NameAst> Parser::names() {
  std::vector<NameAst> result;
  do {
    result.push_back(name(TokenKind::value, "a value such as %x"));
  } while (tokens_.accept(','));
  return result;
}

TypesAst Parser::types() {
  TypesAst result{{}, tokens_.peek().at};
  do {
    result.types.push_back(parse_type(tokens_));
  } while (tokens_.accept(','));
  return result;
}

ArgumentAst Parser::argument() {
  ArgumentAst result;
  result.name = name(TokenKind::value, "an argument such as %x");
  if (tokens_.accept(':')) result.type = parse_type(tokens_);
  return result;
}

void Parser::input_kind(Input& input) {
  const auto take_name = [this](std::string fallback) {
    const Token& token = tokens_.peek();
    return token.kind == TokenKind::string || token.kind == TokenKind::number
               ? decoded(tokens_.take())
               : std::move(fallback);
  };
  const Token kind = tokens_.peek();
  for (const InputKind candidate : {InputKind::argument, InputKind::parameter, InputKind::capture,
                                    InputKind::state, InputKind::token}) {
    const std::string_view word =
        candidate == InputKind::parameter ? "param" : to_string(candidate);
    if (!kind.is(word)) continue;
    tokens_.take();
    input.kind = candidate;
    input.name =
        take_name(candidate == InputKind::state || candidate == InputKind::token ? std::string(word)
                                                                                 : std::string());
    if (input.name.empty())
      tokens_.fail_expected("its name, as in param \"0.weight\" or capture 0");
    return;
  }
  tokens_.fail_expected("what the input is bound to: argument, param, capture, state or token");
}

InputAst Parser::input() {
  InputAst result;
  result.argument = argument();
  result.input = {InputKind::argument, result.argument.name.text};
  if (!result.argument.type) tokens_.fail_expected("':' and the type of the input");
  if (tokens_.accept('=')) input_kind(result.input);
  return result;
}

FunctionAst Parser::function() {
  FunctionAst result;
  if (!tokens_.peek().is("func")) tokens_.fail_expected("'func'");
  tokens_.take();
  result.name = name(TokenKind::symbol, "the name of a function such as @main");
  tokens_.expect('(', "before the inputs of a function");
  if (!tokens_.accept(')')) {
    do {
      result.inputs.push_back(input());
    } while (tokens_.accept(','));
    tokens_.expect(')', "or ',' after an input of a function");
  }
  if (tokens_.peek().kind == TokenKind::arrow) {
    tokens_.take();
    tokens_.expect('(', "before the result types of a function");
    result.result_types = TypesAst{{}, tokens_.peek().at};
    if (!tokens_.peek().is(')')) result.result_types = types();
    tokens_.expect(')', "or ',' after a result type of a function");
  }
  result.body.at = tokens_.peek().at;
  tokens_.expect('{', "before the body of a function");
  while (!tokens_.peek().is("return")) {
    if (tokens_.peek().is('}') || tokens_.peek().kind == TokenKind::end) {
      tokens_.fail_expected("'return' at the end of @" + result.name.text);
    }
    result.body.statements.push_back(statement());
  }
  return_line(result);
  tokens_.expect('}', "after 'return' and its values, which are separated by ','");
  return result;
}

void Parser::return_line(FunctionAst& function) {
  function.body.yield_at = tokens_.take().at;
  if (tokens_.peek().kind == TokenKind::value) function.body.yields = names();
  if (!tokens_.peek().is("update")) return;
  tokens_.take();
  do {
    UpdateAst update;
    update.input = name(TokenKind::value, "the input to update");
    tokens_.expect('=', "between an input and its final value");
    update.value = name(TokenKind::value, "the final value of the input");
    function.updates.push_back(std::move(update));
  } while (tokens_.accept(','));
}

bool Parser::attributes_follow() const {
  if (!tokens_.peek().is('{')) return false;
  TokenStream ahead = tokens_;
  ahead.take();
  const Token first = ahead.take();
  return first.kind == TokenKind::identifier && ahead.peek().is('=');
}

StatementAst Parser::statement() {
  StatementAst result;
  result.at = tokens_.peek().at;
  if (tokens_.peek().kind == TokenKind::value) {
    result.results = names();
    tokens_.expect('=', "or ',' after the name of a result");
  }
  const Token word = tokens_.peek();
  const auto opcode =
      word.kind == TokenKind::identifier ? opcode_from_name(word.text) : std::nullopt;
  if (!opcode) fail_at(word.at, unknown_op(word));
  tokens_.take();
  result.opcode = *opcode;
  operands(result);
  if (attributes_follow()) attributes(result);
  while (tokens_.peek().is('{')) result.regions.push_back(region());
  if (tokens_.accept(':')) result.types = types();
  if (tokens_.peek().kind == TokenKind::symbol) result.path = decoded(tokens_.take());
  return result;
}

void Parser::operands(StatementAst& statement) {
  if (statement.opcode == Opcode::call) {
    statement.callee = name(TokenKind::symbol, "the function to call, such as @f").text;
    tokens_.expect('(', "before the operands of a call");
    if (tokens_.accept(')')) return;
    statement.operands = names();
    tokens_.expect(')', "or ',' after an operand of a call");
    return;
  }
  if (statement.opcode == Opcode::print) {
    if (tokens_.peek().kind != TokenKind::string) {
      tokens_.fail_expected("the text to print, such as \"x is\"");
    }
    statement.attrs.push_back({"text", decoded(tokens_.take())});
  }
  if (statement.opcode == Opcode::constant && tokens_.peek().kind == TokenKind::identifier) {
    statement.attrs.push_back({"value", parse_literal(tokens_)});
  }
  if (tokens_.begins_line()) return;  // a value there begins the next statement
  refuse_other_operands();
  if (tokens_.peek().kind != TokenKind::value) return;
  statement.operands = names();
  if (tokens_.peek().kind == TokenKind::value && !tokens_.begins_line() && !results_follow())
    tokens_.fail_expected("',' between operands");
}

void Parser::attributes(StatementAst& statement) {
  tokens_.expect('{', "before attributes");
  const OpInfo& op = info(statement.opcode);
  do {
    const Token key = tokens_.peek();
    const AttrSpec* found = nullptr;
    std::string known;
    for (const AttrSpec& spec : op.attrs) {
      if (key.is(spec.name)) found = &spec;
      known += (known.empty() ? "" : ", ") + std::string(spec.name);
    }
    if (found == nullptr) {
      tokens_.fail_expected(known.empty()
                                ? "no attributes, which " + std::string(op.name) + " has none of"
                                : "an attribute of " + std::string(op.name) + ": " + known);
    }
    for (const AttrAst& attr : statement.attrs) {
      if (attr.name == key.text) tokens_.fail_expected("each attribute once");
    }
    tokens_.take();
    tokens_.expect('=', "after the name of an attribute");
    statement.attrs.push_back({std::string(key.text), attribute(found->kind)});
  } while (tokens_.accept(','));
  tokens_.expect('}', "or ',' after an attribute");
}

AttrValue Parser::attribute(AttrKind kind) {
  switch (kind) {
    case AttrKind::boolean: {
      const Token token = tokens_.peek();
      if (!token.is("true") && !token.is("false")) tokens_.fail_expected("true or false");
      tokens_.take();
      return token.is("true");
    }
    case AttrKind::integer: return parse_integer(tokens_);
    case AttrKind::floating: return parse_double(tokens_);
    case AttrKind::string: return name(TokenKind::string, "a string").text;
    case AttrKind::integers: {
      std::vector<std::int64_t> list;
      tokens_.expect('[', "before a list of integers");
      if (tokens_.accept(']')) return list;
      do {
        list.push_back(parse_integer(tokens_));
      } while (tokens_.accept(','));
      tokens_.expect(']', "or ',' after an integer");
      return list;
    }
    case AttrKind::dtype: return parse_dtype(tokens_);
    case AttrKind::shape: return parse_shape(tokens_);
    case AttrKind::literal: return parse_literal(tokens_);
    case AttrKind::function: return FunctionRef{name(TokenKind::symbol, "a function").text};
  }
  tokens_.fail_expected("an attribute");
}

RegionAst Parser::region() {
  if (++depth_ > kDeepestRegion) {
    tokens_.fail_expected("regions nested at most " + std::to_string(kDeepestRegion) + " deep");
  }
  RegionAst result;
  result.at = tokens_.peek().at;
  tokens_.expect('{', "before a region");
  if (tokens_.accept('^')) {
    tokens_.expect('(', "before the arguments of a region");
    if (!tokens_.accept(')')) {
      do {
        result.arguments.push_back(argument());
      } while (tokens_.accept(','));
      tokens_.expect(')', "or ',' after an argument of a region");
    }
  }
  while (!tokens_.peek().is("yield")) {
    if (tokens_.peek().is('}') || tokens_.peek().kind == TokenKind::end) {
      tokens_.fail_expected("'yield' at the end of a region");
    }
    result.statements.push_back(statement());
  }
  result.yield_at = tokens_.take().at;
  if (tokens_.peek().kind == TokenKind::value) result.yields = names();
  tokens_.expect('}', "after 'yield' and its values, which are separated by ','");
  --depth_;
  return result;
}

}  // namespace

ProgramAst parse_program(std::string_view text) {
  return Parser(text).program();
}

Graph parse(std::string_view text) {
  return build_verified(parse_program(text));
}

Graph build_verified(ProgramAst program) {
  make_tokens_explicit(program);
  BuiltProgram built = build_program(program);
  const std::vector<Fault> faults = verify(built.graph);
  if (faults.empty()) return std::move(built.graph);
  const Fault& fault = faults.front();
  Position at;
  for (std::size_t i = 0; i < program.size(); ++i) {
    if (program[i].name.text != fault.function) continue;
    at = fault.op.valid() ? built.places[i].at(fault.op.index) : program[i].name.at;
  }
  fail_at(at, fault.where + ": " + fault.what);
}

}  // namespace mlpjit::ir
