#include "lib/jit/cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <latch>
#include <thread>
#include <vector>

#include "lib/ir/text.h"
#include "mlpjit/error.h"

namespace mlpjit::jit {
namespace {

// An executable that is nothing but its size.
class Sized final : public Executable {
 public:
  explicit Sized(std::size_t bytes, std::atomic<int>* alive = nullptr)
      : bytes_(bytes), alive_(alive) {
    if (alive_ != nullptr) ++*alive_;
  }
  ~Sized() override {
    if (alive_ != nullptr) --*alive_;
  }
  void run(std::span<const Argument>, std::span<const interp::View>) const override {}
  std::span<const ir::Input> inputs() const override { return {}; }
  std::span<const ir::Type> input_types() const override { return {}; }
  std::span<const ir::Type> result_types() const override { return {}; }
  std::span<const std::uint32_t> updated_inputs() const override { return {}; }
  const Report& report() const override { return report_; }
  std::size_t bytes() const override { return bytes_; }

 private:
  std::size_t bytes_;
  std::atomic<int>* alive_;
  Report report_;
};

CacheKey key_of(std::string content) {
  CacheKey key;
  key.content = std::move(content);
  return key;
}

ExecutableCache::Pointer sized(std::size_t bytes) {
  return std::make_shared<const Sized>(bytes);
}

TEST(ExecutableCache, GivesTheSameExecutableForTheSameKey) {
  ExecutableCache cache;
  const auto first = cache.get(key_of("a"), [] { return sized(1); });
  const auto second = cache.get(key_of("a"), []() -> ExecutableCache::Pointer {
    ADD_FAILURE() << "compiled twice";
    return sized(1);
  });
  EXPECT_EQ(first, second);
  EXPECT_EQ(cache.stats().hits, 1u);
  EXPECT_EQ(cache.stats().misses, 1u);
  EXPECT_EQ(cache.stats().compiles, 1u);
  EXPECT_EQ(cache.stats().entries, 1u);
}

TEST(ExecutableCache, ComparesTheWholeKeyWhenHashesCollide) {
  ExecutableCache cache({}, [](const CacheKey&) { return std::uint64_t{7}; });
  const auto a = cache.get(key_of("a"), [] { return sized(1); });
  const auto b = cache.get(key_of("b"), [] { return sized(2); });
  EXPECT_NE(a, b);
  EXPECT_EQ(cache.peek(key_of("a")), a);
  EXPECT_EQ(cache.peek(key_of("b")), b);
  EXPECT_EQ(cache.peek(key_of("c")), nullptr);
}

TEST(ExecutableCache, EveryFieldOfTheKeyCounts) {
  const CacheKey base = key_of("a");
  std::vector<CacheKey> others(8, base);
  others[0].content = "b";
  others[1].backend = Backend::graph;
  others[2].passes.cse = false;
  others[3].target = plan::make_target(support::Isa::avx512);
  others[4].training = true;
  others[5].options = "threads 2";
  others[6].versions = "mlpjit 9";
  others[7].passes.fuse = false;
  for (const CacheKey& other : others) {
    EXPECT_FALSE(other == base);
    EXPECT_NE(hash(other), hash(base));
  }
}

TEST(ExecutableCache, KeysOfGraphsFollowTextAndSettings) {
  const ir::Graph graph = ir::parse("func @main(%a: f32[]) -> (f32[]) {\n  return %a\n}\n");
  Settings settings;
  const CacheKey key = make_key(graph, settings);
  EXPECT_EQ(key, make_key(graph.clone(), settings));
  EXPECT_EQ(key,
            make_key(ir::parse("func @main(%b: f32[]) -> (f32[]) {\n  return %b\n}\n"), settings));
  EXPECT_FALSE(
      key == make_key(ir::parse("func @main(%a: f64[]) -> (f64[]) {\n  return %a\n}\n"), settings));
  settings.backend = Backend::graph;
  EXPECT_FALSE(key == make_key(graph, settings));
  EXPECT_NE(key.versions.find("numerics"), std::string::npos);
}

TEST(ExecutableCache, CompilesOnceForThirtyTwoThreads) {
  ExecutableCache cache;
  std::atomic<int> compiles{0};
  constexpr int kThreads = 32;
  std::barrier start(kThreads);
  std::vector<ExecutableCache::Pointer> got(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      got[i] = cache.get(key_of("shared"), [&] {
        ++compiles;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return sized(8);
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(compiles, 1);
  for (const auto& executable : got) EXPECT_EQ(executable, got[0]);
  EXPECT_EQ(cache.stats().hits, kThreads - 1u);
  EXPECT_EQ(cache.stats().misses, 1u);
}

TEST(ExecutableCache, CompilesOfDifferentKeysDoNotWaitForEachOther) {
  ExecutableCache cache;
  std::latch both(2);
  const auto meet = [&] {
    both.arrive_and_wait();  // passed only when both compiles run at once
    return sized(1);
  };
  std::thread other([&] { cache.get(key_of("a"), meet); });
  cache.get(key_of("b"), meet);
  other.join();
  EXPECT_EQ(cache.stats().compiles, 2u);
}

TEST(ExecutableCache, AFailedCompileReachesAllWaitersAndIsTriedAgain) {
  ExecutableCache cache;
  std::atomic<int> attempts{0}, failures{0};
  constexpr int kThreads = 8;
  std::latch waiting(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      waiting.count_down();
      try {
        cache.get(key_of("bad"), [&]() -> ExecutableCache::Pointer {
          ++attempts;
          waiting.wait();
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
          throw UserError("no");
        });
      } catch (const UserError& error) {
        EXPECT_STREQ(error.what(), "no");
        ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, kThreads);
  EXPECT_EQ(cache.stats().failures, static_cast<std::uint64_t>(attempts));
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_NE(cache.get(key_of("bad"), [] { return sized(1); }), nullptr);
}

TEST(ExecutableCache, NoExecutableIsAFailureToo) {
  ExecutableCache cache;
  EXPECT_THROW(cache.get(key_of("a"), [] { return ExecutableCache::Pointer{}; }), InternalError);
  EXPECT_EQ(cache.peek(key_of("a")), nullptr);
}

TEST(ExecutableCache, ACompileThatAsksForItselfIsAnError) {
  ExecutableCache cache;
  EXPECT_THROW(
      cache.get(key_of("a"), [&] { return cache.get(key_of("a"), [] { return sized(1); }); }),
      InternalError);
}

TEST(ExecutableCache, TheLeastRecentlyUsedGoesFirst) {
  ExecutableCache cache({.max_entries = 2});
  cache.get(key_of("a"), [] { return sized(1); });
  cache.get(key_of("b"), [] { return sized(1); });
  cache.get(key_of("a"), [] { return sized(1); });
  cache.get(key_of("c"), [] { return sized(1); });
  EXPECT_NE(cache.peek(key_of("a")), nullptr);
  EXPECT_EQ(cache.peek(key_of("b")), nullptr);
  EXPECT_NE(cache.peek(key_of("c")), nullptr);
  EXPECT_EQ(cache.stats().evictions, 1u);
  EXPECT_EQ(cache.stats().entries, 2u);
}

TEST(ExecutableCache, BytesAreBoundedButTheNewestStays) {
  ExecutableCache cache({.max_entries = 100, .max_bytes = 100'000});
  for (int i = 0; i < 10; ++i) cache.get(key_of(std::to_string(i)), [] { return sized(40'000); });
  EXPECT_EQ(cache.stats().entries, 2u);
  EXPECT_LE(cache.stats().bytes, 100'000u);
  const auto huge = cache.get(key_of("huge"), [] { return sized(1'000'000); });
  EXPECT_EQ(cache.stats().entries, 1u);
  EXPECT_EQ(cache.peek(key_of("huge")), huge);
}

TEST(ExecutableCache, AnEvictedExecutableLivesWhileItRuns) {
  std::atomic<int> alive{0};
  ExecutableCache cache({.max_entries = 1});
  auto running = cache.get(key_of("a"), [&] { return std::make_shared<const Sized>(1, &alive); });
  cache.get(key_of("b"), [&] { return std::make_shared<const Sized>(1, &alive); });
  EXPECT_EQ(cache.peek(key_of("a")), nullptr);
  EXPECT_EQ(alive, 2);
  running->run({}, {});
  running.reset();
  EXPECT_EQ(alive, 1);
  cache.clear();
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
}

TEST(ExecutableCache, ManyThreadsAndKeysKeepItsBoundsAndCounts) {
  ExecutableCache cache({.max_entries = 5});
  std::atomic<std::uint64_t> made{0}, calls{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 400; ++i) {
        const int which = (i * 7 + t * 3) % 11;
        const auto executable = cache.get(key_of(std::to_string(which)), [&] {
          ++made;
          return sized(static_cast<std::size_t>(which));
        });
        EXPECT_EQ(executable->bytes(), static_cast<std::size_t>(which));
        ++calls;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const CacheStats stats = cache.stats();
  EXPECT_EQ(stats.hits + stats.misses, calls);
  EXPECT_EQ(stats.compiles, made);
  EXPECT_EQ(stats.entries, 5u);
  EXPECT_EQ(stats.compiles - stats.evictions, stats.entries);
}

}  // namespace
}  // namespace mlpjit::jit
