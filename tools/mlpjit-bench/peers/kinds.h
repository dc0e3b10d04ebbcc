#pragma once
// What the registry and the files of the peers share.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/mlpjit-bench/peers/activation.h"
#include "tools/mlpjit-bench/peers/peer.h"

namespace mlpjit::bench {

struct DenseLayer {
  std::int64_t inputs = 0, outputs = 0;
  Tensor weight, bias;  // [outputs, inputs] and [outputs]
  Activation activation = Activation::none;
};

// What a peer is prepared for. Networks of f32 only, with activations that peers know.
struct Problem {
  std::vector<DenseLayer> layers;
  Activation activation = Activation::none;  // of all layers but the last
  Tensor input;
  std::int64_t batch = 0;
};

// What most peers have: the problem, and an output that keeps its place.
class PreparedPeer : public Peer {
 public:
  PreparedPeer(std::string name, const Problem& problem);
  std::string name() const override { return name_; }
  Tensor output() const override { return output_; }

 protected:
  const Problem& problem() const { return problem_; }
  const float* x() const { return x_; }
  float* y() const { return y_; }

 private:
  const std::string name_;
  const Problem problem_;
  Tensor output_;
  const float* x_;
  float* y_;
};

// Null where the peer is not here or cannot run that. May throw.
using MakePeer = std::unique_ptr<Peer> (*)(const Problem&);

struct PeerKind {
  std::string name;
  // The version, empty where it is not known; nothing where the peer is not here.
  std::optional<std::string> version;
  std::string remedy;  // how to get it
  std::vector<MakePeer> makers;
};

PeerKind onednn_kind();
PeerKind openblas_kind();
PeerKind eigen_kind();
PeerKind libxsmm_kind();
PeerKind xnnpack_kind();
PeerKind plain_kind();
PeerKind onnxruntime_kind();
PeerKind openvino_kind();

}  // namespace mlpjit::bench
