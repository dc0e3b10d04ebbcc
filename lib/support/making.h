#pragma once
// The list of things that this thread is making, for others too, who may wait for it. Who is waited
// for waits for no maker, so that there is no circle: it goes without, or makes its own.

#include "lib/support/snapshot.h"

namespace mlpjit::support {

class Making {
 public:
  explicit Making(const void* what) : what_(what), outer_(innermost) { innermost = this; }
  ~Making() { innermost = outer_; }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;

  static bool anything() { return innermost != nullptr; }
  // Whether others may be waiting for this thread, for what it makes or for what the program that
  // it runs has locked.
  static bool waited_for() { return anything() || thread_reader.update != nullptr; }
  static bool of_this_thread(const void* what) {
    for (const Making* m = innermost; m != nullptr; m = m->outer_) {
      if (m->what_ == what) return true;
    }
    return false;
  }

 private:
  static constinit inline thread_local const Making* innermost = nullptr;

  const void* const what_;
  const Making* const outer_;
};

}  // namespace mlpjit::support
