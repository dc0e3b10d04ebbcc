// A process ends while code is compiled, or because of it: destructors of static objects, handlers
// of std::atexit and threads that are still at work compile to the very end. Each end is a process
// of its own.

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>

#include "mlpjit/mlpjit.h"

namespace mlpjit {
namespace {

constexpr int kRight = 7, kWrong = 8;

// Traces, compiles and runs a program that nobody had before.
bool compiles(int size) {
  auto f = jit([](const Tensor& x) { return softmax(matmul(x, ones({4, 3})) + 1.f, 1); });
  const Tensor x = full({size, 4}, 0.5f);
  const Tensor imperative = softmax(matmul(x, ones({4, 3})) + 1.f, 1);
  return identical(f(x), imperative) && f.explain().compiles == 1;
}

// Runs `last` when it is destroyed.
struct AtEnd {
  std::function<void()> last;
  ~AtEnd() {
    if (last) last();
  }
};

void leave(bool right) {
  _exit(right ? kRight : kWrong);
}

class ProcessEndDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(ProcessEndDeathTest, AHandlerOfAtexitCompiles) {
  EXPECT_EXIT(
      {
        std::atexit([] { leave(compiles(3)); });
        if (!compiles(2)) _exit(kWrong);
        std::exit(0);
      },
      testing::ExitedWithCode(kRight), "");
}

TEST_F(ProcessEndDeathTest, ADestructorOfAnObjectMadeBeforeTheFirstCompileCompiles) {
  EXPECT_EXIT(
      {
        static AtEnd made_first{[] { leave(compiles(3)); }};
        if (!compiles(2)) _exit(kWrong);
        std::exit(0);
      },
      testing::ExitedWithCode(kRight), "");
}

TEST_F(ProcessEndDeathTest, TheFirstCompileOfAllMayBeTheLastThing) {
  EXPECT_EXIT(
      {
        static AtEnd made_first{[] { leave(compiles(3)); }};
        std::exit(0);
      },
      testing::ExitedWithCode(kRight), "");
}

TEST_F(ProcessEndDeathTest, ProgramsOfStaticObjectsAreFreedAndWarnedOfAtTheEnd) {
  EXPECT_EXIT(
      {
        static AtEnd made_first{[] {
          auto f = jit([](const Tensor& x) { return x + 1; },
                       {.on_recompile = OnRecompile::warn, .dynamic_batch_after = 0});
          for (int size = 1; size < 4; ++size) f(ones({size}));
          leave(true);
        }};
        static auto late = jit([](const Tensor& x) { return x * 2; });
        late(ones({3}));
        auto warned = jit([](const Tensor& x) { return x - 1; },
                          {.on_recompile = OnRecompile::warn, .dynamic_batch_after = 0});
        for (int size = 1; size < 3; ++size) warned(ones({size}));
        std::exit(0);
      },
      testing::ExitedWithCode(kRight), "a call needs a new compile");
}

TEST_F(ProcessEndDeathTest, AThreadStillCompilesWhenTheProcessEnds) {
  for (int round = 0; round < 30; ++round) {
    EXPECT_EXIT(
        {
          static AtEnd last{[] {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            leave(true);
          }};
          compiles(1);
          std::thread([] {
            for (int size = 1;; size = size % 50 + 1) {
              if (!compiles(size)) _exit(kWrong);
            }
          }).detach();
          std::this_thread::sleep_for(std::chrono::milliseconds(5 + round));
          std::exit(0);
        },
        testing::ExitedWithCode(kRight), "");
  }
}

}  // namespace
}  // namespace mlpjit
