#include "tools/mlpjit-bench/peers/kernel_peers.h"

#include <utility>

namespace mlpjit::bench {
namespace {

class EigenKernel final : public Peer {
 public:
  EigenKernel(native::KernelRun run, const KernelProblem& problem)
      : run_(run), problem_(problem), output_(zeros(problem.result)) {
    for (const Tensor& input : problem_.inputs) inputs_.push_back(input.data<float>().data());
    to_ = output_.mutable_data<float>().data();
  }
  std::string name() const override { return "Eigen"; }
  void run() override { run_(inputs_.data(), problem_.sizes.data(), to_); }
  Tensor output() const override { return output_; }

 private:
  native::KernelRun run_;
  const KernelProblem problem_;
  Tensor output_;
  std::vector<const float*> inputs_;
  float* to_;
};

}  // namespace

std::vector<std::unique_ptr<Peer>> make_kernel_peers(const KernelProblem& problem) {
  std::vector<std::unique_ptr<Peer>> peers;
  const native::KernelRun eigen =
      native_runs_here() ? native::eigen_kernel(problem.kernel) : nullptr;
  if (eigen != nullptr) peers.push_back(std::make_unique<EigenKernel>(eigen, problem));
  if (auto peer = make_onednn_kernel(problem)) peers.push_back(std::move(peer));
  return peers;
}

}  // namespace mlpjit::bench
