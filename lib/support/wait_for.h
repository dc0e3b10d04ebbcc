#pragma once
// Threads that wait until another has made something: known to each other, so that none waits in a
// circle.

#include <thread>

namespace mlpjit::support {

// This thread waits for `other`, which makes `what`, until over(what) or for as long as it lives;
// unless that one, or whom it waits for in turn, is or waits for this thread: `circle`.
class WaitFor {
 public:
  WaitFor(std::thread::id other, const void* what);
  ~WaitFor();
  WaitFor(const WaitFor&) = delete;
  WaitFor& operator=(const WaitFor&) = delete;
  bool circle() const { return circle_; }

  // Nobody waits for `what` any more, though some have not woken up yet. Under the mutex that such
  // waits begin under.
  static void over(const void* what);

 private:
  bool circle_ = false;
};

}  // namespace mlpjit::support
