#include "lib/runtime/team.h"

#include <algorithm>
#include <thread>

#include "lib/plan/plan.h"
#include "lib/support/float_env.h"
#include "lib/support/memory.h"
#include "lib/support/snapshot.h"
#include "lib/support/spin.h"
#include "lib/support/thread_object.h"
#include "mlpjit/options.h"

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
// An executor that has not sent all threads by now is asked again, and then after twice the time.
constexpr std::chrono::steady_clock::duration kPatience = 10ms;
// Looks at what another core is about to write, without a pause between them.
constexpr int kTurnsAtOnce = 64;
constexpr int kPartBits = 8;
static_assert(HybridizeOptions::kMostThreads < 1 << kPartBits);
// Pauses before a thread that waits for another gives its core away, and between looks at the
// clock.
constexpr int kTurnsToYield = 4096, kTurnsOfClock = 64;

}  // namespace

bool Team::Part::claim(std::uint64_t round) noexcept {
  std::uint64_t before = claimed.load(std::memory_order_relaxed);
  return before < round &&
         claimed.compare_exchange_strong(before, round, std::memory_order_relaxed);
}

Team::Team(const Sharing& sharing)
    : sharing_(sharing),
      forks_(support::fork_count()),
      board_(std::make_shared<Board>(
          sharing.executor ? sharing.threads : std::min(sharing.threads, 1 + tbb_threads()))),
      patience_(kPatience) {}

Team::~Team() {
  board_->closed.store(true, std::memory_order_release);
}

bool Team::is_of(const Sharing& sharing) const {
  return sharing_.threads == sharing.threads && sharing_.executor == sharing.executor;
}

std::shared_ptr<Team> Team::of_this_thread(const Sharing& sharing) noexcept try {
  struct Teams {
    std::vector<std::shared_ptr<Team>> teams;
  };
  constexpr std::size_t kKept = 4;
  std::vector<std::shared_ptr<Team>>& teams = support::thread_object<Teams, Team>().teams;
  const auto found = std::find_if(teams.begin(), teams.end(),
                                  [&](const auto& team) { return team->is_of(sharing); });
  if (found != teams.end()) return *found;
  auto made = std::make_shared<Team>(sharing);
  teams.reserve(kKept + 1);
  std::shared_ptr<Team> oldest;  // ends when the list is as it will be
  if (teams.size() >= kKept) {
    oldest = std::move(teams.front());
    teams.erase(teams.begin());
  }
  teams.push_back(made);
  return made;
} catch (...) {
  return nullptr;
}

// After a fork: the threads are the parent's.
bool Team::begin_anew() noexcept try {
  board_ = std::make_shared<Board>(static_cast<int>(board_->parts.size()));
  forks_ = support::fork_count();
  round_ = 0;
  return true;
} catch (...) {
  return false;
}

void Team::run_part(const DividedStep& step, std::int64_t part, std::int64_t parts,
                    std::byte* scratch) noexcept {
  const std::int64_t begin = step.units * part / parts, end = step.units * (part + 1) / parts;
  if (begin < end)
    step.range(step.runtime, step.slots, step.workspace, step.batch, begin, end, scratch);
}

void Team::run(const DividedStep& step, std::int64_t cycles, std::byte* scratch) noexcept {
  if (step.units <= 0) return;
  if (support::fork_count() != forks_ && !begin_anew()) return run_part(step, 0, 1, scratch);
  const int present = board_->present.load(std::memory_order_relaxed);
  const auto members = static_cast<int>(board_->parts.size());
  const std::int64_t work = step.units * cycles;
  const std::int64_t parts =
      std::min({std::int64_t{members}, step.units,
                work / static_cast<std::int64_t>(plan::kCyclesWorthDividing)});
  const bool all_here = present == members - 1;
  const bool may_come = !all_here && wants_threads(work);
  if (parts >= 2 && (present > 0 || may_come))
    share(step, parts, scratch);
  else
    run_part(step, 0, 1, scratch);
  if (!all_here) last_ = Clock::now();
}

// The order of memory: the caller writes the step, then the round (release), which a thread reads
// (acquire) before the step. A part of a round is claimed once, by its number, so that who read an
// earlier round claims nothing; the caller goes on when each part is done (release, acquire): until
// then nobody writes the step, and what one thread has written the others read in the next round.
void Team::share(const DividedStep& step, std::int64_t parts, std::byte* scratch) noexcept {
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
      if (turns > kTurnsToYield)
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
  const bool all_came = board_->expected.load(std::memory_order_relaxed) <= 0;
  if (!all_came && now - asked_ < patience_) return true;
  if (lately_ < kCyclesWorthWaking) return false;
  // Who has not come so far may never come. Asking again and again would pile up tasks.
  patience_ = all_came ? kPatience : 2 * patience_;
  ask_for_threads();
  return true;
}

void Team::ask_for_threads() noexcept {
  asked_ = last_;
  lately_ = 0;
  const int missing =
      static_cast<int>(board_->parts.size()) - 1 - board_->present.load(std::memory_order_relaxed);
  if (missing <= 0) return;
  board_->expected.store(missing, std::memory_order_relaxed);
  try {
    Executor& executor = sharing_.executor ? *sharing_.executor : *tbb_executor();
    executor.run([board = board_] { join(board); }, missing);
  } catch (...) {  // no thread, then
  }
}

void Team::join(const std::shared_ptr<Board>& board) noexcept {
  board->expected.fetch_sub(1, std::memory_order_relaxed);
  if (board->closed.load(std::memory_order_relaxed)) return;
  std::size_t seat = 1;
  while (seat < board->seats.size() && board->seats[seat].exchange(true)) ++seat;
  if (seat == board->seats.size()) return;
  board->present.fetch_add(1, std::memory_order_relaxed);
  help(*board, seat);
  board->present.fetch_sub(1, std::memory_order_relaxed);
  board->seats[seat].store(false, std::memory_order_relaxed);
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
    } else if (turns == kTurnsOfClock) {
      idle_since = Clock::now();
    } else if (turns % kTurnsOfClock == 0 && Clock::now() - idle_since > kLingers) {
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
