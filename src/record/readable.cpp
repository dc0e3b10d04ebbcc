#include "src/record/readable.h"

#include <string>

#include "lib/support/unanswered.h"
#include "mlpjit/error.h"
#include "src/core/path.h"
#include "src/record/recorder.h"

namespace mlpjit::detail {

void require_value(const TensorImpl& impl, const char* call) {
  if (!impl.symbolic || impl.trace != 0) return;
  throw TraceError(path_prefix() + call + ": the tensor (" +
                   to_string(TensorSpec{impl.dtype, impl.shape}) +
                   ") was left over in a C++ variable by a trace that has ended, and has no value; "
                   "give the variable a tensor again");
}

void require_readable(const TensorImpl& impl, const char* call) {
  require_value(impl, call);
  if (const Recorder* recorder = Recorder::current()) {
    const bool constant =
        !impl.symbolic && impl.trace == recorder->id() && !recorder->updated(impl);
    if (constant) return;
    const std::string what =
        impl.symbolic || recorder->updated(impl)
            ? "the value of " + recorder->describe(impl) + " is not known while tracing"
            : "the tensor " + to_string(TensorSpec{impl.dtype, impl.shape}) +
                  " is an input of the traced program, whose value may change between calls";
    ++support::unanswered();
    throw TraceError(path_prefix() + call + ": " + what +
                     ". Compute it outside of the traced function, choose between values with "
                     "where(condition, a, b) or between computations with cond(condition, then, "
                     "else, operands), or repeat one with while_loop(condition, body, state)");
  }
  if (impl.symbolic) {
    throw TraceError(
        path_prefix() + call +
        ": the tensor stands for a value of a trace that is not over yet, on another thread or "
        "around this call; return it from the traced function and use what the call gives");
  }
}

std::int64_t known_size(const Shape& shape, int axis, const char* call) {
  if (shape[axis].is_static()) return shape[axis].offset();
  ++support::unanswered();
  throw TraceError(path_prefix() + call + ": axis " + std::to_string(axis) + " of the shape " +
                   to_string(shape) +
                   " has a size that is not known while tracing. Ways out: trace with an exact "
                   "shape (Batch::exact), take rows by gather, go over them with scan(body, carry, "
                   "xs), or cut outside of the trace");
}

Tensor stamp_constant(Tensor tensor) {
  if (const Recorder* recorder = Recorder::current()) {
    TensorImpl& impl = *TensorAccess::impl(tensor);
    impl.trace = recorder->id();
    impl.depth = recorder->depth();
  }
  return tensor;
}

}  // namespace mlpjit::detail
