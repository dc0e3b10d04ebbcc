#pragma once
// A program as written, in text or in a file of another syntax, before names are resolved and types
// inferred.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/ir/lexer.h"

namespace mlpjit::ir {

struct NameAst {
  std::string text;
  Position at;
};

struct ArgumentAst {
  NameAst name;
  std::optional<Type> type;
};

struct AttrAst {
  std::string name;
  AttrValue value;
};

struct TypesAst {
  std::vector<Type> types;
  Position at;
};

struct StatementAst;

struct RegionAst {
  Position at;
  std::vector<ArgumentAst> arguments;
  std::vector<StatementAst> statements;
  std::vector<NameAst> yields;
  Position yield_at;
};

struct StatementAst {
  Position at;
  std::vector<NameAst> results;
  Opcode opcode{};
  std::string callee;
  std::vector<NameAst> operands;
  std::vector<AttrAst> attrs;
  std::vector<RegionAst> regions;
  std::optional<TypesAst> types;
  std::string path;
};

struct InputAst {
  ArgumentAst argument;
  Input input;
};

struct UpdateAst {
  NameAst input, value;
};

struct FunctionAst {
  NameAst name;
  std::vector<InputAst> inputs;
  std::optional<TypesAst> result_types;
  RegionAst body;  // its arguments are the inputs
  std::vector<UpdateAst> updates;
};

using ProgramAst = std::vector<FunctionAst>;

// Text to program (parser.cpp).
ProgramAst parse_program(std::string_view text);
// Writes out the tokens that `print "text" %x` leaves out (implicit_tokens.cpp).
void make_tokens_explicit(ProgramAst& program);
// Resolves names and infers types (build.cpp). Throws FormatError with the place.
struct BuiltProgram {
  Graph graph;
  // Where each op stands, by function and OpId.
  std::vector<std::vector<Position>> places;
};
BuiltProgram build_program(const ProgramAst& program);
// All of it, and the verifier: the way of every program that comes from outside. Throws FormatError
// "line:column: ...".
Graph build_verified(ProgramAst program);

}  // namespace mlpjit::ir
