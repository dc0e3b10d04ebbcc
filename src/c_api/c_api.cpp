// The C interface: each function turns what it is given into calls of the C++ one, and what those
// throw into a status and a text of the thread.

#include "mlpjit/c_api.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "lib/support/thread_object.h"
#include "mlpjit/mlpjit.h"
#include "src/model/import_file.h"

using mlpjit::DType;
using mlpjit::Shape;
using mlpjit::Tensor;
using mlpjit::Tensors;
using mlpjit::TensorSpec;

namespace mlpjit::detail {

// What an input or output is: its type, and its sizes as text, for callers to keep.
struct Port {
  std::string name;
  TensorSpec spec;
  std::vector<std::string> sizes;
  bool known = true;
};

}  // namespace mlpjit::detail

using mlpjit::detail::Port;

namespace {

Port port_of(const std::string& name, const TensorSpec& spec) {
  Port port{name, spec, {}, true};
  for (int axis = 0; axis < spec.shape.rank(); ++axis)
    port.sizes.push_back(mlpjit::to_string(spec.shape[axis]));
  return port;
}

struct LastError {
  mlpjit_status status = MLPJIT_OK;
  std::string text;
};
LastError& last() {
  struct OfTheCInterface;
  return mlpjit::support::thread_object<LastError, OfTheCInterface>();
}

struct BadArgument {
  const char* what;
};

mlpjit_status failed(mlpjit_status status, const char* text) noexcept {
  LastError& error = last();
  error.status = status;
  try {
    error.text = text;
  } catch (...) {
    error.text.clear();
  }
  return status;
}

// The exception that is being handled.
mlpjit_status failed() noexcept {
  try {
    throw;
  } catch (const BadArgument& error) {
    return failed(MLPJIT_BAD_ARGUMENT, error.what);
  } catch (const mlpjit::FormatError& error) {
    return failed(MLPJIT_BAD_FORMAT, error.what());
  } catch (const mlpjit::ShapeError& error) {
    return failed(MLPJIT_BAD_SHAPE, error.what());
  } catch (const mlpjit::DTypeError& error) {
    return failed(MLPJIT_BAD_DTYPE, error.what());
  } catch (const mlpjit::ValueError& error) {
    return failed(MLPJIT_BAD_VALUE, error.what());
  } catch (const mlpjit::MemoryError& error) {
    return failed(MLPJIT_NO_MEMORY, error.what());
  } catch (const mlpjit::UnsupportedError& error) {
    return failed(MLPJIT_UNSUPPORTED, error.what());
  } catch (const mlpjit::UserError& error) {
    return failed(MLPJIT_ERROR, error.what());
  } catch (const std::bad_alloc&) {
    return failed(MLPJIT_NO_MEMORY, "no memory");
  } catch (const std::exception& error) {
    return failed(MLPJIT_INTERNAL, error.what());
  } catch (...) {
    return failed(MLPJIT_INTERNAL, "an exception of another kind");
  }
}

// Runs `f`; what it throws is the thread's last error, and `otherwise` comes back.
template <class T, class F>
T guarded(T otherwise, F f) noexcept {
  try {
    T result = f();
    last().status = MLPJIT_OK;
    last().text.clear();
    return result;
  } catch (...) {
    failed();
    return otherwise;
  }
}

template <class F>
mlpjit_status status_of(F f) noexcept {
  try {
    f();
  } catch (...) {
    return failed();
  }
  last().status = MLPJIT_OK;
  last().text.clear();
  return MLPJIT_OK;
}

void require(bool holds, const char* what) {
  if (!holds) throw BadArgument{what};
}

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
    spec.shape.push_back(mlpjit::Dim(input.sizes[axis]));
  }
  return spec;
}

template <class T>
Tensor borrowed(const mlpjit_input& input, const Shape& shape) {
  require(reinterpret_cast<std::uintptr_t>(input.data) % alignof(T) == 0,
          "data is not aligned to its element");
  return Tensor::borrow(static_cast<const T*>(input.data), shape);
}

Tensor tensor_of(const mlpjit_input& input) {
  const TensorSpec spec = spec_of(input);
  if (spec.shape.size() == 0) return mlpjit::zeros(spec.shape, spec.dtype);
  require(input.data != nullptr, "data is null");
  switch (spec.dtype) {
    case DType::f32: return borrowed<float>(input, spec.shape);
    case DType::f64: return borrowed<double>(input, spec.shape);
    case DType::i32: return borrowed<std::int32_t>(input, spec.shape);
    case DType::i64: return borrowed<std::int64_t>(input, spec.shape);
    default: return borrowed<bool>(input, spec.shape);
  }
}

// The codes of strings.
Tensor coded(const mlpjit_input& input, const mlpjit::nn::SymbolBlock& net,
             const std::string& name) {
  require(net.is_coded(name), "strings, for an input that is not one of strings");
  mlpjit_input codes = input;
  codes.dtype = MLPJIT_I64;
  Tensor tensor = mlpjit::zeros(spec_of(codes).shape, DType::i64);
  const auto* const strings = static_cast<const char* const*>(input.data);
  require(strings != nullptr || tensor.size() == 0, "data is null");
  std::int64_t i = 0;
  for (std::int64_t& code : tensor.mutable_data<std::int64_t>()) {
    require(strings[i] != nullptr, "a string is null");
    code = net.code(strings[i++]);
  }
  return tensor;
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

std::size_t bytes_of(const TensorSpec& spec) {
  return static_cast<std::size_t>(spec.shape.size()) * mlpjit::size_of(spec.dtype);
}

// Whether it fits; what it is, is written in any case.
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

mlpjit_options settled(const mlpjit_options* given) {
  mlpjit_options options{};
  if (given == nullptr) return options;
  require(given->struct_size >= sizeof(size_t), "struct_size of the options is not set");
  // A caller of an older header has fewer members, one of a newer more.
  std::memcpy(&options, given, std::min(given->struct_size, sizeof options));
  require(options.threads >= 0 && options.threads <= 1024,
          "threads of less than 0 or more than 1024");
  return options;
}

}  // namespace

struct mlpjit_model {
  mlpjit_model(mlpjit::nn::SymbolBlock block, const mlpjit_options& options)
      : net(std::move(block)) {
    for (const mlpjit::TensorSpec& spec : net.input_specs())
      inputs.push_back(port_of(net.input_names()[inputs.size()], spec));
    // Where the network hangs on values of inputs, its results are known at a call only.
    const std::vector<TensorSpec> results = net.output_specs();
    for (const std::string& name : net.output_names()) {
      const std::size_t i = outputs.size();
      outputs.push_back(i < results.size() ? port_of(name, results[i]) : Port{name, {}, {}, false});
    }
    net.hybridize(
        {.backend = options.interpret != 0 ? mlpjit::Backend::graph : mlpjit::Backend::native,
         .batch = options.exact_batch != 0 ? mlpjit::Batch::exact : mlpjit::Batch::dynamic,
         .threads = std::max(options.threads, 1)});
  }

  mlpjit::nn::SymbolBlock net;
  std::vector<Port> inputs, outputs;
};

struct mlpjit_bound {
  mlpjit::BoundCall call;
  std::vector<TensorSpec> inputs, outputs;
  // What a call hands on: made before, as nothing is allocated in it.
  std::vector<mlpjit::BoundInput> from;
  std::vector<mlpjit::BoundOutput> to;
};

namespace {

mlpjit::nn::LoadOptions load_options(const mlpjit_options& options) {
  mlpjit::nn::LoadOptions load;
  load.cast = options.cast_halves != 0;
  load.verify = options.no_checks == 0;
  return load;
}

std::string_view view_of(const void* bytes, size_t size) {
  return {static_cast<const char*>(bytes), size};
}

// A port of a model that is there.
const Port& port(const mlpjit_model* model, std::vector<Port> mlpjit_model::* ports, size_t index) {
  require(model != nullptr, "the model is null");
  require(index < (model->*ports).size(), "there is no such input or output");
  return (model->*ports)[index];
}

bool has_axis(const Port& of, int32_t axis) {
  return axis >= 0 && axis < of.spec.shape.rank();
}

int32_t rank_of(const Port& of) {
  return of.known ? of.spec.shape.rank() : -1;
}

int64_t size_of_axis(const Port& of, int32_t axis) {
  if (!has_axis(of, axis)) return -2;
  const mlpjit::Dim size = of.spec.shape[axis];
  return size.is_static() ? size.value() : -1;
}

}  // namespace

extern "C" {

const char* mlpjit_version_string(void) {
  return mlpjit::version().data();
}
uint32_t mlpjit_c_api_version(void) {
  return MLPJIT_C_API_VERSION;
}

const char* mlpjit_last_error(void) {
  return last().text.c_str();
}
mlpjit_status mlpjit_last_status(void) {
  return last().status;
}

const char* mlpjit_status_text(mlpjit_status status) {
  static constexpr const char* kTexts[] = {"ok",        "bad argument", "bad format", "bad shape",
                                           "bad dtype", "bad value",    "no memory",  "unsupported",
                                           "too small", "error",        "internal"};
  const auto place = static_cast<unsigned>(status);
  return place < std::size(kTexts) ? kTexts[place] : "no status";
}

size_t mlpjit_dtype_bytes(mlpjit_dtype dtype) {
  return guarded<size_t>(0, [&] {
    return dtype == MLPJIT_STRING ? sizeof(const char*) : mlpjit::size_of(dtype_of(dtype));
  });
}

mlpjit_model* mlpjit_load(const char* model_file, const char* parameter_file,
                          const mlpjit_options* options) {
  return guarded<mlpjit_model*>(nullptr, [&] {
    require(model_file != nullptr, "model_file is null");
    const mlpjit_options settings = settled(options);
    const mlpjit::nn::LoadOptions load = load_options(settings);
    using mlpjit::nn::SymbolBlock;
    return new mlpjit_model(parameter_file == nullptr
                                ? SymbolBlock::imports(model_file, load)
                                : SymbolBlock::imports(model_file, parameter_file, load),
                            settings);
  });
}

mlpjit_model* mlpjit_load_memory(const void* model, size_t model_bytes, const void* parameters,
                                 size_t parameter_bytes, const mlpjit_options* options) {
  return guarded<mlpjit_model*>(nullptr, [&] {
    require(model != nullptr, "model is null");
    const mlpjit_options settings = settled(options);
    const mlpjit::nn::LoadOptions load = load_options(settings);
    const std::string_view bytes = view_of(model, model_bytes);
    const char* const name = "(memory)";
    return new mlpjit_model(
        parameters == nullptr
            ? mlpjit::detail::import_bytes(bytes, name, load)
            : mlpjit::detail::import_pair(bytes, view_of(parameters, parameter_bytes), name, load),
        settings);
  });
}

void mlpjit_free(mlpjit_model* model) {
  delete model;
}

size_t mlpjit_input_count(const mlpjit_model* model) {
  return model == nullptr ? 0 : model->inputs.size();
}
size_t mlpjit_output_count(const mlpjit_model* model) {
  return model == nullptr ? 0 : model->outputs.size();
}

// The same questions of inputs and of outputs.
#define MLPJIT_PORT_FUNCTIONS(kind, ports)                                                        \
  const char* mlpjit_##kind##_name(const mlpjit_model* model, size_t index) {                     \
    return guarded<const char*>(nullptr, [&] { return port(model, ports, index).name.c_str(); }); \
  }                                                                                               \
  mlpjit_dtype mlpjit_##kind##_dtype(const mlpjit_model* model, size_t index) {                   \
    return guarded(MLPJIT_F32, [&] { return dtype_of(port(model, ports, index).spec.dtype); });   \
  }                                                                                               \
  int32_t mlpjit_##kind##_rank(const mlpjit_model* model, size_t index) {                         \
    return guarded<int32_t>(-1, [&] { return rank_of(port(model, ports, index)); });              \
  }                                                                                               \
  int64_t mlpjit_##kind##_size(const mlpjit_model* model, size_t index, int32_t axis) {           \
    return guarded<int64_t>(-2, [&] { return size_of_axis(port(model, ports, index), axis); });   \
  }                                                                                               \
  const char* mlpjit_##kind##_size_text(const mlpjit_model* model, size_t index, int32_t axis) {  \
    return guarded<const char*>(nullptr, [&]() -> const char* {                                   \
      const Port& of = port(model, ports, index);                                                 \
      return has_axis(of, axis) ? of.sizes[static_cast<size_t>(axis)].c_str() : nullptr;          \
    });                                                                                           \
  }
MLPJIT_PORT_FUNCTIONS(input, &mlpjit_model::inputs)
MLPJIT_PORT_FUNCTIONS(output, &mlpjit_model::outputs)
#undef MLPJIT_PORT_FUNCTIONS

size_t mlpjit_class_count(const mlpjit_model* model) {
  return model == nullptr ? 0 : model->net.classes().size();
}
const char* mlpjit_class_name(const mlpjit_model* model, size_t index) {
  return guarded<const char*>(nullptr, [&] {
    require(model != nullptr, "the model is null");
    require(index < model->net.classes().size(), "there is no such class");
    return model->net.classes()[index].c_str();
  });
}
int mlpjit_is_coded(const mlpjit_model* model, const char* name) {
  return model != nullptr && name != nullptr && model->net.is_coded(name) ? 1 : 0;
}
int64_t mlpjit_code(const mlpjit_model* model, const char* text) {
  return model == nullptr || text == nullptr ? -1 : model->net.code(text);
}
const char* mlpjit_string_of_code(const mlpjit_model* model, int64_t code) {
  if (model == nullptr || code < 0) return nullptr;
  const std::vector<std::string>& strings = model->net.strings();
  const auto place = static_cast<std::size_t>(code);
  return place < strings.size() ? strings[place].c_str() : nullptr;
}

mlpjit_status mlpjit_run(mlpjit_model* model, const mlpjit_input* inputs, size_t input_count,
                         mlpjit_output* outputs, size_t output_count) {
  std::size_t too_small = 0;
  const mlpjit_status status = status_of([&] {
    require(model != nullptr, "the model is null");
    require(inputs != nullptr || input_count == 0, "inputs are null");
    require(outputs != nullptr || output_count == 0, "outputs are null");
    require(input_count == model->inputs.size(), "not as many inputs as the model has");
    require(output_count == model->outputs.size(), "not as many outputs as the model has");
    Tensors arguments;
    for (size_t i = 0; i < input_count; ++i) {
      arguments.push_back(inputs[i].dtype == MLPJIT_STRING
                              ? coded(inputs[i], model->net, model->inputs[i].name)
                              : tensor_of(inputs[i]));
    }
    const Tensors results = model->net(arguments);
    for (size_t i = 0; i < output_count; ++i) {
      if (!write(results[i], outputs[i])) ++too_small;
    }
  });
  if (status == MLPJIT_OK && too_small > 0)
    return failed(MLPJIT_TOO_SMALL, "an output does not fit in its buffer");
  return status;
}

mlpjit_bound* mlpjit_bind(mlpjit_model* model, const mlpjit_input* inputs, size_t input_count) {
  return guarded<mlpjit_bound*>(nullptr, [&] {
    require(model != nullptr, "the model is null");
    require(inputs != nullptr || input_count == 0, "inputs are null");
    require(input_count == model->inputs.size(), "not as many inputs as the model has");
    std::vector<TensorSpec> specs;
    for (size_t i = 0; i < input_count; ++i) specs.push_back(spec_of(inputs[i]));
    mlpjit::BoundCall call = model->net.bind(specs);
    const auto given = call.inputs(), gives = call.outputs();
    auto bound = std::make_unique<mlpjit_bound>(mlpjit_bound{
        std::move(call), {given.begin(), given.end()}, {gives.begin(), gives.end()}, {}, {}});
    for (const TensorSpec& spec : bound->inputs) bound->from.emplace_back(spec.dtype, nullptr);
    for (const TensorSpec& spec : bound->outputs) bound->to.emplace_back(spec.dtype, nullptr);
    return bound.release();
  });
}

void mlpjit_bound_free(mlpjit_bound* bound) {
  delete bound;
}

size_t mlpjit_bound_output_count(const mlpjit_bound* bound) {
  return bound == nullptr ? 0 : bound->outputs.size();
}
mlpjit_dtype mlpjit_bound_output_dtype(const mlpjit_bound* bound, size_t index) {
  if (index >= mlpjit_bound_output_count(bound)) return MLPJIT_F32;
  return dtype_of(bound->outputs[index].dtype);
}
int32_t mlpjit_bound_output_rank(const mlpjit_bound* bound, size_t index) {
  return index < mlpjit_bound_output_count(bound) ? bound->outputs[index].shape.rank() : -1;
}
int64_t mlpjit_bound_output_size(const mlpjit_bound* bound, size_t index, int32_t axis) {
  if (axis < 0 || axis >= mlpjit_bound_output_rank(bound, index)) return -2;
  return bound->outputs[index].shape[axis].value();
}
size_t mlpjit_bound_output_bytes(const mlpjit_bound* bound, size_t index) {
  if (bound == nullptr || index >= bound->outputs.size()) return 0;
  return bytes_of(bound->outputs[index]);
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
