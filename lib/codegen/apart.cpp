#include "lib/codegen/apart.h"

#include <pthread.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <llvm/Support/ErrorHandling.h>

#include "mlpjit/error.h"

namespace mlpjit::codegen {

namespace {

struct Task {
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  std::exception_ptr error = nullptr;

  void end(std::exception_ptr thrown) {
    const std::lock_guard lock(mutex);
    error = std::move(thrown);
    over = true;
    changed.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return over; });
  }
};

constinit thread_local Task* current = nullptr;  // of the threads of run_apart()

// Ends the task of this thread, and never returns; returns where there is none.
void stop(std::exception_ptr error) {
  if (current == nullptr) return;
  current->end(std::move(error));
  for (;;) pause();
}

void on_fatal_error(void*, const char* reason, bool) {
  stop(std::make_exception_ptr(InternalError(fmt::format("codegen: LLVM: {}", reason))));
}

void on_bad_alloc(void*, const char*, bool) {
  stop(std::make_exception_ptr(std::bad_alloc()));
}

// The host's signal handlers are for the host's threads.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

void run_apart(const std::function<void()>& work) {
  const auto task = std::make_shared<Task>();  // a thread that stopped keeps its own
  try {
    const SignalsBlocked blocked;
    std::thread([task, &work] {
      current = task.get();
      std::exception_ptr error;
      try {
        work();
      } catch (...) {
        error = std::current_exception();
      }
      current = nullptr;
      task->end(std::move(error));
    }).detach();
  } catch (const std::system_error&) {
    return work();
  }
  task->wait();
  // Taken along: the thread may be the last to let the task go.
  if (std::exception_ptr error = std::exchange(task->error, nullptr)) std::rethrow_exception(error);
}

void catch_fatal_errors() {
  llvm::install_fatal_error_handler(on_fatal_error);
  llvm::install_bad_alloc_error_handler(on_bad_alloc);
}

}  // namespace mlpjit::codegen
