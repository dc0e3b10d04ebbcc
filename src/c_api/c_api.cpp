// The C interface to models: each function turns what it is given into calls of the C++ one.

#include "mlpjit/c_api.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"
#include "src/c_api/guard.h"
#include "src/c_api/handles.h"
#include "src/c_api/values.h"
#include "src/model/import_file.h"

using mlpjit::c_api::coded;
using mlpjit::c_api::dtype_of;
using mlpjit::c_api::failed;
using mlpjit::c_api::guarded;
using mlpjit::c_api::Port;
using mlpjit::c_api::require;
using mlpjit::c_api::status_of;
using mlpjit::c_api::tensor_of;
using mlpjit::c_api::write;

namespace {

Port port_of(const std::string& name, const mlpjit::TensorSpec& spec) {
  Port port{name, spec, {}, true};
  for (int axis = 0; axis < spec.shape.rank(); ++axis)
    port.sizes.push_back(mlpjit::to_string(spec.shape[axis]));
  return port;
}

mlpjit_options settled(const mlpjit_options* given) {
  mlpjit_options options{};
  if (given == nullptr) return options;
  require(given->struct_size >= sizeof(size_t), "struct_size of the options is not set");
  // A caller of an older header has fewer members, one of a newer more.
  std::memcpy(&options, given, std::min(given->struct_size, sizeof options));
  require(options.threads >= 0 && options.threads <= mlpjit::HybridizeOptions::kMostThreads,
          "threads of less than 0 or more than 128");
  return options;
}

mlpjit::nn::LoadOptions load_options(const mlpjit_options& options) {
  mlpjit::nn::LoadOptions load;
  load.cast = options.cast_halves != 0;
  load.verify = options.no_checks == 0;
  return load;
}

std::string_view view_of(const void* bytes, size_t size) {
  return {static_cast<const char*>(bytes), size};
}

const mlpjit_model& there(const mlpjit_model* model) {
  require(model != nullptr, "the model is null");
  return *model;
}

// A port of a model that is there.
const Port& port(const mlpjit_model* model, std::vector<Port> mlpjit_model::* ports, size_t index) {
  const std::vector<Port>& of = there(model).*ports;
  require(index < of.size(), "there is no such input or output");
  return of[index];
}

int32_t rank_of(const Port& of) {
  return of.known ? of.spec.shape.rank() : -1;
}

void require_axis(const Port& of, int32_t axis) {
  require(axis >= 0 && axis < of.spec.shape.rank(), "there is no such axis");
}

int64_t size_of_axis(const Port& of, int32_t axis) {
  require_axis(of, axis);
  const mlpjit::Dim size = of.spec.shape[axis];
  return size.is_static() ? size.value() : -1;
}

}  // namespace

mlpjit_model::mlpjit_model(mlpjit::nn::SymbolBlock block, const mlpjit_options& options)
    : net(std::move(block)) {
  for (const mlpjit::TensorSpec& spec : net.input_specs())
    inputs.push_back(port_of(net.input_names()[inputs.size()], spec));
  // Where the network hangs on values of inputs, its results are known at a call only.
  const std::vector<mlpjit::TensorSpec> results = net.output_specs();
  for (const std::string& name : net.output_names()) {
    const std::size_t i = outputs.size();
    outputs.push_back(i < results.size() ? port_of(name, results[i]) : Port{name, {}, {}, false});
  }
  net.hybridize(
      {.backend = options.interpret != 0 ? mlpjit::Backend::graph : mlpjit::Backend::native,
       .batch = options.exact_batch != 0 ? mlpjit::Batch::exact : mlpjit::Batch::dynamic,
       .threads = std::max(options.threads, 1)});
}

extern "C" {

const char* mlpjit_version_string(void) {
  return mlpjit::version().data();
}
uint32_t mlpjit_c_api_version(void) {
  return MLPJIT_C_API_VERSION;
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
  return guarded<size_t>(0, [&] { return there(model).inputs.size(); });
}
size_t mlpjit_output_count(const mlpjit_model* model) {
  return guarded<size_t>(0, [&] { return there(model).outputs.size(); });
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
    return guarded<const char*>(nullptr, [&] {                                                    \
      const Port& of = port(model, ports, index);                                                 \
      require_axis(of, axis);                                                                     \
      return of.sizes[static_cast<size_t>(axis)].c_str();                                         \
    });                                                                                           \
  }
MLPJIT_PORT_FUNCTIONS(input, &mlpjit_model::inputs)
MLPJIT_PORT_FUNCTIONS(output, &mlpjit_model::outputs)
#undef MLPJIT_PORT_FUNCTIONS

size_t mlpjit_class_count(const mlpjit_model* model) {
  return guarded<size_t>(0, [&] { return there(model).net.classes().size(); });
}
const char* mlpjit_class_name(const mlpjit_model* model, size_t index) {
  return guarded<const char*>(nullptr, [&] {
    require(index < there(model).net.classes().size(), "there is no such class");
    return model->net.classes()[index].c_str();
  });
}
int mlpjit_is_coded(const mlpjit_model* model, const char* name) {
  return guarded(0, [&] {
    require(name != nullptr, "the name is null");
    return there(model).net.is_coded(name) ? 1 : 0;
  });
}
int64_t mlpjit_code(const mlpjit_model* model, const char* text) {
  return guarded<int64_t>(-1, [&] {
    require(text != nullptr, "the text is null");
    return there(model).net.code(text);
  });
}
const char* mlpjit_string_of_code(const mlpjit_model* model, int64_t code) {
  return guarded<const char*>(nullptr, [&] {
    const std::vector<std::string>& strings = there(model).net.strings();
    const auto place = static_cast<std::size_t>(code);
    require(code >= 0 && place < strings.size(), "there is no string of this code");
    return strings[place].c_str();
  });
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
    mlpjit::Tensors arguments;
    for (size_t i = 0; i < input_count; ++i) {
      arguments.push_back(inputs[i].dtype == MLPJIT_STRING
                              ? coded(inputs[i], model->net, model->inputs[i].name)
                              : tensor_of(inputs[i]));
    }
    const mlpjit::Tensors results = model->net(arguments);
    for (size_t i = 0; i < output_count; ++i) {
      if (!write(results[i], outputs[i])) ++too_small;
    }
  });
  if (status == MLPJIT_OK && too_small > 0)
    return failed(MLPJIT_TOO_SMALL, "an output does not fit in its buffer");
  return status;
}

}  // extern "C"
