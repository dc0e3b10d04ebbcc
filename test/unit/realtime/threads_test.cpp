// Calls of several threads: the same bits, whoever comes to help, or nobody.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "mlpjit/mlpjit.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// oneTBB is not built with the sanitizer, which does not see how it hands a task over.
extern "C" const char* __tsan_default_suppressions() {
  return "race:TbbExecutor\nrace:Team::Team\nrace:tbb::detail\n";
}
#endif
#endif

namespace mlpjit {
namespace {

// Threads of a host's own. Those of a lazy one wait until they may run.
class HostThreads final : public Executor {
 public:
  explicit HostThreads(bool lazy = false) : may_run_(!lazy) {}
  ~HostThreads() override {
    may_run_ = true;
    may_run_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void run(const std::function<void()>& task, int count) override {
    const std::lock_guard lock(mutex_);
    ++asked_;
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, task] {
        may_run_.wait(false);
        task();
        ++ran_;
      });
    }
  }
  void let_run() {
    may_run_ = true;
    may_run_.notify_all();
  }
  int asked() const { return asked_; }
  int ran() const { return ran_; }

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::atomic<int> asked_{0}, ran_{0};
  std::atomic<bool> may_run_;
};

// Dense layers wide and narrow, a norm, a softmax, chains: each kernel that is divided.
nn::HybridSequential network() {
  nn::HybridSequential net;
  net.add(nn::Dense(384, {.activation = "gelu"}), nn::LayerNorm(), nn::Dense(256), nn::LayerNorm(),
          nn::Dense(512, {.activation = "tanh"}), nn::Dense(3));
  random::seed(3);
  net.initialize();
  return net;
}

// Calls until the network has had its threads.
Tensor called(nn::HybridSequential& net, const Tensor& x, const std::function<bool()>& enough) {
  Tensor y = net(x);
  for (int i = 0; i < 20000 && !enough(); ++i) {
    const Tensor again = net(x);
    EXPECT_TRUE(identical(again, y));
    if (!identical(again, y)) break;
    y = again;
  }
  return y;
}

TEST(Threads, GiveTheSameBits) {
  nn::HybridSequential net = network();
  for (const std::int64_t batch : {1, 7, 64, 301}) {
    const Tensor x = random::normal({batch, 160});
    net.hybridize(false);
    const Tensor expected = net(x);
    for (const int threads : {2, 3, 8}) {
      SCOPED_TRACE(testing::Message() << batch << " rows, " << threads << " threads");
      const auto host = std::make_shared<HostThreads>();
      net.hybridize({.threads = threads, .executor = host});
      int calls = 0;
      const Tensor found = called(net, x, [&] { return host->asked() > 0 && ++calls > 50; });
      EXPECT_TRUE(identical(found, expected));
      EXPECT_GT(host->asked(), 0);
    }
  }
}

TEST(Threads, ThoseOfTheLibraryGiveTheSameBits) {
  nn::HybridSequential net = network();
  const Tensor x = random::normal({64, 160});
  const Tensor expected = net(x);
  net.hybridize({.threads = 2});
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(identical(net(x), expected));
}

TEST(Threads, WhoComesLateOrNeverIsNotWaitedFor) {
  nn::HybridSequential net = network();
  const Tensor x = random::normal({64, 160});
  const Tensor expected = net(x);
  const auto host = std::make_shared<HostThreads>(true);
  net.hybridize({.threads = 2, .executor = host});
  const auto asked = [&] { return host->asked() > 0; };
  EXPECT_TRUE(identical(called(net, x, asked), expected));
  EXPECT_EQ(host->ran(), 0);
  // Nor is it asked for over and over.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < end) net(x);
  EXPECT_LE(host->asked(), 6);
  host->let_run();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(identical(net(x), expected));
}

TEST(Threads, AnExecutorMayFail) {
  class Failing final : public Executor {
   public:
    void run(const std::function<void()>&, int) override {
      ++asked;
      throw std::runtime_error("no threads today");
    }
    int asked = 0;
  };
  nn::HybridSequential net = network();
  const Tensor x = random::normal({64, 160});
  const Tensor expected = net(x);
  const auto host = std::make_shared<Failing>();
  net.hybridize({.threads = 2, .executor = host});
  const auto asked = [&] { return host->asked > 0; };
  EXPECT_TRUE(identical(called(net, x, asked), expected));
  EXPECT_GT(host->asked, 0);
}

TEST(Threads, AreOneToMostThreads) {
  nn::HybridSequential net = network();
  for (const int threads : {0, -1, HybridizeOptions::kMostThreads + 1, INT_MAX}) {
    EXPECT_THROW(net.hybridize({.threads = threads}), UserError) << threads;
  }
  net.hybridize({.threads = HybridizeOptions::kMostThreads});
  const Tensor x = random::normal({300, 160});
  const Tensor y = net(x);
  net.hybridize(false);
  EXPECT_TRUE(identical(y, net(x)));
}

// The host's code runs within: when it is asked for threads, and where its executor ends.
TEST(Threads, ExecutorsMayCallFunctionsOfOthers) {
  class Nested final : public Executor {
   public:
    explicit Nested(std::function<void()> calls) : calls_(std::move(calls)) {}
    ~Nested() override { calls_(); }
    void run(const std::function<void()>&, int) override {
      if (!std::exchange(inside_, true)) calls_();
      inside_ = false;
    }

   private:
    std::function<void()> calls_;
    bool inside_ = false;
  };
  class Never final : public Executor {
   public:
    void run(const std::function<void()>&, int) override {}
  };
  const auto body = [w = random::normal({256, 160})](const Tensor& x) { return tanh(dense(x, w)); };
  const Tensor x = random::normal({300, 160});
  std::thread([&] {
    const auto others = [&] {
      for (int i = 0; i < 6; ++i)
        jit(body, {.threads = 2, .executor = std::make_shared<Never>()})(x);
    };
    const Tensor expected = body(x);
    for (int i = 0; i < 6; ++i) {
      auto function = jit(body, {.threads = 2, .executor = std::make_shared<Nested>(others)});
      for (int k = 0; k < 20; ++k) EXPECT_TRUE(identical(function(x), expected));
    }
  }).join();
}

TEST(Threads, SmallWorkAsksForNone) {
  nn::HybridSequential net;
  net.add(nn::Dense(16, {.activation = "tanh"}), nn::Dense(2));
  net.initialize();
  const auto host = std::make_shared<HostThreads>();
  net.hybridize({.threads = 2, .executor = host});
  const Tensor x = random::normal({1, 8});
  for (int i = 0; i < 5000; ++i) net(x);
  EXPECT_EQ(host->asked(), 0);
}

TEST(Threads, GoWhenNoCallComes) {
  nn::HybridSequential net = network();
  const Tensor x = random::normal({64, 160});
  const auto host = std::make_shared<HostThreads>();
  net.hybridize({.threads = 2, .executor = host});
  called(net, x, [&] { return host->asked() > 0; });
  for (int i = 0; i < 5000 && host->ran() == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GT(host->ran(), 0);
}

TEST(Threads, ManyCallersShareOneNetwork) {
  nn::HybridSequential net = network();
  const Tensor x = random::normal({64, 160});
  const Tensor expected = net(x);
  const auto host = std::make_shared<HostThreads>();
  net.hybridize({.threads = 3, .executor = host});
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      for (int k = 0; k < 200; ++k) wrong += identical(net(x), expected) ? 0 : 1;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

// A child has the thread that forked it, and no other.
TEST(Threads, AForkedProcessGoesOn) {
  nn::HybridSequential net = network();
  const Tensor x = random::normal({64, 160});
  const Tensor expected = net(x);
  net.hybridize({.threads = 2});
  for (int i = 0; i < 200; ++i) net(x);
  const pid_t child = fork();
  if (child == 0) {
    bool same = true;
    for (int i = 0; i < 200; ++i) same = same && identical(net(x), expected);
    _exit(same ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(identical(net(x), expected));
}

}  // namespace
}  // namespace mlpjit
