// Timer measures laps, as the chapter's does.

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "mlpjit/benchmark.h"

namespace mlpjit {
namespace {

void wait() {
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

TEST(Timer, MeasuresLaps) {
  Timer timer;
  EXPECT_EQ(timer.sum(), 0);
  EXPECT_EQ(timer.avg(), 0);
  EXPECT_TRUE(timer.cumsum().empty());
  wait();
  const double first = timer.stop();
  EXPECT_GE(first, 0.05);
  timer.start();
  const double second = timer.stop();
  EXPECT_LT(second, first) << "start() begins anew";
  EXPECT_EQ(timer.laps(), (std::vector<double>{first, second}));
  EXPECT_EQ(timer.sum(), first + second);
  EXPECT_EQ(timer.avg(), (first + second) / 2);
  EXPECT_EQ(timer.cumsum(), (std::vector<double>{first, first + second}));
}

TEST(Timer, SecondsGoOnAndResetForgets) {
  Timer timer;
  wait();
  const double now = timer.seconds();
  EXPECT_GE(now, 0.05);
  EXPECT_GE(timer.seconds(), now);
  EXPECT_TRUE(timer.laps().empty());
  timer.stop();
  timer.reset();
  EXPECT_TRUE(timer.laps().empty());
  EXPECT_LT(timer.seconds(), now);
}

}  // namespace
}  // namespace mlpjit
