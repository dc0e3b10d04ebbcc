#include "lib/support/huge_blocks.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>

namespace mlpjit::support {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;
constexpr std::size_t kMostKept = std::size_t{256} << 20;

std::size_t in_pages(std::size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}

struct Block {
  std::byte* data = nullptr;
  std::size_t size = 0;
};

// Of the process. Whoever finds it locked goes without: in a process that forked it may be so for
// ever.
struct Kept {
  std::mutex mutex;
  std::array<Block, 4> blocks;  // the oldest first
  std::size_t count = 0, bytes = 0;

  Block remove(std::size_t i) {
    const Block block = blocks[i];
    std::copy(blocks.begin() + i + 1, blocks.begin() + count, blocks.begin() + i);
    --count;
    bytes -= block.size;
    return block;
  }
};

constinit Kept kept;

std::byte* take(std::size_t size) {
  const std::unique_lock lock(kept.mutex, std::try_to_lock);
  if (!lock.owns_lock()) return nullptr;
  for (std::size_t i = kept.count; i-- > 0;) {
    if (kept.blocks[i].size == size) return kept.remove(i).data;
  }
  return nullptr;
}

void give_up_kept() {
  const std::unique_lock lock(kept.mutex, std::try_to_lock);
  while (lock.owns_lock() && kept.count > 0) {
    const Block block = kept.remove(0);
    munmap(block.data, block.size);
  }
}

// Aligned, by what is cut off from a larger mapping.
std::byte* map(std::size_t size) {
  void* const all =
      mmap(nullptr, size + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(all);
  const std::size_t before = (kPage - reinterpret_cast<std::uintptr_t>(begin) % kPage) % kPage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + size, kPage - before);
  madvise(begin + before, size, MADV_HUGEPAGE);  // refused: small pages do, too
  return begin + before;
}

}  // namespace

std::byte* allocate_huge(std::size_t bytes) {
  if (bytes > SIZE_MAX - 2 * kPage) return nullptr;
  const std::size_t size = in_pages(bytes);
  if (std::byte* const known = take(size)) return known;
  std::byte* const fresh = map(size);
  if (fresh != nullptr) return fresh;
  give_up_kept();  // for a process whose address space is limited
  return map(size);
}

void free_huge(std::byte* data, std::size_t bytes) noexcept {
  const std::size_t size = in_pages(bytes);
  const std::unique_lock lock(kept.mutex, std::try_to_lock);
  if (size > kMostKept || !lock.owns_lock()) {
    munmap(data, size);
    return;
  }
  while (kept.count == kept.blocks.size() || kept.bytes + size > kMostKept) {
    const Block oldest = kept.remove(0);
    munmap(oldest.data, oldest.size);
  }
  madvise(data, size, MADV_FREE);  // refused where pages are locked: then they stay
  kept.blocks[kept.count++] = {data, size};
  kept.bytes += size;
}

}  // namespace mlpjit::support
