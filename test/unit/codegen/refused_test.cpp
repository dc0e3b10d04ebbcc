// Where LLVM or the system refuses: an error of a type that says why and what to do instead, nothing
// on stderr, and the process lives on.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "lib/runtime/loader.h"
#include "mlpjit/error.h"
#include "test/programs/compiled.h"

#if !defined(PR_SET_MDWE)
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

namespace mlpjit::test {
namespace {

constexpr const char* kLayer =
    "func @main(%x: f32[3, 4], %w: f32[5, 4], %b: f32[5]) {\n"
    "  %y = dense %x, %w, %b\n"
    "  %z = tanh %y\n"
    "  return %z\n"
    "}\n";

plan::Plan plan_for(const plan::Target& target) {
  auto graph = std::make_shared<ir::Graph>(ir::parse(kLayer));
  return plan::make_plan(std::move(graph), target);
}

TEST(Refused, AFatalErrorOfLlvmIsAnErrorAndTheNextCompileWorks) {
  plan::Target target = plan::make_target(support::Isa::baseline);
  target.cpu = "i386";  // which cannot run 64-bit code: LLVM gives up
  for (int round = 0; round < 3; ++round) {
    codegen::CompileReport report;
    try {
      runtime::load_toolchain().compiler().compile(plan_for(target), {}, report);
      FAIL() << "no error";
    } catch (const InternalError& error) {
      EXPECT_NE(std::string(error.what()).find("64-bit"), std::string::npos) << error.what();
    }
    EXPECT_EQ(compare(Compiled(kLayer, support::Isa::baseline)), "");
  }
}

// Ends the process with 0 if `body` did not fail, and nothing was written to stderr meanwhile.
template <class Body>
[[noreturn]] void leave_after(const Body& body) {
  const int file = memfd_create("stderr", 0);
  const int before = dup(STDERR_FILENO);
  dup2(file, STDERR_FILENO);
  std::string failure = body();
  dup2(before, STDERR_FILENO);
  struct stat written{};
  fstat(file, &written);
  if (written.st_size != 0) failure += " and something was written to stderr";
  std::fputs(failure.c_str(), stderr);
  _exit(failure.empty() ? 0 : 1);
}

std::string runs() try {
  return compare(Compiled(kLayer, support::Isa::baseline));
} catch (const std::exception& error) {
  return error.what();
}

class RefusedDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(RefusedDeathTest, CodeRunsWhereWrittenMemoryCannotBecomeExecutable) {
  EXPECT_EXIT(
      {
        if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0) _exit(0);  // an old kernel
        leave_after(runs);
      },
      testing::ExitedWithCode(0), "");
}

// A seccomp filter as systemd's MemoryDenyWriteExecute makes one; with `files`, it forbids files in
// memory too.
bool deny_executable_memory(bool files) {
  const sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      refuse,
  };
  if (files) {
    filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1));
    filter.push_back(refuse);
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(RefusedDeathTest, CodeRunsUnderAFilterOfSystemCalls) {
  EXPECT_EXIT(
      {
        if (!deny_executable_memory(false)) _exit(0);
        leave_after(runs);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(RefusedDeathTest, WhereNoMemoryMayBeExecutableTheErrorSaysSoAndNamesTheWayOut) {
  EXPECT_EXIT(
      {
        leave_after([]() -> std::string {
          if (!deny_executable_memory(true)) return "";
          for (int round = 0; round < 3; ++round) {
            try {
              Compiled(kLayer, support::Isa::baseline);
              return "no error";
            } catch (const UnsupportedError& error) {
              const std::string text = error.what();
              if (text.find("may not make memory executable") == std::string::npos ||
                  text.find("Operation not permitted") == std::string::npos ||
                  text.find("Backend::graph") == std::string::npos) {
                return text;
              }
            }
          }
          return "";
        });
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace mlpjit::test
