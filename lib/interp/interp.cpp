#include "lib/interp/interp.h"

#include <cstring>
#include <iostream>
#include <new>
#include <utility>

#include "lib/interp/families.h"
#include "lib/ir/opcodes.h"
#include "lib/support/format_tensor.h"
#include "lib/support/thread_object.h"
#include "mlpjit/error.h"

namespace mlpjit::interp {

void* scratch(std::size_t bytes) {
  struct Scratch {
    void* memory = nullptr;
    std::size_t capacity = 0;
    ~Scratch() { release(); }
    void release() {
      ::operator delete(std::exchange(memory, nullptr), std::align_val_t{64});
      capacity = 0;
    }
  };
  auto& mine = support::thread_object<Scratch, Scratch>();
  if (bytes > mine.capacity) {
    mine.release();
    mine.memory = ::operator new(bytes, std::align_val_t{64});
    mine.capacity = bytes;
  }
  return mine.memory;
}

void evaluate_constant(const Request& request) {
  const auto& literal = request.attrs.get<ir::Literal>("value");
  const std::size_t bytes = bytes_of(request.results[0]);
  if (bytes > 0) std::memcpy(request.results[0].data, literal.data(), bytes);
}

void evaluate_print(const Request& request) {
  std::string line = request.attrs.get<std::string>("text");
  if (request.operands.size() > 1) {
    const View& x = request.operands[1];
    line += support::format_tensor(x.dtype, x.shape, x.data);
  }
  std::cout << line << '\n';
}

void evaluate(ir::Opcode opcode, const ir::Attrs& attrs, std::span<const View> operands,
              std::span<const View> results, support::Isa isa) {
  const Request request{opcode, attrs, operands, results, isa};
  using enum ir::Opcode;
  switch (opcode) {
    case matmul: return evaluate_matmul(request);
    case dense: return evaluate_dense(request);
    case sum:
    case prod:
    case mean:
    case var:
    case max:
    case min: return evaluate_reduction(request);
    case argmax:
    case argmin: return evaluate_arg_extreme(request);
    case softmax:
    case log_softmax: return evaluate_softmax(request);
    case layer_norm: return evaluate_layer_norm(request);
    case reshape: return evaluate_reshape(request);
    case transpose: return evaluate_transpose(request);
    case broadcast_to: return evaluate_broadcast(request);
    case concat: return evaluate_concat(request);
    case split: return evaluate_split(request);
    case slice: return evaluate_slice(request);
    case slice_update: return evaluate_slice_update(request);
    case gather: return evaluate_gather(request);
    case one_hot: return evaluate_one_hot(request);
    case narrow: return evaluate_narrow(request);
    case constant: return evaluate_constant(request);
    case random_uniform:
    case random_normal: return evaluate_random(request);
    case print: return evaluate_print(request);
    case call:
    case cond:
    case while_loop:
    case scan:
    case fusion:
      throw InternalError("evaluate: " + std::string(ir::to_string(opcode)) +
                          " is run by interp::run, which knows its function");
    default: return evaluate_elementwise(request);
  }
}

}  // namespace mlpjit::interp
