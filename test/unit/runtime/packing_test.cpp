// Packed weights: made once for the contents of a weight, whoever asks, and at every call where the
// memory may change behind our back.

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <thread>

#include "lib/runtime/native_graph.h"
#include "lib/runtime/workspace.h"
#include "lib/support/publication.h"

namespace mlpjit::runtime {
namespace {

class Packing : public testing::Test {
 protected:
  static constexpr std::int64_t kN = 18, kK = 40;

  static std::shared_ptr<support::Storage> weight(float first) {
    auto storage = support::Storage::allocate(kN * kK * sizeof(float));
    auto* data = static_cast<float*>(storage->data());
    std::iota(data, data + kN * kK, first);
    return storage;
  }
  const void* pack(const support::Storage& storage) const {
    const support::Snapshot snapshot;
    const support::Contents& contents = storage.contents();
    const void* made = storage.derived(contents, how_);
    if (made != nullptr) {
      std::vector<std::byte> want(layout_.bytes());
      plan::pack(layout_, contents.data(), want.data());
      EXPECT_EQ(std::memcmp(made, want.data(), want.size()), 0);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(made) % 64, 0u);
    }
    return made;
  }

  const plan::PackedLayout layout_ = plan::packed_layout(kN, kK, DType::f32);
  const support::Derivation how_ = NativeGraph::packing(layout_);
};

TEST_F(Packing, IsDoneOncePerContents) {
  const auto storage = weight(1);
  EXPECT_EQ(pack(*storage), pack(*storage));
  support::Write write(*storage, true, "test");
  static_cast<float*>(write.to())[3] = 99;
  write.done();
  EXPECT_NE(pack(*storage), nullptr);  // and is checked
}

TEST_F(Packing, ExecutablesWithLayoutsOfTheirOwnHavePacksOfTheirOwn) {
  const auto storage = weight(1);
  plan::PackedLayout other = layout_;
  other.panel_stride += 16;
  const support::Derivation how = NativeGraph::packing(other);
  EXPECT_NE(storage->derived(storage->latest(), how), pack(*storage));
}

TEST_F(Packing, IsNotKeptOfExposedAndBorrowedMemory) {
  const auto storage = weight(1);
  pack(*storage);
  storage->expose("test");
  EXPECT_EQ(pack(*storage), nullptr);
  std::vector<float> mine(kN * kK, 2.f);
  const auto borrowed =
      support::Storage::borrow(mine.data(), mine.size() * sizeof(float), {}, false);
  EXPECT_EQ(pack(*borrowed), nullptr);
}

TEST_F(Packing, IsFreedWithTheContents) {
  const auto storage = weight(1);
  storage->mark_published();
  const std::size_t before = support::memory_stats().live_bytes;
  for (int i = 0; i < 10; ++i) {
    std::thread([&] { pack(*storage); }).join();
    support::Write write(*storage, true, "test");
    static_cast<float*>(write.to())[i] = -1;
    write.done();
  }
  pack(*storage);
  EXPECT_LE(support::memory_stats().live_bytes, before + layout_.bytes());
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
}  // namespace mlpjit::runtime
