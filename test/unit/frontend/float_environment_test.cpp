// The caller's rounding mode, flushed denormals and unmasked traps change no bit and stay as they
// were, whatever of mlpjit is called.

#include <gtest/gtest.h>

#if defined(__x86_64__)
#include <xmmintrin.h>

#include <sstream>

#include "mlpjit/mlpjit.h"

namespace mlpjit {
namespace {

// The bits of MXCSR: rounding up, down, to zero; denormals flushed and taken for zeros; every trap
// unmasked.
constexpr unsigned kDefault = 0x1f80;
const unsigned kEnvironments[] = {0x5f80, 0x3f80, 0x7f80, 0x9fc0, 0x0000};

class Environment {
 public:
  explicit Environment(unsigned control) { _mm_setcsr(control); }
  ~Environment() { _mm_setcsr(kDefault); }
};

// What a call gives, as text and as bits.
struct Outcome {
  Tensors tensors;
  std::string text;
};

template <class Run>
void expect_the_same_everywhere(const Run& run) {
  const Outcome want = run();
  for (const unsigned control : kEnvironments) {
    Outcome got;
    {
      const Environment environment(control);
      got = run();
      EXPECT_EQ(_mm_getcsr() & ~0x3fU, control & ~0x3fU) << "is not the caller's any more";
    }
    EXPECT_EQ(got.text, want.text) << std::hex << control;
    ASSERT_EQ(got.tensors.size(), want.tensors.size());
    for (std::size_t i = 0; i < want.tensors.size(); ++i)
      EXPECT_TRUE(identical(got.tensors[i], want.tensors[i])) << i << " in " << std::hex << control;
  }
}

TEST(FloatEnvironment, ProgramsAreReadAndWrittenToNearest) {
  const std::string program =
      "func @main(%x: f32[2]) {\n"
      "  %a = constant f32[2] [0.1, 1e-45]\n"
      "  %b = multiply %x, %a\n"
      "  %c = leaky_relu %b {alpha = 0.3}\n"
      "  return %c\n"
      "}\n";
  expect_the_same_everywhere([&] {
    const Graph graph = Graph::parse(program);
    return Outcome{compile(graph, {.backend = Backend::graph})(ones({2})),
                   graph.to_text() + graph.to_dot() + optimize(graph).to_text()};
  });
}

TEST(FloatEnvironment, ParametersAreDrawnToNearest) {
  for (const nn::Initializer& initializer : {nn::Uniform(), nn::Normal(0.3), nn::Xavier(),
                                             nn::Xavier(nn::Draws::normal), nn::Kaiming()}) {
    expect_the_same_everywhere([&] {
      nn::Dense layer(7);
      layer.initialize(initializer);
      const Tensor y = layer(ones({2, 5}));  // the sizes are inferred here
      return Outcome{{y, layer.collect_params()["weight"].data()}, ""};
    });
  }
}

TEST(FloatEnvironment, LayersInTrainingRoundToNearest) {
  expect_the_same_everywhere([&] {
    nn::HybridSequential net;
    net.add(nn::BatchNorm({.momentum = 0.7}), nn::Dropout(0.3), nn::LayerNorm());
    net.initialize();
    random::seed(5);
    const TrainingScope training(true);
    const Tensor y = net(reshape(arange(12) * 0.1, {4, 3}));
    return Outcome{{y, net.collect_params()["0.running_mean"].data()}, ""};
  });
}

TEST(FloatEnvironment, TensorsAreMadeReadAndPrintedToNearest) {
  expect_the_same_everywhere([] {
    const Tensor x = linspace(0, 1, 7), y = arange(0, 1, 0.1, DType::f64), z = tensor(0.1) * 3;
    std::ostringstream out;
    out << x << y << z << full({2}, 1e-40f) << z.item<float>() << " "
        << y.slice(0, 1, 2).item<int>();
    return Outcome{{x, y, z, full({2}, 0.1, DType::f64), eye(3)}, out.str()};
  });
}

TEST(FloatEnvironment, ReportsAreWrittenUnderTraps) {
  auto f = jit([](const Tensor& x) { return tanh(x) * 0.1; }, {.backend = Backend::graph});
  f(ones({3}));
  const Environment environment(0x0000);
  EXPECT_FALSE(to_string(f.explain()).empty());
  EXPECT_FALSE(to_json(f.explain()).empty());
  testing::internal::CaptureStdout();
  {
    const Benchmark timed("x");
  }
  print(tensor({0.1f, 1e-40f}));
  EXPECT_NE(testing::internal::GetCapturedStdout().find("e-40"), std::string::npos);
}

}  // namespace
}  // namespace mlpjit
#endif
