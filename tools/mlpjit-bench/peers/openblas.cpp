// OpenBLAS: a product for each layer that adds to the bias, and the activation as a loop.
#include <algorithm>
#include <cstdlib>

#include "tools/mlpjit-bench/peers/kinds.h"
#include "tools/mlpjit-bench/peers/native.h"
#include "tools/mlpjit-bench/peers/shared_library.h"

namespace mlpjit::bench {
namespace {

enum Order : int { kRowMajor = 101 };
enum Transpose : int { kNoTranspose = 111, kTranspose = 112 };

using Gemv = void(Order, Transpose, int m, int n, float alpha, const float* a, int lda,
                  const float* x, int incx, float beta, float* y, int incy);
using Gemm = void(Order, Transpose, Transpose, int m, int n, int k, float alpha, const float* a,
                  int lda, const float* b, int ldb, float beta, float* c, int ldc);

struct OpenBlas {
  Gemv* gemv;
  Gemm* gemm;
  std::string version;
};

// OpenBLAS knows CPUs by their model, and takes slow kernels for one that is newer than itself.
void name_kernels() {
  constexpr int kKeep = 0;  // what the user has set
  setenv("OPENBLAS_NUM_THREADS", "1", kKeep);
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512bw")) {
    setenv("OPENBLAS_CORETYPE", "SkylakeX", kKeep);
  } else if (__builtin_cpu_supports("avx2")) {
    setenv("OPENBLAS_CORETYPE", "Haswell", kKeep);
  }
#endif
}

// "OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY SkylakeX SINGLE_THREADED": the second word.
std::string openblas_version(const std::string& config) {
  const std::size_t begin = config.find(' ') + 1;
  return config.substr(begin, config.find(' ', begin) - begin);
}

// Null where it is not here.
const OpenBlas* open_openblas() {
  static const std::unique_ptr<const OpenBlas> opened = []() -> std::unique_ptr<OpenBlas> {
    name_kernels();
    const auto library = SharedLibrary::open({"libopenblas.so.0", "libopenblas.so"});
    if (!library) return nullptr;
    std::string version = openblas_version(library->function<char*()>("openblas_get_config")());
    version += std::string(" ") + library->function<char*()>("openblas_get_corename")();
    return std::make_unique<OpenBlas>(OpenBlas{library->function<Gemv>("cblas_sgemv"),
                                               library->function<Gemm>("cblas_sgemm"), version});
  }();
  return opened.get();
}

class OpenBlasPeer final : public PreparedPeer {
 public:
  OpenBlasPeer(const OpenBlas& blas, const Problem& given)
      : PreparedPeer("OpenBLAS", given), blas_(blas) {
    const float* in = x();
    for (const DenseLayer& layer : problem().layers) {
      const bool last = &layer == &problem().layers.back();
      hidden_.emplace_back(last ? 0 : static_cast<std::size_t>(given.batch * layer.outputs));
      float* out = last ? y() : hidden_.back().data();
      steps_.push_back({static_cast<int>(layer.inputs), static_cast<int>(layer.outputs),
                        layer.weight.data<float>().data(), layer.bias.data<float>().data(),
                        layer.activation, in, out});
      in = out;
    }
  }

  void run() override {
    const auto batch = static_cast<int>(problem().batch);
    for (const Step& s : steps_) {
      for (int row = 0; row < batch; ++row)
        std::copy_n(s.bias, s.outputs, s.out + std::ptrdiff_t{row} * s.outputs);
      if (batch == 1) {
        blas_.gemv(kRowMajor, kNoTranspose, s.outputs, s.inputs, 1, s.weight, s.inputs, s.in, 1, 1,
                   s.out, 1);
      } else {
        blas_.gemm(kRowMajor, kNoTranspose, kTranspose, batch, s.outputs, s.inputs, 1, s.in,
                   s.inputs, s.weight, s.inputs, 1, s.out, s.outputs);
      }
      native::activate(s.activation, s.out, static_cast<std::size_t>(batch) * s.outputs);
    }
  }

 private:
  struct Step {
    int inputs, outputs;
    const float *weight, *bias;
    Activation activation;
    const float* in;
    float* out;
  };

  const OpenBlas& blas_;
  std::vector<std::vector<float>> hidden_;
  std::vector<Step> steps_;
};

}  // namespace

PeerKind openblas_kind() {
  if (!native_runs_here()) return {"OpenBLAS", std::nullopt, "build the tool on this CPU", {}};
  const OpenBlas* blas = open_openblas();
  if (blas == nullptr) return {"OpenBLAS", std::nullopt, "libopenblas0-serial", {}};
  return {"OpenBLAS", blas->version, "", {[](const Problem& problem) -> std::unique_ptr<Peer> {
            return std::make_unique<OpenBlasPeer>(*open_openblas(), problem);
          }}};
}

}  // namespace mlpjit::bench
