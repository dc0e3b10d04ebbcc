#pragma once
// The text form of a plan: all of it but the graph that its bodies refer to, by the names of
// values. to_string() writes it (plan.h).

#include <memory>
#include <string_view>

#include "lib/plan/plan.h"

namespace mlpjit::plan {

// parse(to_string(plan), plan.graph) == plan. Throws FormatError "line:column: expected ...", and
// verifies what it read.
Plan parse(std::string_view text, std::shared_ptr<const ir::Graph> graph);

}  // namespace mlpjit::plan
