#pragma once
// About how many bytes the data structures of an executable take, for the bound of a cache.

#include <cstddef>

#include "lib/ir/graph.h"
#include "lib/plan/plan.h"

namespace mlpjit::runtime {

std::size_t footprint(const ir::Graph& graph);  // literals included
std::size_t footprint(const plan::Plan& plan);  // its graph not included

}  // namespace mlpjit::runtime
