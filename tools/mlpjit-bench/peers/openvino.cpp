// OpenVINO, out of its wheel: its CPU plugin for latency, in f32, with memory of ours bound.
#include <algorithm>
#include <stdexcept>
#include <type_traits>

#include "tools/mlpjit-bench/peers/kinds.h"
#include "tools/mlpjit-bench/peers/plain_onnx.h"
#include "tools/mlpjit-bench/peers/shared_library.h"

namespace mlpjit::bench {
namespace {

// OpenVINO's C interface, as far as it is called here.
namespace ov {

struct Core;
struct Model;
struct Compiled;
struct Request;
struct Tensor;
using Status = int;  // 0 is success

struct Version {
  const char* build;
  const char* description;
};
struct Shape {
  std::int64_t rank;
  std::int64_t* sizes;
};
enum ElementType : unsigned { kF32 = 4 };

struct Api {
  explicit Api(const SharedLibrary& library) : from(library) {}
  const SharedLibrary& from;
#define MLPJIT_OV(name, ...) \
  std::add_pointer_t<__VA_ARGS__> name = from.function<__VA_ARGS__>("ov_" #name)
  MLPJIT_OV(get_openvino_version, Status(Version*));
  MLPJIT_OV(version_free, void(Version*));
  MLPJIT_OV(get_last_err_msg, const char*());
  MLPJIT_OV(core_create, Status(Core**));
  MLPJIT_OV(core_read_model_from_memory_buffer,
            Status(const Core*, const char*, std::size_t, const Tensor* weights, Model**));
  MLPJIT_OV(model_free, void(Model*));
  // Properties are pairs of texts; the count is that of the texts.
  MLPJIT_OV(core_compile_model, Status(const Core*, const Model*, const char* device,
                                       std::size_t count, Compiled**, ...));
  MLPJIT_OV(compiled_model_free, void(Compiled*));
  MLPJIT_OV(compiled_model_create_infer_request, Status(const Compiled*, Request**));
  MLPJIT_OV(infer_request_free, void(Request*));
  MLPJIT_OV(tensor_create_from_host_ptr, Status(ElementType, Shape, void*, Tensor**));
  MLPJIT_OV(tensor_free, void(Tensor*));
  MLPJIT_OV(infer_request_set_input_tensor, Status(Request*, const Tensor*));
  MLPJIT_OV(infer_request_set_output_tensor, Status(Request*, const Tensor*));
  MLPJIT_OV(infer_request_infer, Status(Request*));
#undef MLPJIT_OV
};

}  // namespace ov

struct OpenVino {
  std::unique_ptr<SharedLibrary> library;
  ov::Api api;
  std::string version;
  ov::Core* core = nullptr;  // until the program ends

  explicit OpenVino(std::unique_ptr<SharedLibrary> opened)
      : library(std::move(opened)), api(*library) {
    ov::Version v{};
    check(api.get_openvino_version(&v));
    version = v.build;
    version.resize(std::min(version.size(), version.find('-')));  // "2026.4.1-21000-abc"
    api.version_free(&v);
    check(api.core_create(&core));
  }
  void check(ov::Status status) const {
    if (status == 0) return;
    const char* text = api.get_last_err_msg();
    throw std::runtime_error(text != nullptr ? text : "status " + std::to_string(status));
  }
};

// Null where it is not here.
const OpenVino* open_openvino() {
  static const std::unique_ptr<const OpenVino> opened = []() -> std::unique_ptr<OpenVino> {
    auto library = SharedLibrary::open(files_of_wheels("openvino/libs/libopenvino_c.so*"));
    return library ? std::make_unique<OpenVino>(std::move(library)) : nullptr;
  }();
  return opened.get();
}

template <class Handle>
using OvOwned = std::unique_ptr<Handle, void (*)(Handle*)>;

class OpenVinoPeer final : public PreparedPeer {
 public:
  OpenVinoPeer(const OpenVino& openvino, const Problem& given)
      : PreparedPeer("OpenVINO", given),
        openvino_(openvino),
        compiled_(compile(openvino, given)),
        request_(nullptr, openvino.api.infer_request_free),
        input_(tensor(const_cast<float*>(x()), given.layers.front().inputs)),
        output_(tensor(y(), given.layers.back().outputs)) {
    ov::Request* request = nullptr;
    openvino.check(openvino.api.compiled_model_create_infer_request(compiled_.get(), &request));
    request_.reset(request);
    openvino.check(openvino.api.infer_request_set_input_tensor(request, input_.get()));
    openvino.check(openvino.api.infer_request_set_output_tensor(request, output_.get()));
  }

  void run() override { openvino_.check(openvino_.api.infer_request_infer(request_.get())); }

 private:
  static OvOwned<ov::Compiled> compile(const OpenVino& openvino, const Problem& problem) {
    const ov::Api& api = openvino.api;
    const std::string bytes = plain_onnx(problem);
    ov::Model* model = nullptr;
    openvino.check(api.core_read_model_from_memory_buffer(openvino.core, bytes.data(), bytes.size(),
                                                          nullptr, &model));
    const OvOwned<ov::Model> owned_model(model, api.model_free);
    ov::Compiled* compiled = nullptr;
    openvino.check(api.core_compile_model(
        openvino.core, model, "CPU", 8, &compiled, "INFERENCE_NUM_THREADS", "1", "NUM_STREAMS", "1",
        "PERFORMANCE_HINT", "LATENCY", "INFERENCE_PRECISION_HINT", "f32"));
    return {compiled, api.compiled_model_free};
  }
  OvOwned<ov::Tensor> tensor(float* data, std::int64_t columns) const {
    std::int64_t sizes[] = {problem().batch, columns};
    ov::Tensor* made = nullptr;
    openvino_.check(openvino_.api.tensor_create_from_host_ptr(ov::kF32, {2, sizes}, data, &made));
    return {made, openvino_.api.tensor_free};
  }

  const OpenVino& openvino_;
  OvOwned<ov::Compiled> compiled_;
  OvOwned<ov::Request> request_;
  OvOwned<ov::Tensor> input_, output_;
};

}  // namespace

PeerKind openvino_kind() {
  constexpr const char* kName = "OpenVINO";
  if (!writes_onnx()) return {kName, std::nullopt, "libprotozero-dev, configure again", {}};
  const OpenVino* openvino = open_openvino();
  if (openvino == nullptr)
    return {kName, std::nullopt, "pip install openvino, MLPJIT_BENCH_WHEELS=its site-packages", {}};
  return {kName, openvino->version, "", {[](const Problem& problem) -> std::unique_ptr<Peer> {
            return std::make_unique<OpenVinoPeer>(*open_openvino(), problem);
          }}};
}

}  // namespace mlpjit::bench
