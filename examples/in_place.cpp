// Updates in place inside compiled code: the caller's tensors, captured tensors and slices change
// as they do imperatively; what cannot be done soundly is an error that says what to write.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

// Adds to its first argument, and overwrites the middle of the second.
Tensor update(Tensor total, Tensor row) {
  total += row;
  Tensor same = total;  // a second handle of the same tensor
  same *= 2;
  row.slice(0, 1, 2).assign(0);
  return total - row;
}

int main() {
  Tensor total = tensor({1.f, 2.f, 3.f}), row = tensor({10.f, 20.f, 30.f});
  Tensor total2 = total.copy(), row2 = row.copy();

  Tensor result = update(total, row);
  std::cout << "imperative: total " << total << ", row " << row << ", result " << result << "\n";
  auto fast = jit(update);
  Tensor result2 = fast(total2, row2);
  std::cout << "compiled:   total " << total2 << ", row " << row2 << ", result " << result2 << "\n";

  Tensor both = tensor({1.f, 2.f, 3.f}), both2 = both.copy();
  update(both, both);
  fast(both2, both2);
  std::cout << "one tensor passed twice: " << both << " and " << both2 << "\n\n";

  std::cout << "the program:\n" << trace(update, f32({3}), f32({3})) << "\n";

  Tensor calls = zeros({}, DType::i64);
  auto counted = jit([calls](Tensor x) mutable {
    calls += 1;
    return x * 2;
  });
  for (int i = 0; i < 3; ++i) counted(total);
  std::cout << "a captured counter after three calls: " << calls << "\n\n";

  const auto report = [](auto&& call) {
    try {
      call();
    } catch (const TraceError& error) {
      std::cout << error.what() << "\n";
    }
  };
  Tensor state = zeros({3});  // assigned in C++, not updated in place
  report([&] {
    jit([&](Tensor x) {
      state = state + x;
      return state;
    })(total);
  });
  Tensor number = 0;  // a C++ scalar, not yet of a dtype
  report([&] { jit([number](Tensor x) mutable { return number += x; })(1.f); });
  report([&] { jit([](Tensor x) { return x.mutable_data<float>()[0] = 1, x; })(total); });
  Tensor kept;
  report([&] {
    jit([&](Tensor x) {
      Tensors y =
          cond(max(x) > 0, [&](Tensor a) { return kept = a * 2; }, [](Tensor a) { return a; }, {x});
      return y[0] + kept;
    })(total);
  });
}
