#pragma once
// Reference-counted memory of tensors, its versions, and what is derived from it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace mlpjit::support {

// Bytes of tensors alive now and at most since the last reset, over all threads.
struct MemoryStats {
  std::size_t live_bytes = 0;
  std::size_t peak_bytes = 0;
};
MemoryStats memory_stats();
void reset_peak_memory();  // the peak starts again from what is live

// 64-byte aligned memory, counted in memory_stats(); throws MemoryError.
std::byte* allocate_counted(std::size_t bytes);
void free_counted(std::byte* data, std::size_t bytes) noexcept;

// Such memory, freed with its owner.
struct FreeCounted {
  std::size_t bytes = 0;
  void operator()(std::byte* data) const noexcept { free_counted(data, bytes); }
};
using CountedMemory = std::unique_ptr<std::byte[], FreeCounted>;
inline CountedMemory make_counted(std::size_t bytes) {
  return {allocate_counted(bytes), FreeCounted{bytes}};
}

class Storage {
 public:
  // Owned, uninitialised, 64-byte aligned.
  static std::shared_ptr<Storage> allocate(std::size_t bytes);
  // The caller's memory; `release` (may be empty) runs at the end.
  static std::shared_ptr<Storage> borrow(void* data, std::size_t bytes,
                                         std::function<void()> release, bool read_only);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  bool borrowed() const { return borrowed_; }
  bool read_only() const { return read_only_; }

  // Never given to another storage, so that (id, version) names contents even after an address is
  // reused.
  std::uint64_t id() const { return id_; }
  // Raised by every write through mlpjit.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  void bump_version() { version_.fetch_add(1, std::memory_order_acq_rel); }
  // Someone outside holds a pointer for writing: derived copies cannot be kept.
  bool exposed() const { return borrowed_ || exposed_.load(std::memory_order_acquire); }
  void expose() { exposed_.store(true, std::memory_order_release); }

  // Whether calls that read it are to be waited for before it is written (call_gate.h).
  bool guarded() const { return guarded_.load(std::memory_order_acquire); }
  void set_guarded() const { guarded_.store(true, std::memory_order_release); }

  // What is derived from the contents (packed weights), shared by all who ask with an equal key,
  // and dropped when the version moves on. `make` runs once per key and version; others wait for
  // it. While exposed nothing is kept: every call makes its own.
  std::shared_ptr<const void> derived(const std::vector<std::int64_t>& key,
                                      const std::function<std::shared_ptr<const void>()>& make);

 private:
  Storage() = default;
  struct Derived {
    std::vector<std::int64_t> key;
    std::uint64_t version;
    std::shared_ptr<const void> value;
  };
  static std::uint64_t next_id();
  const std::uint64_t id_ = next_id();
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  bool borrowed_ = false;
  bool read_only_ = false;
  std::atomic<bool> exposed_{false};
  mutable std::atomic<bool> guarded_{false};
  std::atomic<std::uint64_t> version_{0};
  std::function<void()> release_;
  std::mutex derived_mutex_;
  std::vector<Derived> derived_;
};

}  // namespace mlpjit::support
