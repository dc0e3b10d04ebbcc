#pragma once
// How long compiling takes, in a process that has compiled nothing before.

#include "tools/mlpjit-bench/suite/cases.h"

namespace mlpjit::bench {

// Milliseconds, without opening the code generator's library: programs call the functions of those
// before them, so what came before matters.
struct CompileTimes {
  double cold = 0;
  double one_row_more = 0;    // then another batch size
  double twice_the_rows = 0;  // and another
  double again = 0;           // a new network of the same sizes
};

// The best of some processes of their own. To be called before this process has threads. Throws
// UserError where it cannot have others.
CompileTimes compile_times(const Case& one, int processes);

}  // namespace mlpjit::bench
