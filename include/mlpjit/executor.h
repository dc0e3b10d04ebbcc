#pragma once
/// @file
/// Where the other threads of a call come from (`HybridizeOptions::executor`).

#include <functional>

#include "mlpjit/export.h"

namespace mlpjit {

/// A host's threads, lent to calls of several threads. By default they are oneTBB's.
class MLPJIT_API Executor {
 public:
  /// A thread that has called a network keeps its executor until it ends; so do threads of the
  /// executor's own that call networks with it.
  virtual ~Executor();
  /// Asks for `count` runs of `task`, 1 to HybridizeOptions::kMostThreads, each on a thread of its
  /// own, and does not wait for them: it copies the task. They may come late, even when the network
  /// is gone, or not at all: a call goes on with the threads that are there, and waits only for a
  /// thread that has begun a part of it. A run lasts as long as calls follow one another, and some
  /// 50 microseconds longer; then the thread is free. It calls nothing of the host's, and throws
  /// nothing. Called from any thread that calls a network; must not run `task` on it, and must not
  /// call networks. What it throws is ignored, and no thread comes.
  virtual void run(const std::function<void()>& task, int count) = 0;
};

}  // namespace mlpjit
