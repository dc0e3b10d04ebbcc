#pragma once
// The differences between two traces of one function.

#include <string>
#include <vector>

#include "src/record/recorder.h"

namespace mlpjit::detail {

struct Difference {
  // The layer path, the op and what of it; the same whatever another trace has there instead.
  std::string place;
  // The place, both sides, and what in C++ makes such a difference.
  std::string text;
};

// Where the programs part, in the order of the first one; what only follows from a difference
// already listed is left out. `other` is what the second one is called ("the second trace"). Types
// need no comparison: an op's follow from its attributes and operands, an input's from its tensor.
std::vector<Difference> differences(const Trace& first, const Trace& second,
                                    const std::string& other);

}  // namespace mlpjit::detail
