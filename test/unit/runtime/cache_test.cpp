#include "lib/runtime/cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <latch>
#include <thread>
#include <vector>

#include "mlpjit/error.h"

namespace mlpjit::runtime {
namespace {

// A value that is nothing but its size.
class Sized {
 public:
  explicit Sized(std::size_t bytes, std::atomic<int>* alive = nullptr)
      : bytes_(bytes), alive_(alive) {
    if (alive_ != nullptr) ++*alive_;
  }
  ~Sized() {
    if (alive_ != nullptr) --*alive_;
  }
  Sized(const Sized&) = delete;
  Sized& operator=(const Sized&) = delete;
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
  std::atomic<int>* alive_;
};

class TestCache : public Cache<std::string, Sized> {
 public:
  explicit TestCache(CacheBounds bounds = {}, Hash hash = std::hash<std::string>())
      : Cache(bounds, std::move(hash)) {}
  Pointer held(const std::string& key) const {
    for (const Listed& item : list()) {
      if (item.key == key) return item.value;
    }
    return nullptr;
  }
};

TestCache::Pointer sized(std::size_t bytes) {
  return std::make_shared<const Sized>(bytes);
}

TEST(Cache, GivesTheSameExecutableForTheSameKey) {
  TestCache cache;
  const auto first = cache.get("a", [] { return sized(1); });
  const auto second = cache.get("a", []() -> TestCache::Pointer {
    ADD_FAILURE() << "compiled twice";
    return sized(1);
  });
  EXPECT_EQ(first, second);
  EXPECT_EQ(cache.stats().hits, 1u);
  EXPECT_EQ(cache.stats().misses, 1u);
  EXPECT_EQ(cache.stats().compiles, 1u);
  EXPECT_EQ(cache.stats().entries, 1u);
}

TEST(Cache, ComparesTheWholeKeyWhenHashesCollide) {
  TestCache cache({}, [](const std::string&) { return std::uint64_t{7}; });
  const auto a = cache.get("a", [] { return sized(1); });
  const auto b = cache.get("b", [] { return sized(2); });
  EXPECT_NE(a, b);
  EXPECT_EQ(cache.held("a"), a);
  EXPECT_EQ(cache.held("b"), b);
  EXPECT_EQ(cache.held("c"), nullptr);
}

TEST(Cache, EveryFieldOfABuildCounts) {
  Settings settings;
  settings.isa = support::Isa::avx2;
  const BuildKey base = build_key(settings);
  std::vector<BuildKey> others(5, base);
  others[0].backend = Backend::graph;
  others[1].passes.cse = false;
  others[2].passes.fuse = false;
  others[3].target = plan::make_target(support::Isa::avx512);
  others[4].versions = "mlpjit 9";
  for (const BuildKey& other : others) {
    EXPECT_FALSE(other == base);
    EXPECT_NE(hash(other), hash(base));
  }
  EXPECT_EQ(base, build_key(settings));
  for (const char* part : {"mlpjit ", "numerics ", "abi ", "llvm "})
    EXPECT_NE(base.versions.find(part), std::string::npos) << base.versions;
}

TEST(Cache, CompilesOnceForThirtyTwoThreads) {
  TestCache cache;
  std::atomic<int> compiles{0};
  constexpr int kThreads = 32;
  std::barrier start(kThreads);
  std::vector<TestCache::Pointer> got(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      got[i] = cache.get("shared", [&] {
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

TEST(Cache, CompilesOfDifferentKeysDoNotWaitForEachOther) {
  TestCache cache;
  std::latch both(2);
  const auto meet = [&] {
    both.arrive_and_wait();  // passed only when both compiles run at once
    return sized(1);
  };
  std::thread other([&] { cache.get("a", meet); });
  cache.get("b", meet);
  other.join();
  EXPECT_EQ(cache.stats().compiles, 2u);
}

TEST(Cache, AFailedCompileReachesAllWaitersAndIsTriedAgain) {
  TestCache cache;
  std::atomic<int> attempts{0}, failures{0};
  constexpr int kThreads = 8;
  std::latch waiting(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      waiting.count_down();
      try {
        cache.get("bad", [&]() -> TestCache::Pointer {
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
  EXPECT_NE(cache.get("bad", [] { return sized(1); }), nullptr);
}

TEST(Cache, AMakeThatAsksForItselfGetsNothing) {
  TestCache cache;
  cache.get("a", [&] {
    EXPECT_EQ(cache.get("a", [] { return sized(1); }), nullptr);
    return sized(2);
  });
  EXPECT_EQ(cache.held("a")->bytes(), 2u);
}

TEST(Cache, AKeyMayHoldSeveralValuesThatTheCallerTellsApart) {
  TestCache cache;
  const auto get = [&](std::size_t bytes) {
    return cache.get(
        "a", [&](const Sized& value) { return value.bytes() == bytes; },
        [](const TestCache::Keys&, bool) {}, [&] { return sized(bytes); });
  };
  const auto one = get(1), two = get(2);
  EXPECT_EQ(get(1), one);
  EXPECT_EQ(get(2), two);
  EXPECT_EQ(cache.stats().entries, 2u);
  EXPECT_EQ(cache.stats().hits, 2u);
}

TEST(Cache, AMissIsToldWhatIsThereAndMayRefuse) {
  TestCache cache;
  std::vector<std::string> latest;
  const auto get = [&](const std::string& key) {
    return cache.get(
        key, [](const Sized&) { return true; },
        [&](const TestCache::Keys& keys, bool) {
          latest.push_back(keys.empty() ? "none" : *keys.front());
          if (key == "forbidden") throw UserError("no");
        },
        [] { return sized(1); });
  };
  get("a");
  get("b");
  get("a");
  EXPECT_THROW(get("forbidden"), UserError);
  EXPECT_EQ(latest, (std::vector<std::string>{"none", "a", "a"}));
  EXPECT_EQ(cache.stats().misses, 3u);
  EXPECT_EQ(cache.stats().entries, 2u);
}

TEST(Cache, TheLatestIsFoundWithoutAKey) {
  TestCache cache;
  const auto any = [](const std::string&, const Sized&) { return true; };
  EXPECT_EQ(cache.latest(any), nullptr);
  cache.get("a", [] { return sized(1); });
  const auto b = cache.get("b", [] { return sized(1); });
  EXPECT_EQ(cache.latest(any), b);
  EXPECT_EQ(cache.latest([](const std::string& key, const Sized&) { return key == "a"; }), nullptr);
  EXPECT_EQ(cache.stats().hits, 1u);
}

TEST(Cache, WhatIsMadeWhileItIsClearedIsUsedOnceAndNotKept) {
  TestCache cache;
  std::latch started(1), cleared(1);
  std::thread maker([&] {
    const auto value = cache.get("a", [&] {
      started.count_down();
      cleared.wait();
      return sized(1);
    });
    EXPECT_NE(value, nullptr);
  });
  started.wait();
  cache.clear();
  cleared.count_down();
  maker.join();
  EXPECT_EQ(cache.held("a"), nullptr);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
}

TEST(Cache, TheLeastRecentlyUsedGoesFirst) {
  TestCache cache({.max_entries = 2});
  cache.get("a", [] { return sized(1); });
  cache.get("b", [] { return sized(1); });
  cache.get("a", [] { return sized(1); });
  cache.get("c", [] { return sized(1); });
  EXPECT_NE(cache.held("a"), nullptr);
  EXPECT_EQ(cache.held("b"), nullptr);
  EXPECT_NE(cache.held("c"), nullptr);
  EXPECT_EQ(cache.stats().evictions, 1u);
  EXPECT_EQ(cache.stats().entries, 2u);
}

TEST(Cache, AMissIsToldOfAnEvictionOfItsKey) {
  TestCache cache({.max_entries = 1});
  std::vector<bool> told;
  const auto get = [&](const std::string& key) {
    cache.get(
        key, [](const Sized&) { return true; },
        [&](const TestCache::Keys&, bool evicted) { told.push_back(evicted); },
        [] { return sized(1); });
  };
  get("a");
  get("b");  // a goes
  get("c");  // b goes
  get("a");
  cache.clear();
  get("b");
  get("b");
  EXPECT_EQ(told, (std::vector<bool>{false, false, false, true, false}));
}

TEST(Cache, BytesAreBoundedButTheNewestStays) {
  TestCache cache({.max_entries = 100, .max_bytes = 100'000});
  for (int i = 0; i < 10; ++i) cache.get(std::to_string(i), [] { return sized(40'000); });
  EXPECT_EQ(cache.stats().entries, 2u);
  EXPECT_LE(cache.stats().bytes, 100'000u);
  const auto huge = cache.get("huge", [] { return sized(1'000'000); });
  EXPECT_EQ(cache.stats().entries, 1u);
  EXPECT_EQ(cache.held("huge"), huge);
}

TEST(Cache, AnEvictedValueLivesWhileItIsHeld) {
  std::atomic<int> alive{0};
  TestCache cache({.max_entries = 1});
  auto running = cache.get("a", [&] { return std::make_shared<const Sized>(1, &alive); });
  cache.get("b", [&] { return std::make_shared<const Sized>(1, &alive); });
  EXPECT_EQ(cache.held("a"), nullptr);
  EXPECT_EQ(alive, 2);
  EXPECT_EQ(running->bytes(), 1u);
  running.reset();
  EXPECT_EQ(alive, 1);
  cache.clear();
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
}

TEST(Cache, ManyThreadsAndKeysKeepItsBoundsAndCounts) {
  TestCache cache({.max_entries = 5});
  std::atomic<std::uint64_t> made{0}, calls{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 400; ++i) {
        const int which = (i * 7 + t * 3) % 11;
        const auto executable = cache.get(std::to_string(which), [&] {
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
}  // namespace mlpjit::runtime
