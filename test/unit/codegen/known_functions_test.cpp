// Programs call the functions of programs before them that are made from the same: what they share
// and what they do not, whoever is freed first. The bits are the interpreter's.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "lib/codegen/abi.h"
#include "lib/runtime/loader.h"
#include "test/programs/compiled.h"

namespace mlpjit::test {
namespace {

using ObjectPointer = std::shared_ptr<const object::Object>;

// A program of every kind of step, for some rows. `constant` makes it another one.
std::string program(int rows, double constant) {
  return fmt::format(R"(func @main(%x: f32[{0}, 37], %w: f32[50, 37] = param "w",
    %b: f32[50] = param "b", %n: f32[3, 50] = param "n", %g: f32[50], %s: f32[{0}, 1]) {{
  %k = constant f32[] {1}
  %d = dense %x, %w, %b
  %h = tanh %d
  %u = multiply %h, %k
  %l = layer_norm %u, %g, %g {{epsilon = 1e-05}}
  %e = multiply %l, %s
  %m = max %e {{axes = [1]}}
  %p = softmax %e {{axis = 1}}
  %q = dense %p, %n
  %f = exp %x
  return %q, %m, %f, %x
}})",
                     rows, constant);
}

ObjectPointer compile(const Compiled& program, bool reuse = true) {
  codegen::CompileReport report;
  return runtime::load_toolchain().compiler().compile(program.plan(), {.reuse = reuse}, report);
}

TEST(KnownFunctions, OtherNumbersOfRowsNeedNoneOfTheirOwn) {
  for (const support::Isa isa : runnable_isas()) {
    const Compiled first(program(64, 0.125), isa);
    EXPECT_EQ(compare(first), "");
    for (const int rows : {128, 256, 16, 32, 22, 100, 1000}) {
      const Compiled other(program(rows, 0.125), isa);
      EXPECT_EQ(compare(other), "") << rows;
      const ObjectPointer object = compile(other);
      EXPECT_EQ(object->symbols, std::vector<std::string>{codegen::kEntryName});
      EXPECT_GT(object->uses.size(), 4u);
    }
  }
  // The same plan again: all but the entry is there.
  const Compiled first(program(64, 0.125), support::detect_isa());
  EXPECT_EQ(compile(first)->symbols.size(), 1u);
  EXPECT_GT(first.symbols().size(), 4u);
}

// Rows that come out even, or not, in tiles and vectors; few rows, for which there are other tiles.
TEST(KnownFunctions, AnyNumberOfRows) {
  for (const support::Isa isa : runnable_isas()) {
    for (int rows = 1; rows <= 40; ++rows)
      EXPECT_EQ(compare(Compiled(program(rows, 0.375), isa)), "") << rows << to_string(isa);
  }
}

std::vector<std::string> used_by(const Compiled& program) {
  const ObjectPointer object = compile(program);
  std::vector<std::string> symbols;
  for (const object::Use& use : object->uses) symbols.push_back(use.symbol);
  return symbols;
}

// What is not shared has a symbol of its own.
std::size_t own_functions(const std::string& first, const std::string& second,
                          support::Isa first_isa = support::detect_isa()) {
  const Compiled before(first, first_isa, false), after(second, support::detect_isa(), false);
  EXPECT_EQ(compare(before), "");
  EXPECT_EQ(compare(after), "");
  // Compiled again, they use what they had before.
  const std::vector<std::string> of_first = used_by(before), of_second = used_by(after);
  return static_cast<std::size_t>(std::ranges::count_if(of_second, [&](const std::string& symbol) {
    return std::ranges::find(of_first, symbol) == of_first.end();
  }));
}

std::string one_step(const std::string& type, const std::string& op) {
  return "func @main(%x: " + type + ", %y: " + type + ") {\n  %z = " + op + "\n  return %z\n}\n";
}

TEST(KnownFunctions, WhatDiffersIsNotShared) {
  const std::string exp = one_step("f32[7, 33]", "exp %x");
  EXPECT_EQ(own_functions(exp, exp), 0u);
  EXPECT_EQ(own_functions(exp, one_step("f32[3, 100]", "exp %x")), 0u);  // as many vectors or more
  EXPECT_EQ(own_functions(exp, one_step("f32[7, 32]", "exp %x")), 1u);   // no tail
  EXPECT_EQ(own_functions(exp, one_step("f64[7, 33]", "exp %x")), 1u);
  EXPECT_EQ(own_functions(exp, one_step("f32[7, 33]", "tanh %x")), 1u);
  EXPECT_EQ(
      own_functions(one_step("f32[7, 33]", "add %x, %y"), one_step("f32[7, 33]", "add %x, %x")),
      1u);
  EXPECT_EQ(own_functions(one_step("f32[9, 33]", "leaky_relu %x {alpha = 0.5}"),
                          one_step("f32[9, 33]", "leaky_relu %x {alpha = 0.25}")),
            1u);
  EXPECT_EQ(own_functions(one_step("f32[9, 33]", "sum %x {axes = [1]}"),
                          one_step("f32[8, 33]", "sum %x {axes = [1]}")),
            0u);
  EXPECT_EQ(own_functions(one_step("f32[9, 33]", "sum %x {axes = [1]}"),
                          one_step("f32[9, 34]", "sum %x {axes = [1]}")),
            1u);
  for (const support::Isa isa : runnable_isas())
    EXPECT_EQ(own_functions(exp, exp, isa), isa == support::detect_isa() ? 0u : 1u);
}

// Layers that are large enough that their widths are arguments: panels that are whole or not, one
// group of them or many, elements of k beyond a multiple of the chains, weights that are a matrix,
// operands of the epilogue by rows, columns and elements.
TEST(KnownFunctions, LayersOfAnyWidth) {
  const auto layer = [](const std::string& type, int rows, int k, int n, const char* product) {
    return fmt::format(
        "func @main(%x: {0}[{1}, {2}], %w: {0}[{3}, {2}] = param \"w\", %m: {0}[{2}, {3}],\n"
        "    %r: {0}[{1}, 1], %c: {0}[{3}], %e: {0}[{1}, {3}]) {{\n"
        "  %d = {4}\n  %a = multiply %d, %r\n  %s = add %a, %c\n  %z = subtract %s, %e\n"
        "  return %z\n}}\n",
        type, rows, k, n, product);
  };
  for (const support::Isa isa : runnable_isas()) {
    for (const char* type : {"f32", "f64"}) {
      for (const char* product : {"dense %x, %w", "matmul %x, %m"}) {
        for (const int n : {16, 32, 33, 40, 48, 64, 100, 130, 144, 200}) {
          for (const int k : {96, 97, 98, 99, 150}) {
            const int rows = 80 - k / 2 % 7;
            EXPECT_EQ(compare(Compiled(layer(type, rows, k, n, product), isa)), "")
                << type << rows << "x" << k << "x" << n << product << to_string(isa);
          }
        }
      }
    }
  }
}

// A layer of other sizes calls the micro-kernel of the one before, of the same target.
TEST(KnownFunctions, MicroKernelsAreShared) {
  const auto layer = [](int inputs) {
    return fmt::format(
        "func @main(%x: f32[1, {0}], %w: f32[16, {0}] = param \"w\") {{\n"
        "  %d = dense %x, %w\n  %z = sigmoid %d\n  return %z\n}}\n",
        inputs);
  };
  std::set<std::string> tiles;
  for (const support::Isa isa : runnable_isas()) {
    const Compiled before(layer(40), isa), after(layer(48), isa);
    EXPECT_EQ(compare(before), "");
    EXPECT_EQ(compare(after), "");
    const object::Object& object = *after.object();
    ASSERT_EQ(object.uses.size(), 1u) << to_string(isa);
    EXPECT_TRUE(object.uses[0].symbol.starts_with("tile.")) << object.uses[0].symbol;
    EXPECT_EQ(object.symbols.size(), 2u);  // the entry and the step
    tiles.insert(object.uses[0].symbol);
  }
  EXPECT_EQ(tiles.size(), runnable_isas().size());
}

// So many that nothing else is among those that were compiled last.
void compile_others(double first) {
  for (int i = 0; i < 40; ++i) {
    const std::string op = fmt::format("leaky_relu %x {{alpha = {}}}", first + i);
    EXPECT_EQ(compare(Compiled(one_step("f32[9]", op), support::detect_isa())), "");
  }
}

TEST(KnownFunctions, LiveAsLongAsSomebodyCallsThem) {
  auto first = std::make_unique<Compiled>(program(64, 1.5), support::detect_isa());
  auto second = std::make_unique<Compiled>(program(128, 1.5), support::detect_isa());
  ASSERT_EQ(compile(*second)->symbols.size(), 1u);
  first.reset();
  compile_others(0.5);
  EXPECT_EQ(compare(*second), "");
  const std::weak_ptr<const object::Object> used = compile(*second)->uses.front().from;
  EXPECT_FALSE(used.expired());
  second.reset();
  compile_others(0.25);
  EXPECT_TRUE(used.expired());
  EXPECT_EQ(compare(Compiled(program(128, 1.5), support::detect_isa())), "");
}

// Each program uses a function of the one before. What is not used any more is freed, whatever comes
// after.
TEST(KnownFunctions, AChainOfProgramsIsFreed) {
  const auto link = [](int i) {
    return fmt::format(
        "func @main(%x: f32[21]) {{\n  %a = leaky_relu %x {{alpha = {}}}\n  %s = sum %a {{axes = "
        "[0]}}\n"
        "  %b = leaky_relu %x {{alpha = {}}}\n  %t = sum %b {{axes = [0]}}\n  return %s, %t\n}}\n",
        1000 + i, 1001 + i);
  };
  auto program = std::make_unique<Compiled>(link(0), support::detect_isa());
  const std::weak_ptr<const object::Object> first = program->object();
  int deepest = 0;
  for (int i = 1; i < 100; ++i) {
    auto next = std::make_unique<Compiled>(link(i), support::detect_isa());
    EXPECT_EQ(compare(*next), "");
    program = std::move(next);
    deepest = std::max(deepest, program->object()->depth);
  }
  EXPECT_TRUE(first.expired());
  EXPECT_EQ(deepest, object::kDeepest);
}

TEST(KnownFunctions, AreLoadedWithTheObjectThatUsesThem) {
  const Compiled first(program(64, 0.625), support::detect_isa()),
      second(program(128, 0.625), support::detect_isa());
  const ObjectPointer object = compile(second);
  ASSERT_EQ(object->symbols.size(), 1u);
  const std::string path = testing::TempDir() + "known_functions." + std::to_string(getpid());
  object::save(*object, path);
  const auto loaded = std::make_shared<const object::Object>(object::load(path));
  std::filesystem::remove(path);
  EXPECT_EQ(*loaded, *object);
  EXPECT_NE(loaded->uses.front().from, object->uses.front().from);
  EXPECT_NE(runtime::load_toolchain().linker().link(loaded), nullptr);
  object::Object torn = *loaded;
  torn.uses.clear();
  EXPECT_THROW(runtime::load_toolchain().linker().link(std::make_shared<object::Object>(torn)),
               InternalError);
}

// Code farther away than a call reaches.
TEST(KnownFunctions, AreCalledFromFarAway) {
  const Compiled first(program(64, 0.875), support::detect_isa());
  constexpr std::size_t kFar = std::size_t{5} << 30;
  void* const gap =
      mmap(nullptr, kFar, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (gap == MAP_FAILED) GTEST_SKIP() << "no room for a gap";
  const Compiled second(program(128, 0.875), support::detect_isa());
  EXPECT_EQ(compare(second), "");
  munmap(gap, kFar);
}

TEST(KnownFunctions, ManyThreadsCompileTheSame) {
  std::vector<std::string> faults(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < faults.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 8; ++i) {
        const int rows = 16 * (1 + static_cast<int>((t + static_cast<std::size_t>(i)) % 3));
        faults[t] += compare(Compiled(program(rows, 100 + i / 2), support::detect_isa()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& fault : faults) EXPECT_EQ(fault, "");
}

// What LLVM keeps from module to module does not change its code.
TEST(Generators, GiveTheSameBytesEachTime) {
  const Compiled one(program(64, 0.75), support::detect_isa()),
      other(program(7, 0.25), support::detect_isa());
  const ObjectPointer before = compile(one, false);
  EXPECT_NE(compile(other, false)->bytes, before->bytes);
  EXPECT_EQ(compile(one, false)->bytes, before->bytes);
}

}  // namespace
}  // namespace mlpjit::test
