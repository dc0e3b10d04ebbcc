// Branches and loops that depend on values: cond, while_loop and scan mean the same imperatively,
// as a graph and compiled, where they are real branches and loops.
#include <mlpjit/mlpjit.h>

#include <iostream>
#include <utility>

using namespace mlpjit;

// Only one of the two sides runs.
Tensor shrink(Tensor x) {
  return cond(
      max(abs(x)) > 1, [](Tensor y) { return y / max(abs(y)); }, [](Tensor y) { return y; }, x);
}

// Newton's iteration for the square root, until the square is near enough: the number of rounds is
// known at run time only.
Tensors square_root(Tensor x) {
  return while_loop([&](Tensor y, Tensor) { return max(abs(y * y - x)) > 1e-5f; },
                    [&](Tensor y, Tensor rounds) {
                      Tensor next = (y + x / y) / 2;
                      return std::pair(next, rounds + 1);
                    },
                    {ones_like(x), 0}, /*max_iterations=*/100);
}

// A running mean over the rows of xs: the carry is the mean so far, each y the mean after a row.
std::pair<Tensor, Tensor> running_mean(Tensor xs) {
  return scan(
      [](Tensor mean, Tensor row) {
        Tensor next = mean * 0.75f + row * 0.25f;
        return std::pair(next, next);
      },
      zeros({2}), xs);
}

int main() {
  Tensor small = tensor({0.5f, -0.25f}), large = tensor({2.f, -8.f});
  auto fast_shrink = jit(shrink);
  std::cout << "cond: " << fast_shrink(small) << " and " << fast_shrink(large) << "\n";

  Tensor x = tensor({4.f, 2.f, 100.f});
  auto fast_root = jit(square_root);
  Tensors roots = fast_root(x);
  std::cout << "while_loop: " << roots[0] << " after " << roots[1] << " rounds\n";

  Tensor xs = tensor({{1.f, 0.f}, {1.f, 4.f}, {1.f, 8.f}});
  auto fast_mean = jit(running_mean);
  auto [mean, means] = fast_mean(xs);
  std::cout << "scan: " << mean << " after\n" << means << "\n\n";

  bool same =
      identical(shrink(small), fast_shrink(small)) && identical(shrink(large), fast_shrink(large));
  Tensors imperative = square_root(x);
  for (int i = 0; i < 2; ++i) same = same && identical(imperative[i], roots[i]);
  same = same && identical(running_mean(xs).second, means);
  std::cout << "the same bits imperatively: " << (same ? "yes" : "no") << "\n\n";

  std::cout << "the program of the loop:\n" << trace(square_root, f32({3})) << "\n";

  try {
    jit([](Tensor y) {
      return while_loop([](Tensor z) { return sum(z) < 100; },
                        [](Tensor z) { return concat({z, z}); }, {y});
    })(x);
  } catch (const ShapeError& error) {
    std::cout << error.what() << "\n";
  }
}
