#pragma once
// The text form; docs/ir.md has the grammar and what may be left out by hand. print(parse(t)) == t
// for every t that print made; floats are the shortest decimal that round-trips. Example:
//
//   func @main(%a: f32[], %w: f32[4, 3] = param "0.weight", %s: f32[3] = capture 0) -> (f32[]) {
//     %0 = add %a, %a : f32[]
//     %1 = leaky_relu %0 {alpha = 0.01} : f32[] @"0.act"
//     %2 = constant f32[3] [1, -0, inf]
//     %3, %4 = split %2 {axis = 0, sizes = [1, 2]} : f32[1], f32[2]
//     %5 = cond %p, %a {
//       ^(%t: f32[])
//       yield %t
//     } {
//       ^(%u: f32[])
//       yield %1
//     } : f32[]
//     return %5 update %s = %2
//   }

#include <string>
#include <string_view>

#include "lib/ir/graph.h"

namespace mlpjit::ir {

std::string print(const Graph& graph);
std::string print(const Function& function);
// The value of one attribute: 0.01, [2, 3], "text", f32[2] [1, -0].
std::string print(const AttrValue& value);
// Throws FormatError "line:column: expected ..., found ..."; verifies what it read.
Graph parse(std::string_view text);
// One size: "3", "B", "2*B+1". Throws FormatError as parse().
Dim parse_dim(std::string_view text);
// Graphviz.
std::string to_dot(const Graph& graph);
// For cache keys: the text with values numbered in order, constants by their bytes, and no names of
// layers, inputs, parameters or functions. Equal texts compute the same; comparing it needs no
// parse.
std::string canonical(const Graph& graph);

}  // namespace mlpjit::ir
