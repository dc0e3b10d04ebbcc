// Steps that are divided among threads: the same bits in whatever ranges, on whatever threads.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "lib/support/float_env.h"
#include "test/programs/compiled.h"
#include "test/programs/guarded.h"

namespace mlpjit::test {
namespace {

// Of the call under test; a RangeFunction has no place for what a hook keeps.
struct Hook {
  std::mt19937 random;
  std::int64_t scratch_bytes = 0;
  int ranges = 0;
  int threads = 1;
};
Hook hook;
std::atomic<bool> scratch_written{false};

// [0, units) in pieces of any length, in any order.
std::vector<std::pair<std::int64_t, std::int64_t>> pieces(std::int64_t units) {
  std::vector<std::pair<std::int64_t, std::int64_t>> all;
  for (std::int64_t at = 0; at < units;) {
    const std::int64_t most = std::min<std::int64_t>(units - at, 1 + units / 3);
    const auto length = 1 + static_cast<std::int64_t>(hook.random()) % most;
    all.emplace_back(at, at + length);
    at += length;
  }
  std::shuffle(all.begin(), all.end(), hook.random);
  return all;
}

void run_divided(const codegen::Runtime* runtime, codegen::RangeFunction range, void* const* slots,
                 std::byte* workspace, std::int64_t batch, std::int64_t units,
                 std::int64_t cycles) {
  EXPECT_GT(cycles, 0);
  const auto all = pieces(units);
  hook.ranges += static_cast<int>(all.size());
  const auto some = [&](std::size_t first, std::size_t step) {
    const AlignedGuardedMemory scratch(static_cast<std::size_t>(hook.scratch_bytes));
    std::memset(scratch.data(), 0x5A, static_cast<std::size_t>(hook.scratch_bytes));
    for (std::size_t i = first; i < all.size(); i += step)
      range(runtime, slots, workspace, batch, all[i].first, all[i].second, scratch.data());
    EXPECT_TRUE(scratch.intact());
    const auto* const bytes = reinterpret_cast<const unsigned char*>(scratch.data());
    if (std::any_of(bytes, bytes + hook.scratch_bytes, [](unsigned char b) { return b != 0x5A; }))
      scratch_written = true;
  };
  if (hook.threads == 1) return some(0, 1);
  const support::FloatEnvScope environment;
  std::thread other([&] {
    const support::FloatEnvScope of_thread;
    some(1, 2);
  });
  some(0, 2);
  other.join();
}

struct Case {
  const char* kind;  // of the step that must be divided
  const char* text;
  std::vector<std::int64_t> batches = {0};
};

// Ends of loops that are no multiple of a vector, a tile or a block; groups of two sizes.
const Case kCases[] = {
    {"elementwise",
     "func @main(%x: f32[10007]) {\n %a = tanh %x\n %b = add %a, %x\n return %b\n}\n"},
    {"elementwise",
     "func @main(%x: f32[37, 1, 29], %y: f32[13, 29]) {\n %a = add %x, %y\n return %a\n}\n"},
    {"elementwise", "func @main(%x: f64[B, 6]) {\n %a = gelu %x\n return %a\n}\n", {0, 1, 5, 33}},
    {"elementwise", "func @main(%x: i32[B]) {\n %a = add %x, %x\n return %a\n}\n", {0, 1, 77}},
    {"dense",
     "func @main(%x: f32[67, 30], %w: f32[200, 30] = param \"w\", %b: f32[200]) {\n"
     " %a = dense %x, %w, %b\n %c = gelu %a\n return %c\n}\n"},
    {"dense",
     "func @main(%x: f64[1, 30], %w: f64[333, 30] = param \"w\") {\n %a = dense %x, %w\n return "
     "%a\n}\n"},
    {"dense",
     "func @main(%x: f32[9, 600], %w: f32[700, 600] = param \"w\") {\n %a = dense %x, %w\n %c = "
     "relu %a\n return %c\n}\n"},
    {"dense",
     "func @main(%x: f32[B, 30], %w: f32[90, 30] = param \"w\") {\n %a = dense %x, %w\n %c = tanh "
     "%a\n return %c\n}\n",
     {0, 1, 7, 50}},
    {"dense",
     "func @main(%x: f32[21, 30], %y: f32[30, 45]) {\n %a = matmul %x, %y\n return %a\n}\n"},
    {"narrow_dense",
     "func @main(%x: f32[23, 100], %w: f32[3, 100] = param \"w\") {\n %a = dense %x, %w\n return "
     "%a\n}\n"},
    {"narrow_dense",
     "func @main(%x: f32[B, 100], %w: f32[3, 100] = param \"w\") {\n %a = dense %x, %w\n return "
     "%a\n}\n",
     {0, 1, 6, 31}},
    {"reduction",
     "func @main(%x: f32[19, 70]) {\n %a = mean %x {axes = [1], keepdims = false}\n return "
     "%a\n}\n"},
    {"reduction",
     "func @main(%x: f32[B, 70]) {\n %a = var %x {axes = [1], keepdims = true}\n return %a\n}\n",
     {0, 1, 12}},
    {"row", "func @main(%x: f32[17, 45]) {\n %a = softmax %x {axis = 1}\n return %a\n}\n"},
    {"row",
     "func @main(%x: f32[B, 45], %g: f32[45]) {\n %a = layer_norm %x, %g, %g {epsilon = 1e-05}\n "
     "return %a\n}\n",
     {0, 1, 9}},
    {"transpose",
     "func @main(%x: f32[53, 70]) {\n %a = transpose %x {permutation = [1, 0]}\n return %a\n}\n"},
    {"transpose",
     "func @main(%x: f64[B, 9, 7]) {\n %a = transpose %x {permutation = [0, 2, 1]}\n return "
     "%a\n}\n",
     {0, 1, 9}},
    {"elementwise",
     "func @main(%x: f32[31, 9]) {\n %a = slice %x {axis = 0, begin = 3, end = 30, step = 2}\n "
     "return %a\n}\n"},
    {"dense",
     "func @main(%x: f32[B, 3, 5, 11], %y: f32[3, 11, 18]) {\n %a = matmul %x, %y\n return "
     "%a\n}\n",
     {0, 1, 7}},
    {"matrix_vector",
     "func @main(%x: f32[77, 30], %y: f32[30]) {\n %a = matmul %x, %y\n %b = tanh %a\n return "
     "%b\n}\n"},
    {"matrix_vector",
     "func @main(%x: f64[B, 30], %y: f64[30, 1]) {\n %a = matmul %x, %y\n return %a\n}\n",
     {0, 1, 7, 50}},
    {"matrix_vector",
     "func @main(%x: f32[B, 13, 30], %y: f32[B, 30, 1]) {\n %a = matmul %x, %y\n return %a\n}\n",
     {0, 1, 7}},
    {"column_reduction",
     "func @main(%x: f32[21, 77]) {\n %a = var %x {axes = [0], keepdims = false}\n return "
     "%a\n}\n"},
    {"column_reduction",
     "func @main(%x: f32[B, 21, 19]) {\n %a = argmin %x {axes = [1], keepdims = false}\n return "
     "%a\n}\n",
     {0, 1, 7}},
    {"copy", "func @main(%x: f32[100, 170]) {\n return %x, %x\n}\n"},
    {"copy", "func @main(%x: f32[B, 3]) {\n return %x\n}\n", {0, 1, 1000}},
};

TEST(Divided, EveryKernelGivesTheSameBitsInWhateverRanges) {
  std::set<std::string> seen;
  for (const support::Isa isa : runnable_isas()) {
    for (const Case& one : kCases) {
      SCOPED_TRACE(std::string(one.text) + std::string(to_string(isa)));
      const Compiled program(one.text, isa, true, {2, 0});
      bool divided = false;
      for (const plan::Step& step : program.plan().steps)
        divided = divided ||
                  (step.units.divided() && plan::kind_of(step.kernel) == std::string(one.kind));
      // Without the instruction it may be left to the interpreter.
      if (!divided && isa == support::Isa::baseline) continue;
      ASSERT_TRUE(divided) << plan::to_string(program.plan());
      seen.insert(one.kind);
      for (const std::int64_t batch : one.batches) {
        EXPECT_EQ(compare(program, Numbers::mixed, batch), "") << "as one range, " << batch;
        for (const int threads : {1, 1, 2}) {
          hook = {std::mt19937(static_cast<unsigned>(threads * 31 + batch)),
                  program.plan().scratch_bytes, 0, threads};
          scratch_written = false;
          EXPECT_EQ(compare(program, Numbers::mixed, batch, &run_divided), "")
              << threads << " " << batch;
          // Rows are kept in the thread's own memory, not in the one workspace.
          EXPECT_TRUE(scratch_written || program.plan().scratch_bytes == 0 || hook.ranges == 0);
          const bool of_rows = one.batches.size() > 1;
          EXPECT_TRUE(hook.ranges > 1 || (of_rows && batch <= 1));
        }
      }
    }
  }
  EXPECT_EQ(seen, (std::set<std::string>{"column_reduction", "copy", "dense", "elementwise",
                                         "matrix_vector", "narrow_dense", "reduction", "row",
                                         "transpose"}));
}

TEST(Divided, OnlyWhatIsWorthIt) {
  const char* const small =
      "func @main(%x: f32[4, 30], %w: f32[90, 30] = param \"w\") {\n %a = dense %x, %w\n return "
      "%a\n}\n";
  const char* const large =
      "func @main(%x: f32[256, 500], %w: f32[900, 500] = param \"w\") {\n %a = dense %x, %w\n "
      "return %a\n}\n";
  const auto divided = [](const char* text, int threads) {
    return Compiled(text, support::detect_isa(), true, {threads}).plan().steps[0].units.divided();
  };
  EXPECT_FALSE(divided(small, 2));
  EXPECT_TRUE(divided(large, 2));
  EXPECT_FALSE(divided(large, 1));
}

}  // namespace
}  // namespace mlpjit::test
