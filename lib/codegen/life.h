#pragma once
// The life of LLVM in this process: whether it may still be used. It may to the very end where it
// is a library of its own, whose static objects are never destroyed (process_end.cpp). Linked into
// a program, they go with the program's: from the first handler of its end on, compiling is an
// error and code stays there.

#include <shared_mutex>

namespace mlpjit::codegen {

class Life {
 public:
  // Of the process; never destroyed.
  static Life& of_llvm() {
    static Life* const one = new Life;
    return *one;
  }

  // Holds the end up; nothing is held when it has come.
  using Use = std::shared_lock<std::shared_mutex>;
  Use use() {
    Use use(mutex_);
    if (ended_) use.unlock();
    return use;
  }
  // Throws UnsupportedError when it has come.
  Use use_or_refuse();
  void end() {
    const std::lock_guard alone(mutex_);
    ended_ = true;
  }

 private:
  std::shared_mutex mutex_;
  bool ended_ = false;
};

}  // namespace mlpjit::codegen
