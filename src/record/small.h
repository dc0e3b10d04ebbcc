#pragma once
// Room for what nearly every op or call has on the stack, and the heap beyond.

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace mlpjit::detail {

template <class T, std::size_t kRoom>
class Small {
 public:
  explicit Small(std::size_t size) : size_(size) {
    if (size > kRoom) more_.resize(size);
  }
  Small(const Small&) = delete;
  Small& operator=(const Small&) = delete;
  T* data() { return size_ > kRoom ? more_.data() : room_.data(); }
  T& operator[](std::size_t i) { return data()[i]; }
  std::span<T> span() { return {data(), size_}; }

 private:
  std::size_t size_;
  std::array<T, kRoom> room_;
  std::vector<T> more_;
};

// One element of any dtype.
struct Cell {
  alignas(8) std::byte bytes[8];
};

}  // namespace mlpjit::detail
