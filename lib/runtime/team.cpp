#include "lib/runtime/team.h"

#include <algorithm>
#include <thread>

#include "lib/plan/plan.h"
#include "lib/support/float_env.h"
#include "lib/support/memory.h"
#include "lib/support/snapshot.h"
#include "lib/support/spin.h"
#include "lib/support/thread_object.h"

namespace mlpjit {

Executor::~Executor() = default;

namespace runtime {
namespace {

using namespace std::chrono_literals;

// How long a thread waits for the next step before it goes: longer than a usual host needs from
// call to call, and less than it takes to wake one up a few times.
constexpr auto kLingers = 50us;
// Waking a thread takes tens of microseconds: worth it from so many cycles of work on, of calls
// that follow one another.
constexpr std::int64_t kCyclesWorthWaking = 200'000;
// An executor that has not sent a thread by now is asked again.
constexpr auto kAsksAgain = 10ms;
constexpr int kMostMembers = 128;
// Looks at what another core is about to write, without a pause between them.
constexpr int kTurnsAtOnce = 64;
constexpr int kPartBits = 8;

}  // namespace

bool Team::Part::claim(std::uint64_t round) noexcept {
  std::uint64_t before = claimed.load(std::memory_order_relaxed);
  return before < round &&
         claimed.compare_exchange_strong(before, round, std::memory_order_acquire);
}

Team::Team(const Sharing& sharing)
    : sharing_(sharing),
      forks_(support::fork_count()),
      board_(std::make_shared<Board>(std::min(sharing.threads, kMostMembers))) {}

Team::~Team() {
  board_->closed.store(true, std::memory_order_release);
}

bool Team::is_of(const Sharing& sharing) const {
  return sharing_.threads == sharing.threads && sharing_.executor == sharing.executor;
}

Team& Team::of_this_thread(const Sharing& sharing) {
  struct Teams {
    std::vector<std::unique_ptr<Team>> teams;
  };
  constexpr std::size_t kKept = 4;
  std::vector<std::unique_ptr<Team>>& teams = support::thread_object<Teams, Team>().teams;
  const auto found = std::find_if(teams.begin(), teams.end(),
                                  [&](const auto& team) { return team->is_of(sharing); });
  if (found != teams.end()) return **found;
  if (teams.size() == kKept) teams.erase(teams.begin());
  return *teams.emplace_back(std::make_unique<Team>(sharing));
}

void Team::run_part(const SharedStep& step, std::int64_t part, std::int64_t parts,
                    std::byte* scratch) noexcept {
  const std::int64_t begin = step.units * part / parts, end = step.units * (part + 1) / parts;
  if (begin < end)
    step.range(step.runtime, step.slots, step.workspace, step.batch, begin, end, scratch);
}

void Team::run(const SharedStep& step, std::int64_t cycles, std::byte* scratch) noexcept {
  if (step.units <= 0) return;
  if (support::fork_count() != forks_) {  // the threads are the parent's
    forks_ = support::fork_count();
    board_ = std::make_shared<Board>(static_cast<int>(board_->parts.size()));
    round_ = 0;
  }
  const int present = board_->present.load(std::memory_order_acquire);
  const auto members = static_cast<int>(board_->parts.size());
  const auto worth = static_cast<std::int64_t>(plan::kCyclesWorthDividing);
  const std::int64_t parts =
      std::min({std::int64_t{members}, step.units, step.units * cycles / worth});
  const bool all_here = present == members - 1;
  const bool may_come = !all_here && wants_threads(step.units * cycles);
  if (parts >= 2 && (present > 0 || may_come))
    share(step, parts, scratch);
  else
    run_part(step, 0, 1, scratch);
  if (!all_here) last_ = Clock::now();
}

void Team::share(const SharedStep& step, std::int64_t parts, std::byte* scratch) noexcept {
  Board& board = *board_;
  board.step = step;
  if (board.scratch_bytes.load(std::memory_order_relaxed) < step.scratch_bytes)
    board.scratch_bytes.store(step.scratch_bytes, std::memory_order_relaxed);
  const std::uint64_t round = ++round_;
  board.round.store(round << kPartBits | static_cast<std::uint64_t>(parts),
                    std::memory_order_release);
  run_part(step, 0, parts, scratch);
  for (std::int64_t i = 1; i < parts; ++i) {
    Part& part = board.parts[static_cast<std::size_t>(i)];
    if (!part.claim(round)) continue;
    run_part(step, i, parts, scratch);
    part.done.store(round, std::memory_order_relaxed);
  }
  for (std::int64_t i = 1; i < parts; ++i) {
    const Part& part = board.parts[static_cast<std::size_t>(i)];
    // Whoever has begun may have lost its core, to this very thread perhaps.
    for (int turns = 0; part.done.load(std::memory_order_acquire) != round; ++turns) {
      if (turns > 4096)
        std::this_thread::yield();
      else if (turns > kTurnsAtOnce)
        support::pause();
    }
  }
}

// Asks for those who are missing, if calls go on; whether one may come in the middle of this step.
bool Team::wants_threads(std::int64_t cycles) noexcept {
  const Clock::time_point now = Clock::now();
  lately_ = now - last_ < kLingers ? lately_ + cycles : cycles;
  last_ = now;
  // Those who were asked have come, or never will.
  const bool over =
      board_->arrivals.load(std::memory_order_relaxed) != arrivals_ || now - asked_ >= kAsksAgain;
  if (!over) return true;
  if (lately_ < kCyclesWorthWaking) return false;
  ask_for_threads();
  return true;
}

void Team::ask_for_threads() noexcept {
  asked_ = last_;
  lately_ = 0;
  arrivals_ = board_->arrivals.load(std::memory_order_relaxed);
  const int missing =
      static_cast<int>(board_->parts.size()) - 1 - board_->present.load(std::memory_order_relaxed);
  try {
    Executor& executor = sharing_.executor ? *sharing_.executor : *tbb_executor();
    executor.run([board = board_] { join(board); }, missing);
  } catch (...) {  // no thread, then
  }
}

void Team::join(const std::shared_ptr<Board>& board) noexcept {
  std::size_t seat = 1;
  while (seat < board->seats.size() && board->seats[seat].exchange(true)) ++seat;
  if (seat == board->seats.size()) return;
  board->present.fetch_add(1, std::memory_order_release);
  board->arrivals.fetch_add(1, std::memory_order_relaxed);
  help(*board, seat);
  board->present.fetch_sub(1, std::memory_order_release);
  board->seats[seat].store(false, std::memory_order_release);
}

// Until no step comes for a while.
void Team::help(Board& board, std::size_t seat) noexcept {
  const support::FloatEnvScope environment;
  support::CountedMemory scratch;
  std::size_t scratch_bytes = 0;
  std::uint64_t seen = 0;
  Clock::time_point idle_since = Clock::now();
  for (int turns = 1; !board.closed.load(std::memory_order_relaxed); ++turns) {
    const std::uint64_t round = board.round.load(std::memory_order_acquire);
    if (round != seen) {
      seen = round;
      if (const std::size_t needed = board.scratch_bytes.load(std::memory_order_relaxed);
          needed > scratch_bytes) {
        try {
          scratch = support::make_counted(needed);
        } catch (...) {  // without memory the caller does it alone
          return;
        }
        scratch_bytes = needed;
      }
      work(board, round, seat, scratch.get());
      turns = 0;
    } else if (turns == 64) {
      idle_since = Clock::now();
    } else if (turns % 64 == 0 && Clock::now() - idle_since > kLingers) {
      return;
    }
    if (turns > kTurnsAtOnce) support::pause();
  }
}

// A part of the round that nobody has begun; the same one in every round, where it can be: what it
// reads is in this core's cache.
void Team::work(Board& board, std::uint64_t round, std::size_t seat, std::byte* scratch) noexcept {
  const std::size_t parts = round & ((1U << kPartBits) - 1);
  for (std::size_t i = 0; i + 1 < parts; ++i) {
    Part& part = board.parts[1 + (seat - 1 + i) % (parts - 1)];
    if (!part.claim(round >> kPartBits)) continue;
    run_part(board.step, &part - board.parts.data(), static_cast<std::int64_t>(parts), scratch);
    part.done.store(round >> kPartBits, std::memory_order_release);
  }
}

}  // namespace runtime
}  // namespace mlpjit
