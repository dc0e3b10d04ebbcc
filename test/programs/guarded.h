#pragma once
// Memory that ends right before a page that cannot be read.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace mlpjit::test {

// Bytes between two unreadable pages, ending where the second begins.
class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t inside = (bytes + page - 1) / page * page;
    mapped_ = inside + 2 * page;
    base_ = static_cast<std::byte*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_, page, PROT_NONE);
    mprotect(base_ + page + inside, page, PROT_NONE);
    data_ = base_ + page + inside - bytes;
  }
  ~GuardedMemory() { munmap(base_, mapped_); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  std::byte* data() const { return data_; }

 private:
  std::byte* base_;
  std::byte* data_;
  std::size_t mapped_;
};

// The same, aligned to 64 bytes with the gap behind filled.
class AlignedGuardedMemory {
 public:
  explicit AlignedGuardedMemory(std::size_t bytes)
      : bytes_(bytes), room_((bytes + 63) / 64 * 64), memory_(room_) {
    std::memset(memory_.data(), kFilling, room_);
  }
  std::byte* data() const { return memory_.data(); }
  // Whether nothing was written into the gap.
  bool intact() const {
    return std::all_of(data() + bytes_, data() + room_,
                       [](std::byte b) { return b == std::byte{kFilling}; });
  }

 private:
  static constexpr unsigned char kFilling = 0x5a;
  std::size_t bytes_, room_;
  GuardedMemory memory_;
};

}  // namespace mlpjit::test
