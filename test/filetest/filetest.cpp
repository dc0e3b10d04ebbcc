// Golden files. A case is a program, headed by the stages to put it through, and followed by what
// each makes of it:
//
//   ; stages: print, inline_calls+fold
//   func @main(...) { ... }
//   ; ---- print
//   (the text expected)
//   ; ---- inline_calls+fold
//   (the number of changes, and the text expected)
//
// Stages: print (parse and print), canonical, dot, errors, optimize (the whole pipeline), the passes
// by name, joined by '+' to run one after another, plan with a target ("plan avx2": of the optimised
// program; "divided avx2": the same where all that can be is divided among threads), llvm with a
// target, and run (what the program gives in every backend, on the inputs in comments
// "; %x = f32[2] [1, 2]"; "; call" begins another call). Each starts from the program as written.
// For errors, the file holds several programs separated by lines `;;`, each headed by a comment
// that names it; every one must be refused, and the messages are what is expected. A stage without
// an expectation fails; MLPJIT_BLESS=1 writes the expectations instead.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "lib/ir/text.h"
#include "lib/ir/verify.h"
#include "lib/passes/passes.h"
#include "mlpjit/error.h"
#include "test/filetest/run_stage.h"

namespace mlpjit {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStages = "; stages:";
constexpr std::string_view kSection = "; ---- ";
constexpr std::string_view kPlan = "plan ", kDivided = "divided ", kLlvm = "llvm ";

struct Case {
  std::vector<std::string> stages;
  std::string program;  // with its header
  std::map<std::string, std::string> expected;
};

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \n");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \n") - begin + 1));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in{std::string(text)};
  for (std::string part; std::getline(in, part, separator);) parts.push_back(trimmed(part));
  return parts;
}

Case read_case(const fs::path& path) {
  std::ifstream in(path);
  Case result;
  std::string* section = &result.program;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(kStages)) result.stages = split(line.substr(kStages.size()), ',');
    if (line.starts_with(kSection)) {
      section = &result.expected[trimmed(line.substr(kSection.size()))];
    } else {
      *section += line + "\n";
    }
  }
  return result;
}

void write_case(const fs::path& path, const Case& test) {
  std::ofstream out(path);
  out << trimmed(test.program) << "\n";
  for (const std::string& stage : test.stages) {
    out << kSection << stage << "\n" << test.expected.at(stage) << "\n";
  }
}

int run_pass(const std::string& name, ir::Graph& graph) {
  for (const passes::PassInfo& pass : passes::all_passes()) {
    if (pass.name == name) return pass.run(graph, support::Isa::baseline);
  }
  if (name == "optimize") {
    passes::PipelineSettings settings;
    settings.verify = true;
    int changes = 0;
    for (const passes::PassReport& report : passes::run_pipeline(graph, settings)) {
      changes += report.changes;
    }
    return changes;
  }
  throw UserError("there is no stage '" + name + "'");
}

// What a graph prints as; checked to read back as the same.
std::string checked_text(const ir::Graph& graph, const std::string& stage) {
  ir::verify_or_throw(graph, stage);
  const std::string text = ir::print(graph);
  EXPECT_EQ(ir::print(ir::parse(text)), text) << "the text does not read back as it was";
  return text;
}

std::string error_of(const std::string& program) {
  try {
    const ir::Graph graph = ir::parse(program);
    ADD_FAILURE() << "this program must be refused:\n" << program;
    return "no error";
  } catch (const FormatError& error) {
    return error.what();
  }
}

std::string run_errors(std::string_view programs) {
  std::string text;
  // The first comment is the stages'.
  programs.remove_prefix(programs.find('\n') + 1);
  for (bool more = true; more;) {
    const std::size_t end = programs.find("\n;;\n");
    more = end != std::string_view::npos;
    const std::string program(programs.substr(0, end));
    if (more) programs.remove_prefix(end + 4);
    text += trimmed(program.substr(1, program.find('\n') - 1)) + ":\n  " + error_of(program) + "\n";
  }
  return text;
}

std::string run_stage(const std::string& program, const std::string& stage) {
  if (stage == "errors") return run_errors(program);
  if (stage == "run") return filetest::run_program(program);
  if (stage.starts_with(kPlan))
    return filetest::run_plan(program, stage.substr(kPlan.size()), false);
  if (stage.starts_with(kDivided))
    return filetest::run_plan(program, stage.substr(kDivided.size()), true);
  if (stage.starts_with(kLlvm)) return filetest::run_llvm(program, stage.substr(kLlvm.size()));
  ir::Graph graph = ir::parse(program);
  if (stage == "print") return checked_text(graph, stage);
  if (stage == "canonical") return ir::canonical(graph);
  if (stage == "dot") return ir::to_dot(graph);
  std::string changes;
  for (const std::string& pass : split(stage, '+')) {
    changes += (changes.empty() ? "; changes: " : ", ") + std::to_string(run_pass(pass, graph));
    ir::verify_or_throw(graph, pass);
  }
  return changes + "\n" + checked_text(graph, stage);
}

class FileTest : public testing::Test {
 public:
  explicit FileTest(fs::path path) : path_(std::move(path)) {}

  void TestBody() override {
    Case test = read_case(path_);
    ASSERT_FALSE(test.stages.empty())
        << "the case names no stages: begin it with '" << kStages << " print'";
    const char* bless = std::getenv("MLPJIT_BLESS");
    if (bless != nullptr && std::string_view(bless) == "1") {
      for (const std::string& stage : test.stages) {
        test.expected[stage] = trimmed(run_stage(test.program, stage));
      }
      write_case(path_, test);
      return;
    }
    EXPECT_EQ(test.expected.size(), test.stages.size()) << "as many expectations as stages";
    for (const std::string& stage : test.stages) {
      SCOPED_TRACE("stage " + stage);
      if (stage.starts_with(kLlvm) && !filetest::has_llvm()) continue;
      const auto expected = test.expected.find(stage);
      if (expected == test.expected.end()) {
        ADD_FAILURE() << "no expectation; run with MLPJIT_BLESS=1 to write it, then read it";
        continue;
      }
      EXPECT_EQ(trimmed(run_stage(test.program, stage)), trimmed(expected->second));
    }
  }

 private:
  fs::path path_;
};

std::string test_name(const fs::path& path) {
  std::string name = fs::relative(path, MLPJIT_FILETEST_CASES).replace_extension().string();
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

// Registered before main, from the files that are there.
const bool kRegistered = [] {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(MLPJIT_FILETEST_CASES)) {
    if (entry.path().extension() == ".mlp") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    testing::RegisterTest("FileTest", test_name(path).c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [path]() -> testing::Test* { return new FileTest(path); });
  }
  return true;
}();

TEST(FileTests, EveryOpHasACaseInText) {
  const Case test = read_case(fs::path(MLPJIT_FILETEST_CASES) / "text/every_op.mlp");
  for (const ir::OpInfo& op : ir::all_ops()) {
    EXPECT_NE(test.program.find("= " + std::string(op.name) + " "), std::string::npos) << op.name;
  }
}

TEST(FileTests, CasesAreFound) {
  EXPECT_TRUE(kRegistered);
  EXPECT_GT(testing::UnitTest::GetInstance()->total_test_count(), 20);
}

}  // namespace
}  // namespace mlpjit
