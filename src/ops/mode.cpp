#include "mlpjit/mode.h"

#include "lib/support/storage.h"
#include "mlpjit/error.h"
#include "mlpjit/memory.h"
#include "src/record/recorder.h"

namespace mlpjit {

namespace {
thread_local bool training_mode = false;
}

bool is_training() {
  return training_mode;
}

void set_training(bool training) {
  if (training != training_mode && is_tracing()) {
    throw TraceError(detail::path_prefix() +
                     "set_training: the mode is part of the signature of a traced program and "
                     "cannot change inside "
                     "it; set it before the call");
  }
  training_mode = training;
}

TrainingScope::TrainingScope(bool training) : saved_(training_mode) {
  set_training(training);
}
TrainingScope::~TrainingScope() {
  training_mode = saved_;
}

bool is_tracing() {
  return detail::Recorder::current() != nullptr;
}

MemoryStats memory_stats() {
  const support::MemoryStats stats = support::memory_stats();
  return {stats.live_bytes, stats.peak_bytes};
}

void reset_peak_memory() {
  support::reset_peak_memory();
}

}  // namespace mlpjit
