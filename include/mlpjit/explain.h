#pragma once
/// @file
/// What mlpjit did with a function or a block, as data: every signature with its guards, the
/// passes, the kernels, the bytes and the milliseconds. `explain()` of a block or of a jitted
/// function gives an Explanation. Its lists are std::vectors, except that an element of a
/// temporary's list is a value: `net.explain().signatures[0].kernels` may be looped over.

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "mlpjit/detail/value_list.h"
#include "mlpjit/export.h"

namespace mlpjit {

/// One fact that a call must meet to use a signature's executable.
struct Guard {
  /// What is looked at: "argument 0", "storage of argument 1", "parameter 0.weight", "capture 2",
  /// "training", "structure".
  std::string subject;
  /// What it must be: "f32[1, 512]", "a tensor of its own", "false".
  std::string expected;
};

/// One run of one pass of the optimiser.
struct PassSummary {
  std::string name;
  /// Rewrites made; 0 when it found nothing to do.
  int changes = 0;
  double ms = 0;
  /// Which ops there are fewer or more of after it: "add -2, constant +1". "" where only operands
  /// or attributes changed, or nothing.
  std::string ops = {};
};

/// One kernel of a compiled program, in the order of execution.
struct KernelSummary {
  /// Layer path and op.
  std::string name;
  /// "elementwise", "transpose", "dense", "narrow_dense", "matrix_vector", "reduction",
  /// "column_reduction", "row", "gather", "one_hot", "library", "copy", "cond", "while" or "scan".
  std::string kind;
  /// Why it has this form, or why it is a call of the interpreter's kernel.
  std::string reason;
  /// The ops that became this one kernel: "dense, relu"; "" where it is a single op.
  std::string fused = {};
};

/// Milliseconds of each phase of making one executable.
struct PhaseTimes {
  /// Running the C++ once to record it.
  double trace = 0;
  double passes = 0;
  double plan = 0;
  /// Plan to LLVM IR.
  double lower = 0;
  /// LLVM IR to an object.
  double codegen = 0;
  double link = 0;
  /// Opening the library of the code generator; only the first compile of a process pays it.
  double load = 0;
  /// All of them together.
  double total = 0;
};

/// One signature: what it was made for, and what was made.
struct SignatureSummary {
  /// Its inputs: "f32[1, 512]".
  std::string name;
  /// Calls that found it already there.
  std::uint64_t hits = 0;
  detail::ValueList<Guard> guards;
  /// "native" or "graph".
  std::string backend;
  /// "baseline", "avx2" or "avx512".
  std::string isa;
  detail::ValueList<PassSummary> passes;
  detail::ValueList<KernelSummary> kernels;
  /// Groups of ops that became one kernel.
  int fusions = 0;
  /// Rows of the batch that the kernels run on at a time (at most, where the batch size is
  /// symbolic), one block after the other or shared among threads; 0: on all of them.
  std::int64_t row_block = 0;
  /// Bytes of intermediates during a call, after reuse; of batch size 1 where it is symbolic; of a
  /// block of rows, and of each thread, where there are such.
  std::size_t workspace_bytes = 0;
  /// The bytes of a symbolic batch: "1344*B"; "" where sizes are exact.
  std::string workspace_formula;
  /// The same without reuse.
  std::size_t unshared_bytes = 0;
  /// Bytes of the packed copies of the weights.
  std::size_t packed_bytes = 0;
  /// Bytes of machine code, without the functions of programs before.
  std::size_t code_bytes = 0;
  /// Functions of programs that this process compiled before, which this one calls instead of
  /// having them compiled again.
  std::size_t reused_functions = 0;
  /// With `audit`: what other traces did otherwise, one line each; see HybridizeOptions::audit. And
  /// whether text was made of a size that is a symbol, which the program has frozen.
  detail::ValueList<std::string> audit;
  PhaseTimes ms;
};

/// All that is known about one block or one function.
struct Explanation {
  /// Layer path or function.
  std::string name;
  /// Calls that found their executable.
  std::uint64_t hits = 0;
  /// Calls that did not.
  std::uint64_t misses = 0;
  std::uint64_t compiles = 0;
  /// Calls that got no executable: refused by on_recompile, or a trace or a compile that failed.
  std::uint64_t failures = 0;
  /// Executables that made room for others.
  std::uint64_t evictions = 0;
  /// Executables held now, and their bytes.
  std::size_t entries = 0;
  std::size_t bytes = 0;
  /// Why the last call that missed did: "first call", or the guard that failed with both values.
  std::string last_miss;
  /// What the last of the failures said.
  std::string last_failure;
  /// Why calls have executables for exact batch sizes although one for all was wanted; "" where
  /// that was not so.
  std::string exact_batch;
  detail::ValueList<SignatureSummary> signatures;
};

/// The report for people.
MLPJIT_API std::string to_string(const Explanation& explanation);
MLPJIT_API std::ostream& operator<<(std::ostream& out, const Explanation& explanation);

/// The report for programs: one JSON object whose names are those of the members above.
MLPJIT_API std::string to_json(const Explanation& explanation);

}  // namespace mlpjit
