#include <gtest/gtest.h>
#include <immintrin.h>

#include <set>
#include <thread>
#include <vector>

#include "lib/support/bytes.h"
#include "lib/support/cache_line.h"
#include "lib/support/float_env.h"
#include "lib/support/isa.h"
#include "lib/support/memory.h"
#include "lib/support/storage.h"
#include "mlpjit/error.h"
#include "mlpjit/shape.h"

namespace mlpjit {
namespace {

TEST(Dim, IsAffineInOneSymbol) {
  const Dim b = dim("B");
  EXPECT_EQ(to_string(b * 2 + 3), "2*B+3");
  EXPECT_EQ(to_string(b - 1), "B-1");
  EXPECT_EQ((b * 2 + 3).substitute("B", 4), 11);
  EXPECT_EQ(b - b, 0);
  EXPECT_TRUE((b - b).is_static());
  EXPECT_THROW(b + dim("C"), ShapeError);
  EXPECT_THROW(b * b, ShapeError);
  EXPECT_THROW(static_cast<void>(b.value()), TraceError);
}

TEST(Dim, ComparesWhatEverySizeAnswersAlike) {
  const Dim b = dim("B");
  EXPECT_TRUE(b * 2 + 3 == b * 2 + 3);
  EXPECT_TRUE(b != b + 1);
  EXPECT_TRUE(b + 5 != 3);  // no size is negative
  EXPECT_TRUE(b * -1 != 2);
  EXPECT_TRUE(b * 2 != 7);      // nor halved
  EXPECT_TRUE(b * 3 != b + 1);  // 2 B = 1
  EXPECT_TRUE(b != -1);
  for (const auto& [x, y] : {std::pair(b, Dim(4)),
                             {b, Dim(0)},
                             {b * 2, Dim(6)},
                             {b * 3, b + 4},
                             {b, dim("C")},
                             {b * -1 + 8, Dim(8)},
                             {b * 2, b}}) {
    EXPECT_THROW(static_cast<void>(x == y), TraceError) << x << " " << y;
    EXPECT_THROW(static_cast<void>(y != x), TraceError) << x << " " << y;
    EXPECT_FALSE(identical(x, y));
  }
  EXPECT_THROW(static_cast<void>(b == 4), TraceError);
  EXPECT_THROW(static_cast<void>(1 != b), TraceError);
  EXPECT_THROW(static_cast<void>(Dim(INT64_MAX, "B", 0) == Dim(INT64_MIN, "B", 1)), TraceError);
  EXPECT_TRUE(identical(b * 2, b * 2));
  EXPECT_TRUE(identical(Dim(3), 3));
}

TEST(Shape, ComparesWhatEverySizeAnswersAlike) {
  const Dim b = dim("B");
  EXPECT_TRUE((Shape{b, 4} == Shape{b, 4}));
  EXPECT_TRUE((Shape{b, 4} != Shape{b, 5}));
  EXPECT_TRUE((Shape{b, 4} != Shape{3, 5}));  // whatever B is
  EXPECT_TRUE((Shape{b, 4} != Shape{b}));
  EXPECT_TRUE((Shape{b + 1} != Shape{0}));
  EXPECT_THROW(static_cast<void>(Shape{b, 4} == Shape{3, 4}), TraceError);
  EXPECT_THROW(static_cast<void>(Shape{3, 4} != Shape{3, b}), TraceError);
  EXPECT_THROW(static_cast<void>(TensorSpec{DType::f32, {b}} == TensorSpec{DType::f32, {2}}),
               TraceError);
  EXPECT_FALSE(identical(Shape{b, 4}, Shape{3, 4}));
  EXPECT_TRUE(identical(Shape{b, 4}, Shape{b, 4}));
}

TEST(Dim, HasANameThatTheTextFormReadsBack) {
  for (const char* name : {"B", "_", "batch_2", "x.rows"}) EXPECT_EQ(to_string(dim(name)), name);
  for (const char* name : {"", "2B", "B C", "B*", ".B", "\xc3\xa4"}) {
    EXPECT_THROW(static_cast<void>(dim(name)), ShapeError) << name;
  }
}

TEST(Dim, RefusesSizesThatOverflow) {
  constexpr std::int64_t kMost = INT64_MAX;
  EXPECT_EQ((Dim(kMost - 1) + 1).value(), kMost);
  EXPECT_THROW(Dim(kMost) + 1, ShapeError);
  EXPECT_THROW(Dim(-2) - kMost, ShapeError);
  EXPECT_THROW(Dim(1LL << 32) * (1LL << 31), ShapeError);
  const Dim most(kMost, "B", 1);
  EXPECT_THROW(most + dim("B"), ShapeError);
  EXPECT_THROW(most - Dim(-1, "B", 0), ShapeError);
  EXPECT_THROW(most.substitute("B", 1), ShapeError);
  EXPECT_THROW(most.substitute("B", 2), ShapeError);
}

TEST(Shape, KeepsSizesAndSymbols) {
  Shape shape{dim("B"), 512};
  EXPECT_FALSE(shape.is_static());
  EXPECT_EQ(to_string(shape), "[B, 512]");
  EXPECT_EQ(shape[-1], 512);
  EXPECT_EQ(to_string(shape.size_dim()), "512*B");
  EXPECT_THROW(static_cast<void>(shape.sizes()), TraceError);
  EXPECT_EQ(shape.substitute("B", 3), (Shape{3, 512}));
  shape.set(0, Dim(2));
  EXPECT_TRUE(shape.is_static());
  EXPECT_EQ(shape.size(), 1024);
  shape.push_back(dim("C"));
  EXPECT_EQ(shape, (Shape{2, 512, dim("C")}));
}

TEST(Shape, RefusesWhatCannotBe) {
  EXPECT_THROW(Shape({2, -1}), ShapeError);
  EXPECT_THROW(Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
  EXPECT_THROW((Shape{2, 3})[2], ShapeError);
  EXPECT_THROW(static_cast<void>((Shape{1LL << 40, 1LL << 40}).size()), ShapeError);
  EXPECT_EQ((Shape{1LL << 40, 1LL << 40, 0}).size(), 0);
}

TEST(Shape, StaysAsItWasWhereASizeIsRefused) {
  for (const Shape& before : {Shape{2, 3}, Shape{dim("B"), 3}}) {
    Shape shape = before;
    EXPECT_THROW(shape.push_back(-1), ShapeError);
    EXPECT_EQ(shape, before);
    EXPECT_THROW(shape.set(0, -1), ShapeError);
    EXPECT_EQ(shape, before);
  }
}

TEST(ByteSize, CountsBytesOrSaysTooMany) {
  EXPECT_EQ(support::byte_size(DType::f64, {3, 5}), 120U);
  EXPECT_EQ(support::byte_size(DType::boolean, {}), 1U);
  EXPECT_EQ(support::byte_size(DType::f32, {0, 1LL << 62}), 0U);
  EXPECT_EQ(support::byte_size(DType::boolean, {INT64_MAX}), std::size_t{INT64_MAX});
  EXPECT_THROW(support::byte_size(DType::f32, {1LL << 61}), ShapeError);
  EXPECT_THROW(support::byte_size(DType::f32, {1LL << 62}), ShapeError);
  EXPECT_THROW(support::byte_size(DType::boolean, {1LL << 32, 1LL << 31}), ShapeError);
  EXPECT_THROW(support::byte_size(DType::f32, {dim("B")}), TraceError);
}

TEST(Isa, NamesRoundTrip) {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    EXPECT_EQ(support::isa_from_name(to_string(isa)), isa);
  }
  EXPECT_FALSE(support::isa_from_name("sse9").has_value());
  EXPECT_LE(support::default_isa(), support::detect_isa());
}

TEST(FloatEnv, IsSetForTheScopeAndGivenBack) {
  const unsigned before = _mm_getcsr();
  const unsigned flushed = (before & ~0x3FU) | 0x8040 | 0x6000;  // denormals to zero, towards zero
  _mm_setcsr(flushed);
  {
    const support::FloatEnvScope scope;
    EXPECT_EQ(_mm_getcsr() & ~0x3FU, 0x1F80U);
  }
  EXPECT_EQ(_mm_getcsr(), flushed);
  _mm_setcsr(before);
}

TEST(Storage, AnIdAfterAllIsAboveThoseOfEveryThread) {
  for (int round = 0; round < 3; ++round) {
    const std::uint64_t here = support::Storage::next_id();
    std::uint64_t elsewhere = 0;
    std::thread([&] { elsewhere = support::Storage::next_id(); }).join();
    const std::uint64_t after = support::Storage::id_after_all();
    EXPECT_GT(after, here);
    EXPECT_GT(after, elsewhere);
    EXPECT_LE(after, support::Storage::next_id());
  }
}

TEST(Storage, CountsLiveAndPeakBytes) {
  const std::size_t before = support::memory_stats().live_bytes;
  support::reset_peak_memory();
  {
    const auto a = support::Storage::allocate(1000);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a->data()) % 64, 0U);
    EXPECT_EQ(support::memory_stats().live_bytes, before + 1000);
  }
  EXPECT_EQ(support::memory_stats().live_bytes, before);
  EXPECT_EQ(support::memory_stats().peak_bytes, before + 1000);
}

TEST(Storage, BorrowedMemoryIsReleasedOnce) {
  int released = 0;
  float data[2] = {};
  {
    support::Storage::borrow(data, sizeof data, [&] { ++released; }, false);
  }
  EXPECT_EQ(released, 1);
}

// Very many small blocks take more than their bytes.
TEST(Memory, ABudgetCountsWhatStandsAroundBlocks) {
  std::size_t left = 1 << 16;
  const support::AllocationBudget budget(left);
  const auto allocate = [] {
    std::vector<support::CountedMemory> blocks;
    while (blocks.size() < 1000) blocks.push_back(support::make_counted(4));
  };
  EXPECT_THROW(allocate(), MemoryError);
}

// What one thread writes at every call must not lie beside what another reads.
#if !defined(MLPJIT_TEST_SANITIZED)
// The pages of a result serve the next one; a thread keeps a few blocks, and not more than 32 MiB.
TEST(Memory, LargeBlocksAreUsedAgain) {
  std::thread([] {
    constexpr std::size_t kMega = std::size_t{1} << 20;
    std::byte* const first = support::allocate_counted(3 * kMega);
    support::free_counted(first, 3 * kMega);
    std::byte* const less = support::allocate_counted(3 * kMega - 1000);  // of the same class
    EXPECT_EQ(less, first);
    std::byte* const other = support::allocate_counted(kMega);
    EXPECT_NE(other, first);
    support::free_counted(less, 3 * kMega - 1000);
    support::free_counted(other, kMega);
    EXPECT_EQ(support::allocate_counted(kMega), other);
    EXPECT_EQ(support::allocate_counted(3 * kMega), first);
    support::free_counted(other, kMega);
    support::free_counted(first, 3 * kMega);
    // They make room for what comes later, by bytes and by number.
    std::vector<std::byte*> blocks;
    for (int i = 0; i < 3; ++i) blocks.push_back(support::allocate_counted(16 * kMega));
    for (std::byte* const block : blocks) support::free_counted(block, 16 * kMega);
    EXPECT_EQ(support::allocate_counted(16 * kMega), blocks[2]);
    EXPECT_EQ(support::allocate_counted(16 * kMega), blocks[1]);
    std::byte* const fresh = support::allocate_counted(kMega);
    for (std::byte* const block : {blocks[2], blocks[1]}) support::free_counted(block, 16 * kMega);
    support::free_counted(fresh, kMega);
    for (std::size_t bytes = 5000; bytes < 100 * kMega; bytes = bytes * 5 / 4) {
      std::byte* const any = support::allocate_counted(bytes);
      any[0] = any[bytes - 1] = std::byte{1};
      support::free_counted(any, bytes);
    }
  }).join();
}

// The largest are kept for the process, 256 MiB of them.
TEST(Memory, HugeBlocksAreUsedAgain) {
  constexpr std::size_t kMega = std::size_t{1} << 20;
  const auto used_again = [](std::size_t bytes) {
    std::byte* const first = support::allocate_counted(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % (2 * kMega), 0u);
    first[0] = first[bytes - 1] = std::byte{1};
    support::free_counted(first, bytes);
    std::byte* again = nullptr;
    std::thread([&] { again = support::allocate_counted(bytes); }).join();
    again[0] = again[bytes - 1] = std::byte{2};
    support::free_counted(again, bytes);
    return again == first;
  };
  EXPECT_TRUE(used_again(40 * kMega));
  EXPECT_TRUE(used_again(16 * kMega + 1));
  EXPECT_TRUE(used_again(256 * kMega));
  std::byte* const large = support::allocate_counted(40 * kMega);
  support::free_counted(large, 40 * kMega);
  std::byte* const less = support::allocate_counted(18 * kMega);  // not a part of it
  EXPECT_NE(less, large);
  support::free_counted(less, 18 * kMega);
  used_again(257 * kMega);  // where the next mapping comes to lie is the system's business
  // By number and by bytes the oldest make room; nothing is given out twice.
  std::vector<std::byte*> blocks;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < 12; ++i) blocks.push_back(support::allocate_counted(33 * kMega));
    std::set<std::byte*> all(blocks.begin(), blocks.end());
    EXPECT_EQ(all.size(), blocks.size());
    for (std::byte* const block : blocks) {
      block[7 * kMega] = std::byte{3};
      support::free_counted(block, 33 * kMega);
    }
    blocks.clear();
  }
  EXPECT_THROW(support::allocate_counted(SIZE_MAX - kMega), MemoryError);
  EXPECT_THROW(support::allocate_counted(std::size_t{1} << 60), MemoryError);
}
#endif

TEST(Memory, SmallBlocksLieApart) {
  for (const std::size_t bytes : {0, 1, 24, 64, 65, 129, 4096, 4097}) {
    for (int i = 0; i < 20; ++i) {
      void* const a = support::allocate_recycled(bytes);
      void* const b = support::allocate_recycled(bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a) % support::kApart, 0u) << bytes;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b) % support::kApart, 0u) << bytes;
      support::free_recycled(a, bytes);
      support::free_recycled(b, bytes);
    }
  }
}

}  // namespace
}  // namespace mlpjit
