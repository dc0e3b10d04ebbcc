#pragma once
// The families of ops behind evaluate(), one .cpp file (or a few) each. Operands and results have
// the types that ir::infer() gives; no result is empty where a function says "not empty".

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/interp/interp.h"
#include "lib/support/bytes.h"

namespace mlpjit::interp {

struct Request {
  ir::Opcode opcode;
  const ir::Attrs& attrs;
  std::span<const View> operands;
  std::span<const View> results;
  support::Isa isa;
};

void evaluate_elementwise(const Request& request);
void evaluate_matmul(const Request& request);
void evaluate_dense(const Request& request);
void evaluate_reduction(const Request& request);    // sum prod mean var max min
void evaluate_arg_extreme(const Request& request);  // argmax argmin
void evaluate_softmax(const Request& request);      // softmax log_softmax
void evaluate_layer_norm(const Request& request);
void evaluate_reshape(const Request& request);
void evaluate_transpose(const Request& request);
void evaluate_broadcast(const Request& request);
void evaluate_concat(const Request& request);
void evaluate_split(const Request& request);
void evaluate_slice(const Request& request);
void evaluate_slice_update(const Request& request);
void evaluate_gather(const Request& request);
void evaluate_one_hot(const Request& request);
void evaluate_narrow(const Request& request);
void evaluate_constant(const Request& request);
void evaluate_random(const Request& request);
void evaluate_print(const Request& request);

inline std::size_t bytes_of(const View& view) {
  return support::byte_size(view.dtype, view.shape);
}

// Memory of this thread that kernels use while they run, 64-byte aligned, kept between calls. One
// user at a time.
void* scratch(std::size_t bytes);

}  // namespace mlpjit::interp
