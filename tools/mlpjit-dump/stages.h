#pragma once
// Which stages of a compile are shown, and how.

#include <ostream>
#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/runtime/compiled_graph.h"

namespace mlpjit::dump {

enum class Format { text, dot };

struct Request {
  std::string stage = "all";
  Format format = Format::text;
  runtime::Settings settings;  // without the sink
};

// The names of the passes, in the order in which they run.
std::vector<std::string> pass_names();

// "all", or the name of one stage; throws UserError with what there is when it is none, or not with
// this backend or format.
void check(const Request& request);

// Compiles as far as the wanted stage. Returns false when a pass was asked for that changed
// nothing.
bool show(const ir::Graph& graph, const Request& request, std::ostream& out);

}  // namespace mlpjit::dump
