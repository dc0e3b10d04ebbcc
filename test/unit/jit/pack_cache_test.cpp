#include "lib/jit/pack_cache.h"

#include <gtest/gtest.h>

#include <barrier>
#include <cstring>
#include <numeric>
#include <thread>

#include "lib/jit/workspace.h"

namespace mlpjit::jit {
namespace {

class PackCacheTest : public testing::Test {
 protected:
  static constexpr std::int64_t kN = 18, kK = 40;

  PackCacheTest() : layout_(plan::packed_layout(kN, kK, DType::f32)) {}

  std::shared_ptr<support::Storage> weight(float first) const {
    auto storage = support::Storage::allocate(kN * kK * sizeof(float));
    auto* data = static_cast<float*>(storage->data());
    std::iota(data, data + kN * kK, first);
    return storage;
  }
  static Argument argument(const std::shared_ptr<support::Storage>& storage) {
    return {{DType::f32, {kN, kK}, storage->data()}, storage.get()};
  }
  std::vector<float> expected(const Argument& input) const {
    std::vector<float> packed(layout_.bytes() / sizeof(float));
    plan::pack(layout_, input.view.data, packed.data());
    return packed;
  }
  // One call: what the slot points to, and whether it holds the packed weight.
  void* call(PackCache& cache, const Argument& input) {
    const Argument inputs[] = {input};
    const WorkspaceScope scratch(cache.scratch_bytes(inputs));
    PackCache::Lease lease(cache);
    void* slots[1] = {};
    lease.fill(inputs, slots, {scratch.data(), cache.scratch_bytes(inputs)});
    const std::vector<float> want = expected(input);
    EXPECT_EQ(std::memcmp(slots[0], want.data(), layout_.bytes()), 0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slots[0]) % 64, 0u);
    return slots[0];
  }

  plan::PackedLayout layout_;
  PackCache cache_{{{0, 0, layout_}}};
};

TEST_F(PackCacheTest, PacksOncePerVersion) {
  const auto storage = weight(1);
  void* const first = call(cache_, argument(storage));
  EXPECT_EQ(call(cache_, argument(storage)), first);
  static_cast<float*>(storage->data())[0] = 99;
  storage->bump_version();
  call(cache_, argument(storage));  // checks the contents
}

TEST_F(PackCacheTest, ExecutablesShareThePackOfAWeight) {
  const auto storage = weight(1);
  PackCache other({{0, 0, layout_}});
  EXPECT_EQ(call(cache_, argument(storage)), call(other, argument(storage)));
}

TEST_F(PackCacheTest, AnotherWeightAtTheSameAddressIsNotTakenForTheOldOne) {
  auto old = weight(1);
  call(cache_, argument(old));
  const void* const address = old->data();
  old.reset();
  std::vector<std::shared_ptr<support::Storage>> others;
  do {
    others.push_back(weight(2));
  } while (others.back()->data() != address && others.size() < 1000);
#if defined(__SANITIZE_ADDRESS__)
  if (others.back()->data() != address) GTEST_SKIP() << "freed memory is kept apart";
#endif
  ASSERT_EQ(others.back()->data(), address) << "small blocks are to be used again";
  call(cache_, argument(others.back()));  // would find the pack of the storage before
}

TEST_F(PackCacheTest, ExposedAndBorrowedMemoryIsPackedAtEveryCall) {
  const auto storage = weight(1);
  storage->expose();
  call(cache_, argument(storage));
  static_cast<float*>(storage->data())[5] = -1;  // no version tells
  call(cache_, argument(storage));

  std::vector<float> mine(kN * kK, 2.f);
  const auto borrowed =
      support::Storage::borrow(mine.data(), mine.size() * sizeof(float), {}, false);
  call(cache_, argument(borrowed));
  mine[7] = 3;
  call(cache_, argument(borrowed));
  call(cache_, {{DType::f32, {kN, kK}, mine.data()}, nullptr});
}

TEST_F(PackCacheTest, OldPacksAreNotKept) {
  const auto storage = weight(1);
  const std::size_t before = support::memory_stats().live_bytes;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    std::thread([&] {
      call(cache_, argument(storage));
    }).join();  // each thread a stripe of its own
  }
  for (int i = 0; i < 10; ++i) {
    storage->bump_version();
    call(cache_, argument(storage));
  }
  EXPECT_LE(support::memory_stats().live_bytes, before + layout_.bytes());
}

TEST_F(PackCacheTest, MoreThreadsThanStripesAllGetThePack) {
  const auto storage = weight(1);
  constexpr int kThreads = 24;
  std::barrier together(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      const Argument inputs[] = {argument(storage)};
      together.arrive_and_wait();
      PackCache::Lease lease(cache_);
      void* slots[1] = {};
      lease.fill(inputs, slots, {});
      together.arrive_and_wait();  // all leases are held at once
      const std::vector<float> want = expected(inputs[0]);
      EXPECT_EQ(std::memcmp(slots[0], want.data(), layout_.bytes()), 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Workspace, IsAlignedKeptAndSharedByNobody) {
  void* first = nullptr;
  {
    const WorkspaceScope outer(1000);
    first = outer.data();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0u);
    const WorkspaceScope inner(1000);  // a call inside a call
    EXPECT_NE(inner.data(), outer.data());
    std::thread([&] {
      const WorkspaceScope theirs(1000);
      EXPECT_NE(theirs.data(), first);
    }).join();
  }
  const WorkspaceScope again(500);
  EXPECT_EQ(again.data(), first);
}

TEST(Workspace, IsCountedAndCanBeReleased) {
  release_workspace();
  const std::size_t before = support::memory_stats().live_bytes;
  {
    const WorkspaceScope scope(4096);
  }
  EXPECT_EQ(support::memory_stats().live_bytes, before + 4096);
  release_workspace();
  EXPECT_EQ(support::memory_stats().live_bytes, before);
}

}  // namespace
}  // namespace mlpjit::jit
