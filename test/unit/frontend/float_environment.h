#pragma once
// What a call gives in the caller's floating-point environments: rounding modes, flushed denormals,
// unmasked traps. They change no bit and are as they were afterwards.

#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <functional>
#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"

namespace mlpjit::test {

// The bits of MXCSR.
constexpr unsigned kDefault = 0x1f80, kStatus = 0x3f;
struct NamedEnvironment {
  const char* name;
  unsigned control;
};
inline const NamedEnvironment kEnvironments[] = {{"rounding up", 0x5f80},
                                                 {"rounding down", 0x3f80},
                                                 {"rounding toward zero", 0x7f80},
                                                 {"flushing results and operands", 0x9fc0},
                                                 {"flushing results alone", 0x9f80},
                                                 {"flushing operands alone", 0x1fc0},
                                                 {"every trap unmasked", 0x0000},
                                                 {"all at once", 0xe040}};

class Environment {
 public:
  explicit Environment(unsigned control) { _mm_setcsr(control); }
  ~Environment() { _mm_setcsr(kDefault); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
};

// What a call gives, as text and as bits.
struct Outcome {
  Tensors tensors;
  std::string text;
};

struct Entry {
  std::string name;
  std::function<Outcome()> run;
};

inline void expect_the_same_everywhere(const Entry& entry) {
  SCOPED_TRACE(entry.name);
  const Outcome want = entry.run();
  for (const auto& [name, control] : kEnvironments) {
    SCOPED_TRACE(name);
    Outcome got;
    unsigned after = 0;
    {
      const Environment environment(control);
      got = entry.run();
      after = _mm_getcsr();
    }
    EXPECT_EQ(after & ~kStatus, control & ~kStatus) << "is not the caller's any more";
    EXPECT_EQ(got.text, want.text);
    ASSERT_EQ(got.tensors.size(), want.tensors.size());
    for (std::size_t i = 0; i < want.tensors.size(); ++i) {
      EXPECT_TRUE(identical(got.tensors[i], want.tensors[i]))
          << i << ": " << got.tensors[i] << "\nexpected " << want.tensors[i];
    }
  }
}
inline void expect_the_same_everywhere(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) expect_the_same_everywhere(entry);
}

inline std::vector<Backend> backends() {
  std::vector<Backend> all = {Backend::graph};
  try {
    jit([](const Tensor& x) { return x + 1; })(1.f);
    all.push_back(Backend::native);
  } catch (const UnsupportedError&) {
    // Built without LLVM.
  }
  return all;
}

constexpr DType kDTypes[] = {DType::f32, DType::f64, DType::i32, DType::i64};

// Operands whose sums, products and quotients round, or are denormal; denormals and -0 among them.
inline Tensor left(DType dtype) {
  if (dtype == DType::f64) {
    return tensor(
        {{0.1, 5e-324, -1e-310, 3.0}, {-2.5, 1e-300, 1.0 / 3, 1e-160}, {-0.0, 7.0, 1.0, 2.0}});
  }
  if (dtype == DType::f32) {
    return tensor({{0.1f, 1e-45f, -1e-40f, 3.f},
                   {-2.5f, 1e-38f, 1.f / 3, 1e-20f},
                   {-0.f, 5e-39f, 16777217.f, 0.7f}});
  }
  return cast(tensor({{1, -7, 1 << 30, 3}, {5, 16777217, 2, -1}, {0, 9, 77, -3}}), dtype);
}
inline Tensor right(DType dtype) {
  if (dtype == DType::f64) {
    return tensor({{3.0, 0.5, 1e-3, 1e-160}, {1.1, 1e-10, -7.0, 1e-155}, {2e-310, 1e10, 0.3, 0.1}});
  }
  if (dtype == DType::f32) {
    return tensor(
        {{3.f, 0.5f, 1e-3f, 1e-20f}, {1.1f, 1e-3f, -7.f, 1e-22f}, {2e-40f, 1e10f, 0.3f, 1e-45f}});
  }
  return cast(tensor({{3, 2, 7, -5}, {1, 3, -2, 9}, {2, 4, -10, 6}}), dtype);
}

}  // namespace mlpjit::test
