#pragma once
// The definitions that contractions and reductions are made of, over any backend (backend.h). They
// know nothing of the op table.
//
// They stand in arithmetic-inl.h, which this header puts into mlpjit::numerics and
// highway_backend-inl.h into each target's namespace (a template takes its instruction set from
// where it is written, not from where it is instantiated). So do the other *-inl.h files: see
// elementwise.h.
//
//   Value add(const B&, Value, Value)     likewise subtract, multiply, divide, maximum, minimum
//   Spread<Value> spread(const B&, Value sum, Value squares, Value count)   of var and layer_norm

#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <utility>

#include "lib/numerics/backend.h"
#include "lib/numerics/coefficients.h"

namespace mlpjit::numerics {

#define MLPJIT_NUMERICS_FN inline
#include "lib/numerics/arithmetic-inl.h"
#undef MLPJIT_NUMERICS_FN

}  // namespace mlpjit::numerics
