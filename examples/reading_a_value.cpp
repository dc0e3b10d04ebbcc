// What happens when a block reads a value while it is traced, and two ways to write it instead.
#include <mlpjit/mlpjit.h>

#include <iostream>

using namespace mlpjit;

// Divides by its largest input, which it reads into a C++ variable at the first line.
struct Reading : nn::HybridBlock {
  nn::Dense output = child("output", nn::Dense(2));
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    float largest = F.max(input).item<float>();
    return output(input / largest);
  }
};

// The same without leaving the tensors.
struct Computing : nn::HybridBlock {
  nn::Dense output = child("output", nn::Dense(2));
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    Tensor largest = F.max(input);
    return output(input / largest);
  }
};

// A choice by value: where() takes elements of both sides.
struct Choosing : nn::HybridBlock {
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    if (F.sum(input) > 0) return input;
    return -input;
  }
};
struct ChoosingByWhere : nn::HybridBlock {
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    return F.where(F.sum(input) > 0, input, -input);
  }
};

int main() {
  Tensor x = tensor({{1.f, 4.f, 2.f}});

  nn::HybridSequential reading;
  reading.add(nn::Dense(3), Reading());
  reading.initialize();
  std::cout << "imperative: " << reading(x) << "\n";
  reading.hybridize();
  try {
    reading(x);
  } catch (const TraceError& error) {
    std::cout << "hybridized: " << error.what() << "\n";
  }
  reading.hybridize(false);
  std::cout << "imperative again: " << reading(x) << "\n\n";

  nn::HybridSequential computing;
  computing.add(nn::Dense(3), Computing());
  computing.initialize();
  Tensor before = computing(x);
  computing.hybridize();
  std::cout << "mended: " << computing(x)
            << ", the same bits: " << (identical(before, computing(x)) ? "yes" : "no") << "\n\n";

  Choosing choosing;
  choosing.hybridize();
  try {
    choosing(x);
  } catch (const TraceError& error) {
    std::cout << "hybridized: " << error.what() << "\n";
  }
  ChoosingByWhere by_where;
  by_where.hybridize();
  std::cout << "mended: " << by_where(x) << " and " << by_where(-x) << "\n";
}
