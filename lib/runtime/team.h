#pragma once
// The threads that share the steps of a call: the one that calls, and those that an executor sent.
// These wait for work as long as calls follow one another, and go when none comes. Nobody waits for
// a thread that has not begun: what it does not do, the caller does.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/codegen/abi.h"
#include "lib/support/cache_line.h"
#include "mlpjit/executor.h"

namespace mlpjit::runtime {

// Who shares the calls of a program.
struct Sharing {
  int threads = 1;
  std::shared_ptr<Executor> executor = nullptr;  // null: oneTBB's threads
};

// A step of a call, as the hook of the runtime table gets it.
struct DividedStep {
  const codegen::Runtime* runtime = nullptr;
  codegen::RangeFunction range = nullptr;
  void* const* slots = nullptr;
  std::byte* workspace = nullptr;
  std::int64_t batch = 0;
  std::int64_t units = 0;
  std::size_t scratch_bytes = 0;  // of each thread
};

class Team {
 public:
  explicit Team(const Sharing& sharing);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // The calling thread's; it keeps a few. Null where there is no memory for one. Held by who uses
  // it: the host's code within (an executor, its end) may ask for others, which take its place.
  static std::shared_ptr<Team> of_this_thread(const Sharing& sharing) noexcept;

  // Runs all units and returns when they are done. `scratch`: of the calling thread. `cycles`:
  // roughly those of a unit.
  void run(const DividedStep& step, std::int64_t cycles, std::byte* scratch) noexcept;

  bool is_of(const Sharing& sharing) const;

 private:
  using Clock = std::chrono::steady_clock;

  // Round by round: claimed by the thread that does it, then done.
  struct alignas(support::kApart) Part {
    std::atomic<std::uint64_t> claimed{0}, done{0};
    bool claim(std::uint64_t round) noexcept;
  };
  // What the threads see of each other; it lives until the last of them has gone.
  struct Board {
    explicit Board(int members) : parts(static_cast<std::size_t>(members)), seats(parts.size()) {}
    // On one cache line, for one way from core to core.
    alignas(support::kApart) DividedStep step;  // of the round
    std::atomic<std::uint64_t> round{0};        // * 256 + how many parts it has
    std::vector<Part> parts;
    std::atomic<std::size_t> scratch_bytes{0};             // of each thread, for every round so far
    alignas(support::kApart) std::atomic<int> present{0};  // without the caller
    std::atomic<int> expected{0};                          // asked for, and not here yet
    std::atomic<bool> closed{false};
    std::vector<std::atomic<bool>> seats;  // taken by those who are present; the caller's is 0
  };

  static void join(const std::shared_ptr<Board>& board) noexcept;
  static void help(Board& board, std::size_t seat) noexcept;
  static void work(Board& board, std::uint64_t round, std::size_t seat,
                   std::byte* scratch) noexcept;
  static void run_part(const DividedStep& step, std::int64_t part, std::int64_t parts,
                       std::byte* scratch) noexcept;
  void share(const DividedStep& step, std::int64_t parts, std::byte* scratch) noexcept;
  bool wants_threads(std::int64_t cycles) noexcept;
  void ask_for_threads() noexcept;
  bool begin_anew() noexcept;

  const Sharing sharing_;
  std::uint32_t forks_;  // when the board was made
  std::shared_ptr<Board> board_;
  std::uint64_t round_ = 0;
  std::int64_t lately_ = 0;  // cycles of work of calls that followed one another
  Clock::time_point last_{}, asked_{};
  Clock::duration patience_;  // from asking to asking again
};

// oneTBB's threads, and how many there are beside one that calls.
std::shared_ptr<Executor> tbb_executor();
int tbb_threads();

}  // namespace mlpjit::runtime
