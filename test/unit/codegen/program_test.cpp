// Whole programs: results and updates, aliases, library steps and their errors, code that comes and
// goes.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "lib/ir/opcodes.h"
#include "lib/runtime/loader.h"
#include "mlpjit/error.h"
#include "test/programs/compiled.h"

namespace mlpjit::test {
namespace {

using ir::Opcode;

void expect_program_same(const Builder& b, const std::string& what) {
  for (const support::Isa isa : runnable_isas())
    EXPECT_EQ(compare(b.graph, isa), "") << what << " " << to_string(isa);
}

TEST(CompiledProgram, ResultsThatAreInputsConstantsOrTwice) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, Shape({3, 4}));
  const ir::ValueId y = b.op(Opcode::exp, {x});
  b.result(x);
  b.result(y);
  b.result(y);
  b.result(b.op(Opcode::reshape, {y}, {{"shape", Shape({12})}}));
  b.result(b.op(Opcode::reshape, {x}, {{"shape", Shape({2, 6})}}));
  b.result(b.scalar(DType::i64, 10));
  expect_program_same(b, "aliases");
}

TEST(CompiledProgram, UpdatesHappenAfterEveryRead) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, Shape({40})), y = b.input(DType::f32, Shape({40}));
  const ir::ValueId z = b.input(DType::f32, Shape({40}));
  b.result(b.op(Opcode::add, {x, y}));
  b.result(x);
  b.main.updates().push_back({0, y});  // a swap
  b.main.updates().push_back({1, x});
  b.main.updates().push_back({2, b.op(Opcode::multiply, {z, x})});
  expect_program_same(b, "updates");
}

TEST(CompiledProgram, MovementGoesThroughTheLibrary) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, Shape({3, 4}));
  const ir::ValueId turned =
      b.op(Opcode::transpose, {x}, {{"permutation", std::vector<std::int64_t>{1, 0}}});
  const ir::ValueId both =
      b.op(Opcode::concat, {b.op(Opcode::tanh, {turned}), turned}, {{"axis", std::int64_t{0}}});
  b.result(b.op(Opcode::add, {both, b.op(Opcode::broadcast_to, {b.input(DType::f32, Shape({3}))},
                                         {{"shape", Shape({8, 3})}})}));
  expect_program_same(b, "movement");
}

TEST(CompiledProgram, AFailingLibraryStepEndsTheCallWithItsError) {
  Builder b;
  const ir::ValueId x = b.input(DType::i32, Shape({5})), y = b.input(DType::i32, Shape({5}));
  b.result(b.op(Opcode::floor_divide, {x, y}));
  b.main.updates().push_back({0, y});
  const Compiled program(b.graph, support::detect_isa());
  const std::vector<ir::Type> types = input_types(program.original());
  const Values inputs = {make_value(types[0], {1, 2, 3, 4, 5}),
                         make_value(types[1], {0, 0, 0, 0, 0})};
  const Outcome outcome = program.run(inputs);
  EXPECT_EQ(outcome.status & 0xffffffff, codegen::kLibraryFailed);
  EXPECT_NE(outcome.error.find("floor_divide"), std::string::npos) << outcome.error;
  EXPECT_EQ(difference("input", inputs, outcome.inputs), "") << "an update of a call that failed";
}

// LLVM ends the process over a 64-bit program for a CPU of 32; the host must live on.
TEST(CompiledProgram, WhatLlvmWouldAbortForIsThrown) {
  Builder b;
  b.result(b.op(Opcode::exp, {b.input(DType::f32, Shape({5}))}));
  plan::Plan plan = plan::make_plan(std::make_shared<const ir::Graph>(b.graph.clone()),
                                    plan::make_target(support::Isa::baseline));
  plan.target.cpu = "i386";
  codegen::CompileReport report;
  try {
    runtime::load_toolchain().compiler().compile(plan, {}, report);
    ADD_FAILURE() << "no error";
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("LLVM"), std::string::npos) << error.what();
  }
  expect_program_same(b, "the next compile");
}

TEST(CompiledProgram, ManyThreadsCompileAndRunAtOnce) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, Shape({4, 40}));
  b.result(b.op(Opcode::relu, {b.op(Opcode::dense, {x, b.input(DType::f32, Shape({50, 40}))})}));
  std::vector<std::string> failures(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < failures.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5 && failures[t].empty(); ++i)
        failures[t] = compare(b.graph, support::detect_isa());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& failure : failures) EXPECT_EQ(failure, "");
}

// Vector instructions of micro-kernels that go through the stack.
int stack_vectors(const std::string& assembly) {
  int count = 0;
  bool in_tile = false;
  std::istringstream lines(assembly);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with(':') && !line.starts_with(".L")) in_tile = line.starts_with("\"tile.");
    if (!in_tile) continue;
    const bool vector =
        line.find("zmm") != std::string::npos || line.find("ymm") != std::string::npos;
    const bool stack =
        line.find("(%rsp") != std::string::npos || line.find("(%rbp") != std::string::npos;
    count += vector && stack ? 1 : 0;
  }
  return count;
}

TEST(CompiledProgram, RegisterTilesDoNotSpill) {
  for (const support::Isa isa : runnable_isas()) {
    if (isa == support::Isa::baseline) continue;
    for (const std::int64_t m : {1, 2, 4, 6, 7, 64}) {
      for (const DType dtype : {DType::f32, DType::f64}) {
        Builder b;
        const ir::ValueId x = b.input(dtype, Shape({m, 100})),
                          w = b.input(dtype, Shape({256, 100}));
        const ir::ValueId bias = b.input(dtype, Shape({256}));
        b.result(b.op(Opcode::relu, {b.op(Opcode::dense, {x, w, bias})}));
        const Compiled program(b.graph, isa);
        codegen::CompileReport report;
        runtime::load_toolchain().compiler().compile(program.plan(), {.keep_text = true}, report);
        ASSERT_NE(report.assembly.find("\"tile."), std::string::npos);
        EXPECT_EQ(stack_vectors(report.assembly), 0)
            << m << to_string(dtype) << to_string(isa) << "\n"
            << report.assembly;
      }
    }
  }
}

std::size_t mappings() {
  std::ifstream maps("/proc/self/maps");
  std::size_t lines = 0;
  for (std::string line; std::getline(maps, line);) ++lines;
  return lines;
}

TEST(CompiledProgram, FreedCodeLeavesNoMappingBehindAndNoneIsWritableAndExecutable) {
#if defined(MLPJIT_TEST_SANITIZED)
  GTEST_SKIP() << "a sanitizer has mappings of its own";
#endif
  Builder b;
  b.result(b.op(Opcode::add, {b.input(DType::f32, Shape({4})), b.input(DType::f32, Shape({4}))}));
  const auto cycle = [&] { const Compiled program(b.graph, support::detect_isa()); };
  for (int i = 0; i < 20; ++i) cycle();
  const std::size_t before = mappings();
  for (int i = 0; i < 100; ++i) cycle();
  EXPECT_LE(mappings(), before + 4);
  const Compiled alive(b.graph, support::detect_isa());
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    EXPECT_EQ(line.find("rwx"), std::string::npos) << line;
}

TEST(CompiledProgram, TheReportHasTimesAndOnRequestTheTexts) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, Shape({4, 40}));
  b.result(b.op(Opcode::relu, {b.op(Opcode::dense, {x, b.input(DType::f32, Shape({50, 40}))})}));
  const Compiled program(b.graph, support::detect_isa());
  codegen::CompileReport report;
  runtime::load_toolchain().compiler().compile(program.plan(), {.keep_text = true}, report);
  EXPECT_GT(report.codegen_ms, 0);
  EXPECT_NE(report.llvm_ir.find("define"), std::string::npos);
  EXPECT_NE(report.assembly.find("mlpjit_entry"), std::string::npos);
  EXPECT_EQ(runtime::load_toolchain().compiler().llvm_version().substr(0, 3), "19.");
}

}  // namespace
}  // namespace mlpjit::test
