// Writes that are published together, what is derived from contents, and updates of programs.

#include "lib/support/publication.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <thread>

#include "mlpjit/error.h"
#include "test/unit/support/contents_testing.h"

namespace mlpjit::support {
namespace {

using namespace test;

TEST(Publication, ThatIsNotSeenJoinsALoopWholeOrNotAtAll) {
  const StoragePtr a = published(1), b = published(1);
  Publication loop;
  {
    Publication failed(false);
    fill(failed.prepare(*a, false), 7);
    EXPECT_EQ(seen(*a), 1);
  }
  EXPECT_EQ(seen(*a), 1);
  Publication both(false);
  fill(both.prepare(*a, false), 2);
  fill(both.prepare(*b, false), seen(*a) + 2);  // not its own
  both.commit();
  EXPECT_EQ(seen(*a), 2);
  EXPECT_EQ(seen(*b), 3);
  std::thread([&] { EXPECT_EQ(seen(*a), 1); }).join();
}

// What no program reads has no lock to wait for: its holder may be waiting for this thread.
TEST(Publication, OfWhatNoProgramReadsWaitsForNobody) {
  const StoragePtr mine = Storage::allocate(kBytes);
  std::latch held(1), done(1);
  std::thread holder([&] {
    Storage* const all[] = {mine.get()};
    const Update update(all);
    held.count_down();
    done.wait();
  });
  held.wait();
  {
    Publication loop;
    fill(loop.prepare(*mine, true), 2);
    loop.commit();
  }
  done.count_down();
  holder.join();
  EXPECT_EQ(seen(*mine), 2);
}

TEST(Publication, IsSeenByItsThreadAloneUntilItIsCommitted) {
  const StoragePtr a = published(1), b = published(1);
  {
    Publication together;
    fill(together.prepare(*a, false), 2);
    EXPECT_EQ(seen(*a), 2);
    std::thread([&] { EXPECT_EQ(seen(*a), 1); }).join();
    auto* kept = static_cast<int*>(together.prepare(*b, true));
    EXPECT_EQ(kept[kInts - 1], 1);
    fill(kept, 2);
    together.commit();
    EXPECT_EQ(seen(*b), 2);
  }
  std::thread([&] { EXPECT_EQ(seen(*a) + seen(*b), 4); }).join();
}

TEST(Publication, ThatIsNotCommittedNeverWas) {
  const StoragePtr storage = published(1);
  const std::size_t before = live();
  {
    Publication together;
    set(*storage, 2);  // a part of it
    EXPECT_EQ(seen(*storage), 2);
    Publication inner;
    set(*storage, 3);
    inner.commit();
  }
  EXPECT_EQ(seen(*storage), 1);
  EXPECT_EQ(live(), before);
}

TEST(Publication, OfExposedMemoryIsCopiedInAtTheEnd) {
  int memory[kInts] = {};
  const StoragePtr storage = Storage::borrow(memory, sizeof memory, {}, false);
  Publication together;
  fill(together.prepare(*storage, false), 2);
  EXPECT_EQ(memory[0], 0);
  together.commit();
  EXPECT_EQ(memory[kInts - 1], 2);
}

TEST(Publication, WhatIsMadeInsideNeedsNoCopy) {
  Publication together;
  const std::size_t before = live();
  const StoragePtr storage = Storage::allocate(kBytes);
  set(*storage, 2);
  EXPECT_EQ(live(), before + kBytes);
}

// Another thread made it meanwhile, and reads it.
TEST(Publication, DoesNotTakeAYoungerIdentityForItsOwn) {
  Publication together;
  const StoragePtr storage = published(1);
  const void* const memory = storage->latest().data();
  set(*storage, 2);
  EXPECT_EQ(*static_cast<const int*>(memory), 1);
  std::thread([&] { EXPECT_EQ(seen(*storage), 1); }).join();
}

TEST(Publication, WithoutWritesPublishesNothing) {
  const std::uint64_t before = latest_publication;
  Publication nothing;
  nothing.commit();
  EXPECT_EQ(latest_publication, before);
}

// The outer snapshot does not keep the latest contents; others replace them while they are copied.
TEST(Publication, CopiesTheLatestElementsWhileOthersReplaceThem) {
  const StoragePtr storage = published(0);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    for (int i = 1; !stop; ++i) set(*storage, i);
  });
  int torn = 0;
  for (int i = 0; i < 2000; ++i) {
    const Snapshot outer;
    Publication together;
    const auto* copy = static_cast<const int*>(together.prepare(*storage, true));
    torn += copy[0] != copy[kInts - 1] || copy[0] != copy[kInts / 2];
  }
  stop = true;
  other.join();
  EXPECT_EQ(torn, 0);
}

TEST(Publication, RefusesExposedWritesToWhatItPrepared) {
  const StoragePtr storage = published(1);
  Publication together;
  set(*storage, 2);
  EXPECT_THROW(storage->expose("mutable_data"), UserError);
}

// A program of this thread that runs now has pointers to what was prepared before.
TEST(Publication, LeavesWhatARunningProgramReads) {
  const StoragePtr storage = published(1);
  Publication together;
  set(*storage, 2);
  const auto* read = static_cast<const int*>(storage->data());
  ++thread_reader.programs;
  set(*storage, 3);
  EXPECT_EQ(*read, 2);
  --thread_reader.programs;
  EXPECT_EQ(seen(*storage), 3);
}

// What goes with it may be code of others, which writes too.
TEST(Publication, LetsGoOfOldThingsWhenNoLockIsHeld) {
  const StoragePtr storage = published(1), other = published(1);
  int released = 0;
  {
    HeldSnapshot reader;
    retire(std::shared_ptr<const void>(&released, [&](const int*) {
      set(*storage, 5);
      set(*other, 5);
      ++released;
    }));
  }
  set(*storage, 2);
  EXPECT_EQ(released, 1);
  EXPECT_EQ(seen(*storage), 5);
}

// Two at a time, from several threads: no reader sees one of one publication and one of another.
TEST(Publication, IsSeenWholeOrNotAtAll) {
  const StoragePtr a = published(0), b = published(0);
  std::atomic<bool> stop{false};
  std::atomic<int> mixed{0}, reads{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        const Snapshot snapshot;
        const auto* x = static_cast<const int*>(a->data());
        const auto* y = static_cast<const int*>(b->data());
        for (std::size_t i = 0; i < kInts; i += 97) mixed += x[i] != y[kInts - 1 - i];
        ++reads;
      }
    });
  }
  for (int i = 1; i < 3000 || reads < 1000; ++i) {
    Publication together;
    fill(together.prepare(*b, false), i);
    fill(together.prepare(*a, false), i);
    together.commit();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(mixed, 0);
}

Derivation sums() {
  return {{1}, sizeof(int), [](const void* contents, void* derived) {
            int sum = 0;
            for (std::size_t i = 0; i < kInts; ++i) sum += static_cast<const int*>(contents)[i];
            *static_cast<int*>(derived) = sum;
          }};
}
constexpr int kCount = static_cast<int>(kInts);

TEST(Derived, IsMadeOnceAndByWhoeverWritesFromThenOn) {
  const StoragePtr storage = published(1);
  const Derivation how = sums();
  const void* first = storage->derived(storage->latest(), how);
  EXPECT_EQ(storage->derived(storage->latest(), how), first);
  EXPECT_EQ(*static_cast<const int*>(first), kCount);
  HeldSnapshot reader;
  set(*storage, 2);
  const void* second = storage->latest().derived(how.key);  // without making it
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*static_cast<const int*>(second), 2 * kCount);
  set(*storage, 3);
  set(*storage, 4);  // nobody asked for that of 3
  const void* fourth = storage->latest().derived(how.key);
  ASSERT_NE(fourth, nullptr);
  EXPECT_EQ(*static_cast<const int*>(fourth), 4 * kCount);
  for (int i = 0; i < 20; ++i) set(*storage, 5);  // nobody asks any more
  EXPECT_EQ(storage->latest().derived(how.key), nullptr);
  EXPECT_EQ(*static_cast<const int*>(storage->derived(storage->latest(), how)), 5 * kCount);
}

TEST(Derived, IsGoneWithAWriteInPlace) {
  const Derivation how = sums();
  for (const bool shared : {false, true}) {
    const StoragePtr storage = Storage::allocate(kBytes);
    fill(storage->data(), 1);
    if (shared) storage->mark_published();
    storage->derived(storage->latest(), how);
    set(*storage, 2);
    EXPECT_EQ(*static_cast<const int*>(storage->derived(storage->latest(), how)), 2 * kCount);
    Publication together;
    set(*storage, 3);
    EXPECT_EQ(*static_cast<const int*>(storage->derived(storage->contents(), how)), 3 * kCount);
    set(*storage, 4);
    EXPECT_EQ(*static_cast<const int*>(storage->derived(storage->contents(), how)), 4 * kCount);
  }
}

TEST(Derived, ThatIsPinnedIsThereInEveryPublication) {
  const StoragePtr storage = published(1);
  const Derivation how = sums();
  {
    const Pin pin(storage, how), again(storage, how);
    HeldSnapshot reader;
    for (int i = 2; i < 6; ++i) set(*storage, i);  // nobody asks meanwhile
    const void* made = storage->latest().derived(how.key);
    ASSERT_NE(made, nullptr);
    EXPECT_EQ(*static_cast<const int*>(made), 5 * kCount);
    EXPECT_THROW(storage->expose("mutable_data"), UserError);
  }
  storage->expose("mutable_data");
  EXPECT_THROW(Pin(storage, how), UserError);
  EXPECT_THROW(Pin(storage, std::nullopt), UserError);
}

TEST(Derived, IsMadeByOneOfManyThreads) {
  const StoragePtr storage = published(1);
  std::atomic<int> made{0};
  const Derivation how{{2}, sizeof(int), [&](const void*, void*) { ++made; }};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const Snapshot snapshot;
      storage->derived(storage->contents(), how);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
}

TEST(Update, LosesNoneOfSeveralThreads) {
  const StoragePtr storage = published(0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) increment(*storage);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen(*storage), 1500);
}

TEST(Update, GoesBackAndForthBetweenTwoBuffers) {
  const StoragePtr storage = published(0);
  storage->recycle();
  const Derivation how = sums();
  storage->derived(storage->latest(), how);
  increment(*storage);
  increment(*storage);
  const std::size_t before = live();
  reset_peak_memory();
  const void* const memory = storage->latest().data();
  for (int i = 0; i < 6; ++i) {
    const void* derived = storage->derived(storage->latest(), how);
    EXPECT_EQ(*static_cast<const int*>(derived), (i + 2) * kCount);
    increment(*storage);
    EXPECT_EQ(storage->latest().data() == memory, i % 2 == 1);
  }
  EXPECT_LE(live(), before + sizeof(int));
  EXPECT_LE(memory_stats().peak_bytes, before + sizeof(int));
}

TEST(Update, ThatFailsWroteNothing) {
  const StoragePtr storage = published(1);
  const std::size_t before = live();
  {
    Storage* const all[] = {storage.get()};
    Update update(all);
    fill(update.to(*storage), 7);
  }
  EXPECT_EQ(seen(*storage), 1);
  EXPECT_EQ(live(), before);
  increment(*storage);  // the lock is open
}

TEST(Update, WithinAnotherIsAnErrorAndNoDeadlock) {
  const StoragePtr a = published(1), b = published(1), own = Storage::allocate(kBytes);
  Storage* const first[] = {a.get()};
  Storage* const second[] = {b.get()};
  {
    const Update outer(first);
    EXPECT_THROW(const Update inner(second), UserError);
    EXPECT_THROW(set(*b, 2), UserError);
    EXPECT_THROW(set(*a, 2), UserError);
    EXPECT_THROW(a->expose("mutable_data"), UserError);
    EXPECT_THROW(Pin(a, std::nullopt), UserError);
    set(*own, 2);  // that no program reads
  }
  const Update again(second);
}

TEST(Update, OfWhatNobodyElseReadsIsInPlace) {
  const StoragePtr storage = Storage::allocate(kBytes);
  fill(storage->data(), 1);
  const void* const memory = storage->data();
  HeldSnapshot reader;
  increment(*storage);
  EXPECT_EQ(storage->data(), memory);
  EXPECT_EQ(seen(*storage), 2);
}

TEST(Update, WithinAPublicationIsAPartOfIt) {
  const StoragePtr storage = published(1);
  {
    Publication together;
    increment(*storage);
    increment(*storage);
    EXPECT_EQ(seen(*storage), 3);
  }
  EXPECT_EQ(seen(*storage), 1);
}

}  // namespace
}  // namespace mlpjit::support
