#pragma once
// The one way an op takes: dtypes of weak operands settled, then run now by the interpreter, or
// written down by the recorder.

#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>

#include "lib/interp/interp.h"
#include "lib/ir/attr.h"
#include "lib/ir/opcode.h"
#include "mlpjit/isa.h"
#include "src/core/path.h"
#include "src/record/readable.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {

// Operands by address: no handle is copied on the way.
using Operands = std::span<const Tensor* const>;

// Which operands share one dtype that weak ones adapt to; the others keep what they are (weak ones
// become their default dtype).
inline constexpr unsigned kAllPromote = ~0u;

Tensors apply_all(ir::Opcode opcode, Operands operands, const ir::Attrs& attrs,
                  unsigned promoted = kAllPromote);
Tensor apply_one(ir::Opcode opcode, Operands operands, const ir::Attrs& attrs = {},
                 unsigned promoted = kAllPromote);
inline Tensor apply_one(ir::Opcode opcode, std::initializer_list<const Tensor*> operands,
                        const ir::Attrs& attrs = {}, unsigned promoted = kAllPromote) {
  return apply_one(opcode, Operands(operands.begin(), operands.size()), attrs, promoted);
}

// The value of `x` as a tensor of `dtype` that is not weak, by the rules for weak operands; throws
// DTypeError, naming `call`, when x is of another dtype or of a higher kind.
Tensor adapt(const Tensor& x, DType dtype, const char* call);

// The value in the graph of a weak scalar as `dtype`, which must be of its kind or higher.
class Recorder;
ir::ValueId record_weak(Recorder& recorder, const Tensor& x, DType dtype, const char* call);

// The element of a concrete weak scalar in another dtype of the same or a higher kind. Throws
// ValueError, naming `call`, when that dtype is of integers and does not hold the number.
void store_weak(const TensorImpl& impl, DType dtype, void* out, std::string_view call = "call");
// The result of an op all of whose operands were weak: weak again when it is 0-d.
Tensor finish_weak(Tensor result);

interp::View view_of(const TensorImpl& impl);

}  // namespace mlpjit::detail
