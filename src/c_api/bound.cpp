// The C interface to bound calls.

#include <memory>
#include <utility>
#include <vector>

#include "mlpjit/c_api.h"
#include "src/c_api/guard.h"
#include "src/c_api/handles.h"
#include "src/c_api/values.h"

using mlpjit::c_api::bytes_of;
using mlpjit::c_api::dtype_of;
using mlpjit::c_api::guarded;
using mlpjit::c_api::require;
using mlpjit::c_api::spec_of;

namespace {

const mlpjit::TensorSpec& output(const mlpjit_bound* bound, size_t index) {
  require(bound != nullptr, "the bound call is null");
  require(index < bound->outputs.size(), "there is no such output");
  return bound->outputs[index];
}

}  // namespace

extern "C" {

mlpjit_bound* mlpjit_bind(mlpjit_model* model, const mlpjit_input* inputs, size_t input_count) {
  return guarded<mlpjit_bound*>(nullptr, [&] {
    require(model != nullptr, "the model is null");
    require(inputs != nullptr || input_count == 0, "inputs are null");
    require(input_count == model->inputs.size(), "not as many inputs as the model has");
    std::vector<mlpjit::TensorSpec> specs;
    for (size_t i = 0; i < input_count; ++i) specs.push_back(spec_of(inputs[i]));
    mlpjit::BoundCall call = model->net.bind(specs);
    const auto given = call.inputs(), gives = call.outputs();
    auto bound = std::make_unique<mlpjit_bound>(mlpjit_bound{
        std::move(call), {given.begin(), given.end()}, {gives.begin(), gives.end()}, {}, {}});
    for (const mlpjit::TensorSpec& spec : bound->inputs)
      bound->from.emplace_back(spec.dtype, nullptr);
    for (const mlpjit::TensorSpec& spec : bound->outputs)
      bound->to.emplace_back(spec.dtype, nullptr);
    return bound.release();
  });
}

void mlpjit_bound_free(mlpjit_bound* bound) {
  delete bound;
}

size_t mlpjit_bound_output_count(const mlpjit_bound* bound) {
  return guarded<size_t>(0, [&] {
    require(bound != nullptr, "the bound call is null");
    return bound->outputs.size();
  });
}
mlpjit_dtype mlpjit_bound_output_dtype(const mlpjit_bound* bound, size_t index) {
  return guarded(MLPJIT_F32, [&] { return dtype_of(output(bound, index).dtype); });
}
int32_t mlpjit_bound_output_rank(const mlpjit_bound* bound, size_t index) {
  return guarded<int32_t>(-1, [&] { return output(bound, index).shape.rank(); });
}
int64_t mlpjit_bound_output_size(const mlpjit_bound* bound, size_t index, int32_t axis) {
  return guarded<int64_t>(-2, [&] {
    const mlpjit::Shape& shape = output(bound, index).shape;
    require(axis >= 0 && axis < shape.rank(), "there is no such axis");
    return shape[axis].value();
  });
}
size_t mlpjit_bound_output_bytes(const mlpjit_bound* bound, size_t index) {
  return guarded<size_t>(0, [&] { return bytes_of(output(bound, index)); });
}

mlpjit_status mlpjit_bound_run(mlpjit_bound* bound, const void* const* inputs, size_t input_count,
                               void* const* outputs, size_t output_count) {
  if (bound == nullptr || (inputs == nullptr && input_count > 0) ||
      (outputs == nullptr && output_count > 0) || input_count != bound->inputs.size() ||
      output_count != bound->outputs.size()) {
    return MLPJIT_BAD_ARGUMENT;
  }
  for (size_t i = 0; i < input_count; ++i)
    bound->from[i] = mlpjit::BoundInput(bound->inputs[i].dtype, inputs[i]);
  for (size_t i = 0; i < output_count; ++i)
    bound->to[i] = mlpjit::BoundOutput(bound->outputs[i].dtype, outputs[i]);
  switch (bound->call.run(bound->from.data(), input_count, bound->to.data(), output_count)) {
    case mlpjit::Status::ok: return MLPJIT_OK;
    case mlpjit::Status::failed: return MLPJIT_INTERNAL;
    default: return MLPJIT_BAD_ARGUMENT;
  }
}

}  // extern "C"
