#pragma once
// The report of a compile as a part of what explain() tells.

#include <string>

#include "lib/runtime/cache.h"
#include "lib/runtime/compiled_graph.h"
#include "mlpjit/explain.h"

namespace mlpjit::runtime {

// All that the report knows; name, hits, guards and the milliseconds of tracing are the caller's to
// add.
SignatureSummary summarize(const Report& report);
// What the cache counted.
void tell(const CacheStats& stats, Explanation& explanation);

}  // namespace mlpjit::runtime
