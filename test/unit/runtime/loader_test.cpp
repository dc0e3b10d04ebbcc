#include "lib/runtime/loader.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "mlpjit/error.h"

namespace mlpjit::runtime {
namespace {

TEST(Loader, WithoutLlvmSaysSoAndNamesTheWayOut) {
  if (built_with_llvm()) GTEST_SKIP() << "this build has LLVM";
  try {
    load_toolchain();
    ADD_FAILURE() << "no error";
  } catch (const UnsupportedError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("MLPJIT_WITH_LLVM"), std::string::npos) << text;
    EXPECT_NE(text.find("Backend::graph"), std::string::npos) << text;
  }
}

TEST(Loader, GivesOneCompilerToAllThreads) {
  if (!built_with_llvm()) GTEST_SKIP() << "built without LLVM";
  std::vector<const codegen::Toolchain*> got(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < got.size(); ++i)
    threads.emplace_back([&, i] { got[i] = &load_toolchain(); });
  for (std::thread& thread : threads) thread.join();
  for (const codegen::Toolchain* compiler : got) EXPECT_EQ(compiler, got[0]);
  EXPECT_EQ(got[0]->compiler().llvm_version().substr(0, 3), "19.");
}

TEST(Loader, AFileNamedInTheEnvironmentIsTheOnlyOneTried) {
  if (codegen_candidates().empty()) GTEST_SKIP() << "nothing is loaded in this build";
  const std::vector<std::string> usual = codegen_candidates();
  ASSERT_EQ(setenv("MLPJIT_CODEGEN_LIBRARY", "/some/where.so", 1), 0);
  const std::vector<std::string> named = codegen_candidates();
  unsetenv("MLPJIT_CODEGEN_LIBRARY");
  EXPECT_EQ(named, std::vector<std::string>{"/some/where.so"});
  EXPECT_GE(usual.size(), 3u);
  EXPECT_EQ(usual.front().front(), '/');
  EXPECT_EQ(usual.back().find('/'), std::string::npos);
}

// In a process of its own, where nothing is loaded yet.
TEST(LoaderDeathTest, AnotherBuildIsRefused) {
  if (codegen_candidates().empty()) GTEST_SKIP() << "nothing is loaded in this build";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto load = [] {
    setenv("MLPJIT_CODEGEN_LIBRARY", MLPJIT_TEST_OTHER_BUILD, 1);
    try {
      load_toolchain();
      std::exit(0);
    } catch (const UnsupportedError& error) {
      std::fputs(error.what(), stderr);
      std::exit(7);
    }
  };
  EXPECT_EXIT(load(), testing::ExitedWithCode(7), "of another build of mlpjit: 0.0.0-other");
}

}  // namespace
}  // namespace mlpjit::runtime
