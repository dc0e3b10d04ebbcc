#pragma once
/// @file
/// How a network or a function is hybridized, as designated initialisers.

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mlpjit/executor.h"
#include "mlpjit/export.h"
#include "mlpjit/isa.h"

namespace mlpjit {

/// How a traced program runs: machine code, or the optimised graph run by the interpreter's
/// kernels.
enum class Backend : std::uint8_t { native, graph };
/// Whether executables are made for exact batch sizes, or one for all of them.
enum class Batch : std::uint8_t { exact, dynamic };
/// What a call that needs a new executable (not the first) does.
enum class OnRecompile : std::uint8_t { allow, warn, error };

constexpr const char* to_string(Backend backend) {
  return backend == Backend::native ? "native" : "graph";
}

/// The passes of the optimiser; each can be switched off. The bits never change.
struct PassOptions {
  bool inline_calls = true;
  bool fold = true;
  bool simplify = true;
  bool cse = true;
  bool eliminate_dead_values = true;
  bool fuse = true;
  friend bool operator==(const PassOptions&, const PassOptions&) = default;
};

/// Options of `hybridize`, `jit` and `compile`. A program given to `compile` is no function: it
/// refuses `audit`, and Batch::dynamic where all its sizes are numbers; `dynamic_batch_after` is
/// not used; `on_recompile` is asked where several symbols make one executable per set of sizes.
struct HybridizeOptions {
  static constexpr int kMostThreads = 128;

  Backend backend = Backend::native;
  Batch batch = Batch::exact;
  OnRecompile on_recompile = OnRecompile::allow;
  /// For `jit` and `hybridize`. Trace twice before compiling, and once more at each later call,
  /// with its inputs, and report what differs (explain(), and a warning): C++ values that are
  /// frozen. The C++ of the function runs that often; its updates, prints and draws do not.
  bool audit = false;
  /// Threads of one call, the caller's among them; of Backend::native. The bits are the same with
  /// any number. Steps of little work stay on the caller's thread, and so does the first call after
  /// a pause: the other threads wait 50 microseconds for the next one, and then go to sleep. From 1
  /// to kMostThreads, else hybridize() and jit() throw UserError; bind() takes 1 only.
  int threads = 1;
  /// Where the others come from; null: they are oneTBB's, as many as the machine has cores for (a
  /// forked process has none: its calls run on one thread).
  std::shared_ptr<Executor> executor = nullptr;
  /// Instruction set; by default the widest of this CPU, capped by MLPJIT_MAX_ISA.
  std::optional<Isa> isa = std::nullopt;
  PassOptions passes = {};
  /// Calls that differ in the size of axis 0 only: after so many sizes one executable serves all
  /// others. 0: never; each size has its own. Batch::dynamic does so from the first call on. Code
  /// that uses the batch size as a number, or compares sizes that only some batches make equal,
  /// keeps executables of exact sizes; Explanation::exact_batch says why.
  int dynamic_batch_after = 4;
  /// Bounds of the cache of this block or function; the least recently used executable goes first.
  std::size_t max_entries = 64;
  std::size_t max_bytes = std::size_t{256} << 20;
  friend bool operator==(const HybridizeOptions&, const HybridizeOptions&) = default;
};

}  // namespace mlpjit
