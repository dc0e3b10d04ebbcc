#pragma once
// Tensors as text, the way numpy prints arrays.

#include <string>

#include "mlpjit/dtype.h"
#include "mlpjit/shape.h"

namespace mlpjit::support {

// numpy's str(array): brackets by rank, aligned columns, at most 8 digits after the point, lines of
// 75, `...` above 1000 elements. 0-d tensors print as C++ scalars, bools as True: 10 (of any
// dtype), 0.1, 1e+06. NaN prints without a sign.
std::string format_tensor(DType dtype, const Shape& shape, const void* data);

}  // namespace mlpjit::support
