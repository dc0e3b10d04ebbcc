#pragma once
// How long a program may run, before it runs.

#include <cstdint>

#include "lib/ir/graph.h"

namespace mlpjit::detail {

// What no program costs that may be run.
inline constexpr std::uint64_t kEndless = UINT64_MAX;
// About a tenth of a second.
inline constexpr std::uint64_t kCheapCost = std::uint64_t{1} << 27;

// Elements that an op by op run of a program without symbols reads, multiplies and writes, at most.
// kEndless where nothing bounds it, and where it draws or prints.
std::uint64_t check_cost(const ir::Graph& graph);

}  // namespace mlpjit::detail
