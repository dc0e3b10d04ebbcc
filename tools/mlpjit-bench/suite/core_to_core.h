#pragma once
// What it takes that one core sees what another has written.

namespace mlpjit::bench {

// Nanoseconds from a core to another and back: `lines` cache lines written and read each way, then
// a flag. The least of many; 0 where there is one core.
double round_trip_ns(int lines);

}  // namespace mlpjit::bench
