#pragma once
/// @file
/// Where the other threads of a call come from (`HybridizeOptions::executor`).

#include <functional>

#include "mlpjit/export.h"

namespace mlpjit {

/// A host's threads, lent to calls of several threads. By default they are oneTBB's.
class MLPJIT_API Executor {
 public:
  virtual ~Executor();
  /// Asks for `count` runs of `task`, each on a thread of its own, and does not wait for them. They
  /// may come late, or not at all: a call goes on with the threads that are there. A run lasts as
  /// long as calls follow one another, and some 50 microseconds longer; then the thread is free.
  /// It calls nothing of the host's, and throws nothing. Called from any thread that calls a
  /// network, `task` not within it.
  virtual void run(const std::function<void()>& task, int count) = 0;
};

}  // namespace mlpjit
