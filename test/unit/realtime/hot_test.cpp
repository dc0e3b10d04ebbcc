// What a bound call must not do: allocate, lock, ask the operating system, touch a page for the
// first time, or feel the caller's floating-point environment. And what an ordinary call must not.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/unit/realtime/counted_new.h"
#include "test/unit/realtime/realtime.h"

namespace {
thread_local std::size_t locks = 0;
}

#if !defined(MLPJIT_TEST_SANITIZED)
extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto real = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  ++locks;
  return real(mutex);
}
#endif

namespace mlpjit {
namespace {

class Hot : public test::RealTimeTest {
 protected:
  nn::HybridSequential net_ = test::policy();
  std::vector<float> in_ = std::vector<float>(27, 0.25f), out_ = std::vector<float>(6);
};

TEST_F(Hot, ABoundCallAllocatesNothingAndLocksNothing) {
  MLPJIT_TEST_COUNTS_ALLOCATIONS();
  BoundCall run = net_.bind({f32({1, 27})});
  nn::Parameter weight = net_.collect_params()["0.weight"];
  for (int i = 0; i < 10; ++i) {
    weight.set_data(full({64, 27}, static_cast<float>(i)));  // so that it has weights to look up
    const std::size_t allocated = test::allocations, locked = locks;
    const Status status = run({in_}, {out_});
    EXPECT_EQ(test::allocations, allocated);
    EXPECT_EQ(locks, locked);
    EXPECT_EQ(status, Status::ok);
  }
  EXPECT_GT(test::allocations, 0u);  // they are counted
  EXPECT_GT(locks, 0u);
}

TEST_F(Hot, ABoundCallMakesNoSystemCallAndNoPageFault) {
#if defined(MLPJIT_TEST_SANITIZED)
  GTEST_SKIP() << "a sanitizer has pages and calls of its own";
#endif
  BoundCall run = net_.bind({f32({1, 27})});
  net_.collect_params()["0.weight"].set_data(ones({64, 27}));
  const pid_t child = fork();
  if (child == 0) {
    // A fork shares pages until they are written, those of this function's variables among them, and
    // has to find code again that lies in files: the second time counts.
    bool faults = false;
    for (int time = 0; time < 2; ++time) {
      rusage before{}, after{};
      getrusage(RUSAGE_SELF, &before);
      for (int i = 0; i < 1000; ++i) run({in_}, {out_});
      getrusage(RUSAGE_SELF, &after);
      faults = after.ru_minflt != before.ru_minflt || after.ru_majflt != before.ru_majflt;
    }
    if (faults) _exit(2);
    // From here on any system call but read, write and exit kills the process.
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    bool ok = true;
    for (int i = 0; i < 1000; ++i) ok = ok && run({in_}, {out_}) == Status::ok;
    syscall(SYS_exit, ok ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "a system call";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "2: page faults";
}

TEST_F(Hot, ABoundCallDoesNotFeelTheCallersEnvironment) {
  BoundCall run = net_.bind({f32({1, 27})});
  run({in_}, {out_});
  const std::vector<float> want = out_;
#if defined(__x86_64__)
  const unsigned control = __builtin_ia32_stmxcsr();
  for (const unsigned other :
       {control | 0x0040, control | 0x8000, control | 0x6000, control & ~0x1F80u}) {
    __builtin_ia32_ldmxcsr(other);
    const Status status = run({in_}, {out_});
    const unsigned after = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(control);
    EXPECT_EQ(status, Status::ok);
    EXPECT_EQ(after & 0xFFC0, other & 0xFFC0);
    EXPECT_EQ(out_, want);
  }
#endif
}

// However many parameters there are: a call looks them up only when something was published. What
// it makes for its result is what the thread kept of the last one.
TEST_F(Hot, ACallAllocatesNothingAndLocksNothing) {
  MLPJIT_TEST_COUNTS_ALLOCATIONS();
  const Tensor x = tensor(std::span<const float>(in_), {1, 27});
  nn::HybridSequential deep;
  for (int i = 0; i < 20; ++i) deep.add(nn::Dense(27, {.in_units = 27}));
  deep.initialize();
  for (nn::HybridSequential* net : {&net_, &deep}) {
    net->hybridize();
    for (int i = 0; i < 3; ++i) (*net)(x);
    const std::size_t allocated = test::allocations, locked = locks;
    for (int i = 0; i < 5; ++i) (*net)(x);
    EXPECT_EQ(test::allocations, allocated);
    EXPECT_EQ(locks, locked);
  }
}

}  // namespace
}  // namespace mlpjit
