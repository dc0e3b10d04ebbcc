// What a trace freezes: C++ values. The audit traces again and lists what came out differently.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

struct Scaled : nn::HybridBlock {
  nn::Dense dense = child("dense", nn::Dense(2));
  int calls = 0;  // a C++ variable: its value at the time of the trace is all the program knows
  Tensor hybrid_forward(const Ops&, const Tensor& input) override {
    ++calls;
    return dense(input * calls);
  }
};

struct ScaledByTensor : nn::HybridBlock {
  nn::Dense dense = child("dense", nn::Dense(2));
  Tensor calls = zeros({}, DType::i64);  // a tensor: an input of the program, updated by it
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    calls += 1;
    return dense(input * F.cast(calls, DType::f32));
  }
};

struct ScaledByMember : nn::HybridBlock {
  float scale = 1;
  Tensor hybrid_forward(const Ops&, const Tensor& input) override { return input * scale; }
};

void print_audit(const nn::HybridBlock& net) {
  const Explanation explanation = net.explain();
  for (const std::string& line : explanation.signatures.at(0).audit)
    std::cout << "  audit: " << line << "\n";
}

template <class Layer>
void show(const char* name) {
  nn::HybridSequential net;
  net.add(Layer());
  net.initialize();
  net.hybridize({.audit = true});
  Tensor x = ones({1, 3});
  std::cout << name << ": " << net(x) << ", then " << net(x) << "\n";
  print_audit(net);
}

int main() {
  show<Scaled>("a C++ counter");
  show<ScaledByTensor>("a tensor that counts");

  ScaledByMember net;
  net.hybridize({.audit = true});
  std::cout << "a member: " << net(ones({3}));
  net.scale = 5;
  std::cout << ", set to 5: " << net(ones({3})) << "\n";
  print_audit(net);
}
