// ONNX Runtime, out of its wheel: all optimisations, and input and output bound to memory of ours.
#include <stdexcept>

#include "tools/mlpjit-bench/peers/kinds.h"
#include "tools/mlpjit-bench/peers/plain_onnx.h"
#include "tools/mlpjit-bench/peers/shared_library.h"

namespace mlpjit::bench {
namespace {

// The library exports one function. It leads to a table of functions, to which versions only add:
// an index means the same in all of them. The wheel has no header, so those called stand here.
namespace ort {

struct Status;
struct Env;
struct SessionOptions;
struct Session;
struct MemoryInfo;
struct Value;

struct ApiBase {
  const void* const* (*table)(std::uint32_t version);
  const char* (*version)();
};
constexpr std::uint32_t kOldestVersion = 1;

template <std::size_t kIndex, class Signature>
struct Entry;
template <std::size_t kIndex, class Result, class... Arguments>
struct Entry<kIndex, Result(Arguments...)> {
  const void* const* table;
  Result operator()(Arguments... arguments) const {
    return reinterpret_cast<Result (*)(Arguments...)>(const_cast<void*>(table[kIndex]))(
        arguments...);
  }
};

enum LoggingLevel : int { kError = 3 };
enum Optimisations : int { kAll = 99 };
enum Allocator : int { kDevice = 0 };
enum MemoryKind : int { kDefault = 0 };
enum ElementType : int { kFloat = 1 };

struct Api {
  explicit Api(const void* const* t) : table(t) {}
  const void* const* table;
  Entry<2, const char*(const Status*)> message{table};
  Entry<3, Status*(LoggingLevel, const char* id, Env**)> create_env{table};
  Entry<8, Status*(const Env*, const void* model, std::size_t, const SessionOptions*, Session**)>
      create_session{table};
  Entry<9, Status*(Session*, const void* options, const char* const* input_names,
                   const Value* const* inputs, std::size_t, const char* const* output_names,
                   std::size_t, Value** outputs)>
      run{table};
  Entry<10, Status*(SessionOptions**)> create_options{table};
  Entry<23, Status*(SessionOptions*, Optimisations)> optimise{table};
  Entry<24, Status*(SessionOptions*, int)> set_threads_within_ops{table};
  Entry<25, Status*(SessionOptions*, int)> set_threads_across_ops{table};
  Entry<49, Status*(const MemoryInfo*, void*, std::size_t, const std::int64_t* shape, std::size_t,
                    ElementType, Value**)>
      create_tensor{table};
  Entry<69, Status*(Allocator, MemoryKind, MemoryInfo**)> create_memory_info{table};
  Entry<93, void(Status*)> release_status{table};
  Entry<94, void(MemoryInfo*)> release_memory_info{table};
  Entry<95, void(Session*)> release_session{table};
  Entry<96, void(Value*)> release_value{table};
  Entry<100, void(SessionOptions*)> release_options{table};
};

}  // namespace ort

struct OnnxRuntime {
  ort::Api api;
  std::string version;
  ort::Env* env = nullptr;  // until the program ends

  void check(ort::Status* status) const {
    if (status == nullptr) return;
    const std::string text = api.message(status);
    api.release_status(status);
    throw std::runtime_error(text);
  }
};

// Null where it is not here.
const OnnxRuntime* open_onnxruntime() {
  static const std::unique_ptr<const OnnxRuntime> opened = []() -> std::unique_ptr<OnnxRuntime> {
    const auto library =
        SharedLibrary::open(files_of_wheels("onnxruntime/capi/libonnxruntime.so*"));
    if (!library) return nullptr;
    const auto* base = library->function<const ort::ApiBase*()>("OrtGetApiBase")();
    auto runtime = std::make_unique<OnnxRuntime>(
        OnnxRuntime{ort::Api(base->table(ort::kOldestVersion)), base->version()});
    runtime->check(runtime->api.create_env(ort::kError, "mlpjit-bench", &runtime->env));
    return runtime;
  }();
  return opened.get();
}

template <class Handle>
using OrtOwned = std::unique_ptr<Handle, std::function<void(Handle*)>>;

class OnnxRuntimePeer final : public PreparedPeer {
 public:
  OnnxRuntimePeer(const OnnxRuntime& runtime, const Problem& given)
      : PreparedPeer("ONNX Runtime", given), runtime_(runtime), model_(plain_onnx(given)) {
    const ort::Api& api = runtime.api;
    ort::SessionOptions* options = nullptr;
    runtime.check(api.create_options(&options));
    const OrtOwned<ort::SessionOptions> owned_options(options, api.release_options);
    runtime.check(api.optimise(options, ort::kAll));
    runtime.check(api.set_threads_within_ops(options, 1));
    runtime.check(api.set_threads_across_ops(options, 1));
    ort::Session* session = nullptr;
    runtime.check(api.create_session(runtime.env, model_.data(), model_.size(), options, &session));
    session_ = {session, api.release_session};
    ort::MemoryInfo* memory = nullptr;
    runtime.check(api.create_memory_info(ort::kDevice, ort::kDefault, &memory));
    memory_ = {memory, api.release_memory_info};
    input_ = tensor(const_cast<float*>(x()), given.layers.front().inputs);
    output_ = tensor(y(), given.layers.back().outputs);
  }

  void run() override {
    const ort::Value* inputs[] = {input_.get()};
    ort::Value* outputs[] = {output_.get()};
    runtime_.check(runtime_.api.run(session_.get(), nullptr, &kOnnxInput, inputs, 1, &kOnnxOutput,
                                    1, outputs));
  }

 private:
  OrtOwned<ort::Value> tensor(float* data, std::int64_t columns) const {
    const std::int64_t shape[] = {problem().batch, columns};
    const auto bytes = static_cast<std::size_t>(shape[0] * shape[1]) * sizeof(float);
    ort::Value* value = nullptr;
    runtime_.check(
        runtime_.api.create_tensor(memory_.get(), data, bytes, shape, 2, ort::kFloat, &value));
    return {value, runtime_.api.release_value};
  }

  const OnnxRuntime& runtime_;
  const std::string model_;
  OrtOwned<ort::Session> session_;
  OrtOwned<ort::MemoryInfo> memory_;
  OrtOwned<ort::Value> input_, output_;
};

}  // namespace

PeerKind onnxruntime_kind() {
  constexpr const char* kName = "ONNX Runtime";
  if (!writes_onnx()) return {kName, std::nullopt, "libprotozero-dev, configure again", {}};
  const OnnxRuntime* runtime = open_onnxruntime();
  if (runtime == nullptr)
    return {
        kName, std::nullopt, "pip install onnxruntime, MLPJIT_BENCH_WHEELS=its site-packages", {}};
  return {kName, runtime->version, "", {[](const Problem& problem) -> std::unique_ptr<Peer> {
            return std::make_unique<OnnxRuntimePeer>(*open_onnxruntime(), problem);
          }}};
}

}  // namespace mlpjit::bench
