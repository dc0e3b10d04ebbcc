// Prints and side effects: C++ ones happen while tracing only, the print op stays in the program.
// Peers: tensorflow 31362; mlx 2900; pytorch 110886 (they vanish, or appear in another order).

#include <iostream>

#include "pains.h"
#include "test/programs/captured_output.h"

namespace mlpjit {
namespace {

struct HybridNet : nn::HybridBlock {
  nn::Dense hidden = child("hidden", nn::Dense(4));
  nn::Dense output = child("output", nn::Dense(2));
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    std::cout << "module F: " << F << "\n";
    std::cout << "value  x: " << input << "\n";
    Tensor x = F.relu(hidden(input));
    std::cout << "result  : " << x << "\n" << (is_tracing() ? "tracing\n" : "running\n");
    return output(x);
  }
};

class Prints : public test::PainTest {};

TEST_P(Prints, NumbersBeforeSymbolsWhileTracingSilenceAfter) {
  HybridNet net;
  net.initialize(nn::Constant(0.5));
  const Tensor x = ones({1, 3});
  test::CapturedOutput out;
  const Tensor before = net(x);
  EXPECT_EQ(out.take(),
            "module F: mlpjit.array\nvalue  x: [[1. 1. 1.]]\n"
            "result  : [[1.5 1.5 1.5 1.5]]\nrunning\n");
  net.hybridize(options());
  const Tensor traced = net(x);
  EXPECT_EQ(out.take(),
            "module F: mlpjit.symbol\nvalue  x: <symbol %x0: f32[1, 3]>\n"
            "result  : <symbol %3: f32[1, 4]>\ntracing\n");
  const Tensor after = net(x);
  EXPECT_EQ(out.take(), "");
  net.hybridize(false);
  net(x);
  EXPECT_EQ(out.take().substr(0, 22), "module F: mlpjit.array");
  EXPECT_TRUE(identical(before, traced));
  EXPECT_TRUE(identical(before, after));
  EXPECT_FALSE(is_tracing());
}

TEST_P(Prints, ThePrintOpPrintsAtEveryCallInOrder) {
  const auto body = [](Tensor x) {
    print("x", x);
    const Tensors r = while_loop([](const Tensors& s) { return s[0] < 3; },
                                 [](const Tensors& s) {
                                   print("round", s[0]);
                                   return Tensors{s[0] + 1};
                                 },
                                 {tensor(0)});
    cond(
        sum(x) > 0,
        [](Tensor a) {
          print("positive", a);
          return Tensors{};
        },
        [](Tensor) {
          print("not positive");
          return Tensors{};
        },
        {x});
    print("done", r[0]);
    return x + 1;
  };
  test::CapturedOutput out;
  for (const float value : {1.f, -1.f}) {
    const Tensor x = full({2}, value);
    body(x);
    const std::string expected = out.take();
    EXPECT_NE(expected.find("round"), std::string::npos);
    const auto f = jit(body, options());
    for (int call = 0; call < 2; ++call) {
      f(x);
      EXPECT_EQ(out.take(), expected) << call;
    }
  }
}

MLPJIT_PAINS_IN_ALL_MODES(Prints);

}  // namespace
}  // namespace mlpjit
