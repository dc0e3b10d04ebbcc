#include "src/c_api/values.h"

#include <cstdint>
#include <cstring>

#include "mlpjit/create.h"
#include "src/c_api/guard.h"

namespace mlpjit::c_api {
namespace {

template <class T>
bool is_aligned(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data) % alignof(T) == 0;
}

template <class T>
Tensor borrowed(const mlpjit_input& input, const Shape& shape) {
  require(is_aligned<T>(input.data), "data is not aligned to its element");
  return Tensor::borrow(static_cast<const T*>(input.data), shape);
}

const void* elements_of(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::f32: return tensor.data<float>().data();
    case DType::f64: return tensor.data<double>().data();
    case DType::i32: return tensor.data<std::int32_t>().data();
    case DType::i64: return tensor.data<std::int64_t>().data();
    default: return tensor.data<bool>().data();
  }
}

}  // namespace

DType dtype_of(mlpjit_dtype dtype) {
  switch (dtype) {
    case MLPJIT_F32: return DType::f32;
    case MLPJIT_F64: return DType::f64;
    case MLPJIT_I32: return DType::i32;
    case MLPJIT_I64: return DType::i64;
    case MLPJIT_BOOL: return DType::boolean;
    case MLPJIT_STRING: throw BadArgument{"strings, where mlpjit_run() alone takes them"};
  }
  throw BadArgument{"a dtype that is none"};
}
mlpjit_dtype dtype_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return MLPJIT_F32;
    case DType::f64: return MLPJIT_F64;
    case DType::i32: return MLPJIT_I32;
    case DType::i64: return MLPJIT_I64;
    default: return MLPJIT_BOOL;
  }
}

TensorSpec spec_of(const mlpjit_input& input) {
  require(input.rank >= 0 && input.rank <= MLPJIT_MAX_RANK, "a rank of less than 0 or more than 8");
  require(input.rank == 0 || input.sizes != nullptr, "sizes are null");
  TensorSpec spec;
  spec.dtype = dtype_of(input.dtype);
  for (int32_t axis = 0; axis < input.rank; ++axis) {
    require(input.sizes[axis] >= 0, "a size of less than 0");
    spec.shape.push_back(Dim(input.sizes[axis]));
  }
  return spec;
}

Tensor tensor_of(const mlpjit_input& input) {
  const TensorSpec spec = spec_of(input);
  if (spec.shape.size() == 0) return zeros(spec.shape, spec.dtype);
  require(input.data != nullptr, "data is null");
  switch (spec.dtype) {
    case DType::f32: return borrowed<float>(input, spec.shape);
    case DType::f64: return borrowed<double>(input, spec.shape);
    case DType::i32: return borrowed<std::int32_t>(input, spec.shape);
    case DType::i64: return borrowed<std::int64_t>(input, spec.shape);
    default: return borrowed<bool>(input, spec.shape);
  }
}

Tensor coded(const mlpjit_input& input, const nn::SymbolBlock& net, const std::string& name) {
  require(net.is_coded(name), "strings, for an input that is not one of strings");
  mlpjit_input codes = input;
  codes.dtype = MLPJIT_I64;
  Tensor tensor = zeros(spec_of(codes).shape, DType::i64);
  const auto* const strings = static_cast<const char* const*>(input.data);
  require(strings != nullptr || tensor.size() == 0, "data is null");
  require(is_aligned<const char*>(input.data), "data is not aligned to its element");
  std::int64_t i = 0;
  for (std::int64_t& code : tensor.mutable_data<std::int64_t>()) {
    require(strings[i] != nullptr, "a string is null");
    code = net.code(strings[i++]);
  }
  return tensor;
}

std::size_t bytes_of(const TensorSpec& spec) {
  return static_cast<std::size_t>(spec.shape.size()) * size_of(spec.dtype);
}

bool write(const Tensor& result, mlpjit_output& to) {
  to.dtype = dtype_of(result.dtype());
  to.rank = result.rank();
  for (int axis = 0; axis < result.rank(); ++axis) to.sizes[axis] = result.shape()[axis].value();
  const std::size_t bytes = bytes_of({result.dtype(), result.shape()});
  if (bytes > to.bytes) return false;
  if (bytes == 0) return true;
  require(to.data != nullptr, "an output's data is null");
  std::memcpy(to.data, elements_of(result), bytes);
  return true;
}

}  // namespace mlpjit::c_api
