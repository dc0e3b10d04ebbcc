// Text that a traced function makes is C++: what it says at the trace, it says for ever. Values have
// no text then; sizes of a symbolic batch are told of. Peers: tensorflow 31362, mlx 2900.

#include <sstream>

#include "pains.h"

namespace mlpjit {
namespace {

class FrozenText : public test::PainTest {};

std::string text_of(const Tensor& x) {
  std::ostringstream out;
  out << x;
  return out.str();
}

TEST_P(FrozenText, TensorsFromOutsideHaveNoNumbersWhileTracing) {
  const Tensor c = full({2}, 7.f);
  std::string before, after, made;
  const auto f = jit(
      [&](Tensor x) {
        before = text_of(c);
        Tensor y = x * c;
        after = text_of(c);
        made = text_of(full({2}, 3.f));
        return y;
      },
      options());
  f(ones({2}));
  EXPECT_EQ(before, "<symbol: f32[2]>");
  EXPECT_EQ(after, "<symbol %0: f32[2]>");
  EXPECT_EQ(made, "[3. 3.]");  // a constant of the program
  EXPECT_EQ(text_of(c), "[7. 7.]");
}

// The text of the size goes into the program.
TEST_P(FrozenText, TextOfTheBatchSizeKeepsSizesExactUnlessTheyWereAskedToBeDynamic) {
  const auto body = [](const Tensor& x) {
    print("shape " + to_string(x.shape()) + ": ", sum(x));
    return x + 1;
  };
  const auto printed = [](const auto& call) {
    testing::internal::CaptureStdout();
    call();
    return testing::internal::GetCapturedStdout();
  };
  HybridizeOptions few = options();
  few.dynamic_batch_after = 1;
  const auto f = jit([&](Tensor x) { return body(x); }, few);
  for (const int rows : {1, 2, 3, 2, 1}) {
    const Tensor x = ones({rows, 2});
    EXPECT_EQ(printed([&] { f(x); }), printed([&] { body(x); }));
  }
  EXPECT_NE(f.explain().exact_batch.find("text was made of a size"), std::string::npos)
      << f.explain();

  HybridizeOptions dynamic = options();
  dynamic.batch = Batch::dynamic;
  const auto g = jit([&](Tensor x) { return body(x); }, dynamic);
  testing::internal::CaptureStderr();
  g(ones({3, 2}));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("jit: text was made of a size that is a symbol"), std::string::npos) << log;
  ASSERT_EQ(g.explain().signatures[0].audit.size(), 1u);
  EXPECT_NE(g.explain().signatures[0].audit[0].find("it says B"), std::string::npos);
  const auto quiet = jit([](Tensor x) { return x + static_cast<float>(text_of(x).size() > 0); },
                         dynamic);  // the text of a symbol, which nobody takes for numbers
  quiet(ones({3, 2}));
  EXPECT_TRUE(quiet.explain().signatures[0].audit.empty());
}

TEST_P(FrozenText, ARowWithoutABatchIsToldThatItsFeaturesWereTakenForOne) {
  HybridizeOptions dynamic = options();
  dynamic.batch = Batch::dynamic;
  nn::HybridSequential net;
  net.add(nn::Dense(3));
  net.initialize();
  net(ones({1, 4}));
  net.hybridize(dynamic);
  EXPECT_ERROR(TraceError, net(ones({4})), "layer '0'", "axis 0 of argument 0, [4]",
               "for the batch size B", "one row is [1, 4]");
  EXPECT_EQ(net(ones({2, 4})).shape(), (Shape{2, 3}));
}

MLPJIT_PAINS_IN_ALL_MODES(FrozenText);

}  // namespace
}  // namespace mlpjit
