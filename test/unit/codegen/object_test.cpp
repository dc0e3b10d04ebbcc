// Objects apart from links: what a compiler gives can be kept in a file, and is code in whatever
// process links it.

#include "lib/object/object.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstring>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lib/runtime/loader.h"
#include "mlpjit/error.h"
#include "mlpjit/version.h"
#include "test/programs/compiled.h"

namespace mlpjit::test {
namespace {

// Its slots are an input and an output.
constexpr const char* kProgram =
    "func @main(%x: f32[3, 5]) {\n"
    "  %three = constant f32[] 3\n"
    "  %y = multiply %x, %three\n"
    "  %z = tanh %y\n"
    "  return %z\n"
    "}\n";

object::Object compile(const plan::Target& target) {
  auto graph = std::make_shared<ir::Graph>(ir::parse(kProgram));
  codegen::CompileReport report;
  return *runtime::load_toolchain().compiler().compile(plan::make_plan(std::move(graph), target),
                                                       {.reuse = false}, report);
}

class ObjectFile : public testing::Test {
 protected:
  ObjectFile() : path_(testing::TempDir() + "object." + std::to_string(getpid())) {}
  ~ObjectFile() override { std::filesystem::remove(path_); }

  std::string read() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  std::string path_;
};

constexpr int kElements = 15;

std::vector<float> input() {
  std::vector<float> x(kElements);
  for (int i = 0; i < kElements; ++i)
    x[static_cast<std::size_t>(i)] = 0.1F * static_cast<float>(i - 7);
  return x;
}

std::vector<float> run(const codegen::Code& code) {
  std::vector<float> x = input(), z(kElements);
  void* slots[] = {x.data(), z.data()};
  alignas(64) std::byte workspace[4096];
  const codegen::Runtime runtime;
  EXPECT_EQ(code.entry()(&runtime, slots, workspace, 0), 0);
  return z;
}

// Run by the test below, in a process that has compiled nothing.
TEST(ObjectOfAnotherProcess, IsLinkedAndRun) {
  const char* const path = std::getenv("MLPJIT_TEST_OBJECT");
  if (path == nullptr) GTEST_SKIP() << "part of ObjectFile.IsLinkedInAnotherProcess";
  const auto object = std::make_shared<const object::Object>(object::load(path));
  const auto code = runtime::load_toolchain().linker().link(object);
  const std::vector<float> z = run(*code);
  std::ofstream(std::string(path) + ".result", std::ios::binary)
      .write(reinterpret_cast<const char*>(z.data()), kElements * sizeof(float));
}

TEST_F(ObjectFile, IsLinkedInAnotherProcess) {
  const Compiled here(kProgram, support::detect_isa());
  const std::vector<float> x = input();
  const Outcome want = here.interpret(
      {make_value(input_types(here.original())[0], std::vector<double>(x.begin(), x.end()))});

  object::save(compile(plan::make_target(support::detect_isa())), path_);
  const pid_t child = fork();
  if (child == 0) {
    setenv("MLPJIT_TEST_OBJECT", path_.c_str(), 1);
    execl("/proc/self/exe", "object", "--gtest_filter=ObjectOfAnotherProcess.*", "--gtest_brief=1",
          nullptr);
    _exit(127);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  ASSERT_EQ(WEXITSTATUS(status), 0);
  std::ifstream result(path_ + ".result", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(result), {}};
  ASSERT_EQ(bytes.size(), kElements * sizeof(float));
  EXPECT_EQ(std::memcmp(bytes.data(), want.results[0].data(), bytes.size()), 0);
  std::filesystem::remove(path_ + ".result");
}

TEST_F(ObjectFile, SaysWhatItIs) {
  const object::Object object = compile(plan::make_target(support::Isa::baseline));
  EXPECT_EQ(object.target, "baseline");
  EXPECT_EQ(object.abi, codegen::kAbiVersion);
  EXPECT_EQ(object.numerics, kNumericsVersion);
  EXPECT_EQ(object.bytes.substr(1, 3), "ELF");
  EXPECT_NE(std::find(object.symbols.begin(), object.symbols.end(), codegen::kEntryName),
            object.symbols.end());
  EXPECT_GT(object.symbols.size(), 1u);
  EXPECT_NE(object.made_from.find("LLVM 19"), std::string::npos) << object.made_from;
  object::save(object, path_);
  EXPECT_EQ(object::load(path_), object);
}

TEST_F(ObjectFile, ThatIsNoneOrDamagedIsRefused) {
  EXPECT_THROW(object::load(path_), FormatError);
  for (const char* text : {"", "mlpjit", "something else that is as long as a header is"}) {
    write(text);
    EXPECT_THROW(object::load(path_), FormatError) << text;
  }
  object::save(compile(plan::make_target(support::Isa::baseline)), path_);
  const std::string good = read();
  for (const std::size_t at : {std::size_t{0}, std::size_t{9}, std::size_t{40}, good.size() - 1}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    write(bad);
    EXPECT_THROW(object::load(path_), FormatError) << at;
    write(good.substr(0, at));
    EXPECT_THROW(object::load(path_), FormatError) << at;
  }
}

TEST(Linker, RefusesWhatThisMachineCannotRun) {
  const codegen::Linker& linker = runtime::load_toolchain().linker();
  object::Object object = compile(plan::make_target(support::Isa::baseline));
  EXPECT_NE(linker.link(std::make_shared<const object::Object>(object)), nullptr);
  object.abi += 1;
  EXPECT_THROW(linker.link(std::make_shared<const object::Object>(object)), UnsupportedError);
  object.abi -= 1;
  object.numerics += 1;
  EXPECT_THROW(linker.link(std::make_shared<const object::Object>(object)), UnsupportedError);
  object.numerics -= 1;
  for (const char* target : {"neon", "z80"}) {
    object.target = target;
    EXPECT_THROW(linker.link(std::make_shared<const object::Object>(object)), UnsupportedError)
        << target;
  }
  object.target = "baseline";
  object::Object without_entry = object;
  without_entry.symbols.clear();
  EXPECT_THROW(linker.link(std::make_shared<const object::Object>(without_entry)), InternalError);
  object.bytes.resize(object.bytes.size() / 2);
  EXPECT_THROW(linker.link(std::make_shared<const object::Object>(object)), InternalError);
}

TEST(Compiler, RefusesATargetThatIsOnlyDescribed) {
  const plan::Target* const neon = plan::find_target("neon");
  ASSERT_NE(neon, nullptr);
  EXPECT_THROW(compile(*neon), UnsupportedError);
}

}  // namespace
}  // namespace mlpjit::test
