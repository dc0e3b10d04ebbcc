// When a call finds its program and when it needs another one: guards as data, on_recompile, and
// one trace for every batch size.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

nn::HybridSequential get_net() {
  nn::HybridSequential net;
  net.add(nn::Dense(8, {.activation = "relu"}), nn::Dense(2));
  net.initialize();
  return net;
}

int main() {
  auto net = get_net();
  net.hybridize();
  net(ones({1, 4}));
  net(ones({1, 4}));
  net(ones({3, 4}));
  const Explanation explanation = net.explain();
  std::cout << explanation.hits << " hit, " << explanation.misses
            << " misses; the last one because of " << explanation.last_miss << "\n";
  for (const SignatureSummary& signature : explanation.signatures) {
    std::cout << signature.name << "\n";
    for (const Guard& guard : signature.guards)
      std::cout << "  " << guard.subject << ": " << guard.expected << "\n";
  }

  auto strict = get_net();
  strict.hybridize({.on_recompile = OnRecompile::error});
  strict(ones({1, 4}));
  try {
    strict(ones({3, 4}));
  } catch (const UserError& error) {
    std::cout << "\n" << error.what() << "\n";
  }

  auto many = get_net();
  many.hybridize();
  for (int size = 1; size <= 20; ++size) many(ones({size, 4}));
  std::cout << "\n20 batch sizes, " << many.explain().compiles
            << " programs; the latest: " << many.explain().signatures.at(0).name << "\n";

  auto any = get_net();
  Tensor rows = random::normal({7, 4});
  Tensor imperative = any(rows);
  any.hybridize({.batch = Batch::dynamic, .on_recompile = OnRecompile::error});
  any(ones({1, 4}));
  any(ones({0, 4}));
  std::cout << "\nany batch size, the same bits: "
            << (identical(imperative, any(rows)) ? "yes" : "no") << "\n";

  auto centred =
      jit([](Tensor x) { return sum(x, 0) / int(x.shape()[0]); }, {.batch = Batch::dynamic});
  try {
    centred(rows);
  } catch (const TraceError& error) {
    std::cout << error.what() << "\n";
  }

  any.collect_params()["1.bias"].set_data(tensor({10.f, 20.f}));
  std::cout << "new weights, no new program: " << any(zeros({1, 4})) << "\n";
}
