#pragma once
// Threads that wait until another has made something: known to each other, so that none waits in a
// circle.

#include <thread>

namespace mlpjit::support {

// This thread waits for `other` for as long as it lives; unless that one, or whom it waits for in
// turn, is or waits for this thread: `circle`.
class WaitFor {
 public:
  explicit WaitFor(std::thread::id other);
  ~WaitFor();
  WaitFor(const WaitFor&) = delete;
  WaitFor& operator=(const WaitFor&) = delete;
  bool circle() const { return circle_; }

 private:
  bool circle_ = false;
};

}  // namespace mlpjit::support
