#pragma once
/// @file
/// Bytes that tensors and workspaces hold.

#include <cstddef>

#include "mlpjit/export.h"

namespace mlpjit {

/// Bytes alive now, and at most since the last reset, over all threads. Borrowed memory is not
/// counted.
struct MemoryStats {
  std::size_t live_bytes = 0;
  std::size_t peak_bytes = 0;
};

MLPJIT_API MemoryStats memory_stats();
/// The peak starts again from what is live now.
MLPJIT_API void reset_peak_memory();

}  // namespace mlpjit
