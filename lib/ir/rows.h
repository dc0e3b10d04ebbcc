#pragma once
// Programs that treat the rows of a batch each by itself: whatever rows stand beside it, a row
// gives the same. Such a program may run on some rows after the others, or on some here and some
// there.

#include <optional>
#include <vector>

#include "lib/ir/graph.h"

namespace mlpjit::ir {

// Of a main function. A value has rows where axis 0 are those of the batch.
struct Rows {
  Dim size;                  // of axis 0
  std::vector<bool> values;  // by ValueId
  bool has(ValueId value) const { return values[value.index]; }
};

// Nothing where a row depends on another one, where something is calculated that has no rows, where
// a result has none, or where a call does more than to calculate (updates, draws, prints), branches
// or loops.
std::optional<Rows> find_rows(const Function& main);

// The same program for another number of rows.
Graph with_rows(const Graph& graph, const Rows& rows, const Dim& size);

}  // namespace mlpjit::ir
