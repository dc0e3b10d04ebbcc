// Who sees which contents of an identity, what is kept for whom, and when it is freed.

#include "lib/support/snapshot.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/unit/support/contents_testing.h"

namespace mlpjit::support {
namespace {

using namespace test;

TEST(Contents, AreWrittenInPlaceWhereNobodyElseReads) {
  for (const bool shared : {false, true}) {
    const StoragePtr storage = Storage::allocate(kBytes);
    if (shared) storage->mark_published();
    const void* const memory = storage->data();
    set(*storage, 5);
    EXPECT_EQ(storage->data(), memory);
    EXPECT_EQ(seen(*storage), 5);
  }
}

TEST(Contents, OfPublishedIdentitiesAreNotWrittenWhereAnotherThreadReads) {
  const StoragePtr storage = published(1);
  int then = 0;
  HeldSnapshot reader([&] { then = *static_cast<const int*>(storage->data()); });
  set(*storage, 2);
  set(*storage, 3);
  EXPECT_EQ(seen(*storage), 3);
  reader.let_go();
  EXPECT_EQ(then, 1);
}

TEST(Contents, NobodySeesAreFreedWhenSomethingIsPublished) {
  const StoragePtr storage = published(1), other = published(1);
  const std::size_t before = live();
  {
    HeldSnapshot reader;
    for (int i = 0; i < 50; ++i) set(*storage, i);
    EXPECT_LE(live(), before + kBytes);  // what the reader sees and what is new, nothing between
    set(*other, 2);
  }
  HeldSnapshot later;  // so that the write below is not in place
  set(*other, 3);
  EXPECT_LE(live(), before + kBytes);  // of `other`, what the later reader sees
  later.let_go();
  HeldSnapshot last;
  set(*other, 4);
  last.let_go();
  set(*other, 5);
  HeldSnapshot none;
  (void)publish({});
  EXPECT_EQ(live(), before);
}

TEST(Contents, GoWithTheIdentity) {
  const std::size_t before = live();
  {
    const StoragePtr storage = published(1);
    HeldSnapshot reader;
    set(*storage, 2);
  }
  EXPECT_EQ(live(), before);
  (void)publish({});  // finds nothing of it
}

TEST(Span, StaysReadableUntilTheSecondWrite) {
  const StoragePtr storage = published(1);
  HeldSnapshot elsewhere([] {});
  const std::size_t before = live();
  const auto* span = static_cast<const int*>(storage->span());
  set(*storage, 2);
  EXPECT_TRUE(*span == 1 || *span == 2);
  elsewhere.let_go();
  (void)publish({});
  EXPECT_TRUE(*span == 1 || *span == 2);
  EXPECT_EQ(live(), before + kBytes);
  HeldSnapshot again;
  set(*storage, 3);
  again.let_go();
  (void)publish({});
  EXPECT_EQ(live(), before);
}

TEST(Span, OfAnOlderSnapshotAndOfWhatIsPublishedLaterStaysReadableToo) {
  const StoragePtr storage = published(1), later = Storage::allocate(kBytes);
  fill(later->data(), 1);
  const auto* of_later = static_cast<const int*>(later->span());
  later->mark_published();
  HeldSnapshot elsewhere;
  const int* span = nullptr;
  {
    const Snapshot old;
    std::thread([&] { set(*storage, 2); }).join();
    span = static_cast<const int*>(storage->span());
    EXPECT_EQ(*span, 1);
  }
  set(*later, 2);
  elsewhere.let_go();
  (void)publish({});
  EXPECT_EQ(*span, 1);      // no write since
  EXPECT_EQ(*of_later, 1);  // one
}

TEST(Span, IsNotWrittenUnder) {
  const StoragePtr storage = published(1);
  const auto* span = static_cast<const int*>(storage->span());
  set(*storage, 2);
  EXPECT_EQ(*span, 1);
  EXPECT_EQ(seen(*storage), 2);
}

TEST(Snapshot, SeesWhatItsThreadWritesAndNothingElseOfLater) {
  const StoragePtr mine = published(1), theirs = published(1), both = published(1);
  const Snapshot snapshot;
  set(*mine, 2);
  set(*both, 2);
  std::thread([&] {
    set(*theirs, 3);
    set(*both, 3);
    EXPECT_EQ(seen(*mine), 2);
  }).join();
  EXPECT_EQ(seen(*mine), 2);
  EXPECT_EQ(seen(*theirs), 1);
  EXPECT_EQ(seen(*both), 2);
}

// Though nobody else is there any more: what it writes must be younger than what it does not see.
TEST(Snapshot, SeesWhatItsThreadWritesAfterAnotherThreadDid) {
  const StoragePtr storage = published(1);
  const Snapshot snapshot;
  std::thread([&] { set(*storage, 3); }).join();
  EXPECT_EQ(seen(*storage), 1);
  set(*storage, 4);
  EXPECT_EQ(seen(*storage), 4);
}

TEST(Snapshot, StampsTellWhetherAnythingChanged) {
  const StoragePtr storage = published(1);
  const auto stamp = [] { return Snapshot().stamp(); };
  const std::uint64_t before = stamp();
  EXPECT_EQ(stamp(), before);
  set(*storage, 2);
  EXPECT_NE(stamp(), before);
  const std::uint64_t after = stamp();
  const StoragePtr other = Storage::allocate(kBytes);
  set(*other, 2);  // nobody's but ours
  EXPECT_EQ(stamp(), after);
  const Snapshot outer;
  set(*storage, 3);
  EXPECT_NE(outer.stamp(), after);
  EXPECT_NE(stamp(), after);
}

// A stream that a program prints to may write to what the program reads, which goes on with the old
// elements.
TEST(Snapshot, KeepsWhatARunningProgramReadsThoughItsThreadReplacesIt) {
  const StoragePtr storage = published(1);
  storage->recycle();
  const std::size_t before = live();
  {
    const Snapshot snapshot;
    ++thread_reader.programs;
    const auto* read = static_cast<const int*>(storage->data());
    for (int i = 2; i < 6; ++i) set(*storage, i);
    increment(*storage);
    EXPECT_EQ(*read, 1);
    EXPECT_EQ(seen(*storage), 6);
    --thread_reader.programs;
    release_held();
  }
  (void)publish({});
  EXPECT_LE(live(), before + kBytes);  // the recycled ones
}

TEST(Retire, FreesWhenTheSnapshotsOfThenAreClosed) {
  const auto object = [](bool& freed) {
    return std::shared_ptr<const void>(&freed,
                                       [](const bool* flag) { *const_cast<bool*>(flag) = true; });
  };
  bool now = false, after_reader = false, after_own = false;
  retire(object(now));
  EXPECT_TRUE(now);
  {
    HeldSnapshot reader;
    retire(object(after_reader));
    (void)publish({});
    EXPECT_FALSE(after_reader);
    reader.let_go();
    (void)publish({});
    EXPECT_TRUE(after_reader);
  }
  {
    const Snapshot outer;
    const Snapshot inner;
    retire(object(after_own));
    (void)publish({});
    EXPECT_FALSE(after_own);
  }
  EXPECT_TRUE(after_own);  // without a further write
}

// Between a reader's look at the number and its word that it reads as of that one, a writer may have
// published and, having seen no reader, freed.
TEST(Reader, LooksAgainAtTheNumberAfterItsWord) {
  struct Moving {
    mutable std::uint64_t next = 5;
    std::uint64_t load(std::memory_order) const { return next < 8 ? next++ : next; }
  } const latest;
  Reader& reader = Reader::take(false);
  EXPECT_EQ(reader.begin(latest), 8u);
  EXPECT_EQ(reader.since, 8u);
  reader.end();
  reader.leave();
}

// Threads stay behind a fork, with what they held: neither locks nor snapshots bind the child.
TEST(Fork, OpensLocksAndForgetsReaders) {
  const StoragePtr storage = published(1);
  std::latch held(1), done(1);
  std::thread holder([&] {
    const Snapshot snapshot;
    Storage* const all[] = {storage.get()};
    const Update update(all);
    held.count_down();
    done.wait();
  });
  held.wait();
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const std::size_t before = live();
    set(*storage, 2);
    increment(*storage);
    (void)publish({});
    if (seen(*storage) != 3 || live() != before) _exit(1);
    const void* const memory = storage->data();
    set(*storage, 4);  // nobody else reads here
    _exit(seen(*storage) == 4 && storage->data() == memory ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  done.count_down();
  holder.join();
}

}  // namespace
}  // namespace mlpjit::support
