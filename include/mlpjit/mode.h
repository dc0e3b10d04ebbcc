#pragma once
/// @file
/// What mode this thread is in: training or inference, tracing or running.

#include "mlpjit/export.h"

namespace mlpjit {

/// Whether layers such as Dropout and BatchNorm train, on this thread. Part of every signature.
MLPJIT_API bool is_training();
/// Sets it for this thread. While tracing, a TraceError when it would change.
MLPJIT_API void set_training(bool training);

/// Training or inference for a scope.
class MLPJIT_API TrainingScope {
 public:
  explicit TrainingScope(bool training = true);
  ~TrainingScope();
  TrainingScope(const TrainingScope&) = delete;
  TrainingScope& operator=(const TrainingScope&) = delete;

 private:
  bool saved_;
};

/// Whether ops on this thread are being written into a graph instead of run.
MLPJIT_API bool is_tracing();

}  // namespace mlpjit
