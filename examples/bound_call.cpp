// Hard real time: a call that is bound to its sizes, its weights and its memory does nothing but the
// arithmetic. Another thread replaces the weights meanwhile.
#include <mlpjit/mlpjit.h>

#include <array>
#include <iostream>
#include <thread>

using namespace mlpjit;

int main() {
  nn::HybridSequential policy;
  policy.add(nn::Dense(64, {.activation = "tanh", .in_units = 27}),
             nn::Dense(64, {.activation = "tanh", .in_units = 64}), nn::Dense(6, {.in_units = 64}));
  policy.initialize();

  BoundCall run = policy.bind({f32({1, 27})});  // compiles, packs, touches its pages
  std::array<float, 27> observation{};
  std::array<float, 6> action{};
  observation.fill(0.5f);

  // The control loop: no allocation, no lock, no exception, no system call.
  const Status status = run({observation}, {action});
  std::cout << "the call ended " << to_string(status) << "\n";

  // What comes of training is published in one step: each call sees all of the old or all of the new.
  std::thread trainer([&] {
    TensorMap weights;
    for (const auto& [path, parameter] : policy.collect_params())
      weights[path] = zeros(parameter.shape());
    policy.set_parameters(weights);
  });
  trainer.join();
  run({observation}, {action});
  std::cout << "with weights of zero: " << action[0] << "\n";

  // Buffers that do not fit are told, not thrown.
  std::array<float, 5> small{};
  std::cout << "a buffer of five: " << to_string(run({observation}, {small})) << "\n";

  // What takes time that nobody can tell is refused when it is bound.
  try {
    struct Talkative : nn::HybridBlock {
      Tensor hybrid_forward(const Ops& F, const Tensor& x) override {
        F.print("x", x);
        return F.relu(x);
      }
    } talkative;
    talkative.bind({f32({1, 3})});
  } catch (const UserError& error) {
    std::cout << error.what() << "\n";
  }
}
