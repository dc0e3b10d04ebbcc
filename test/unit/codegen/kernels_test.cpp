// Dense layers, reductions and rows, compiled, give the interpreter's bits at awkward sizes.

#include <gtest/gtest.h>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "lib/ir/opcodes.h"
#include "test/programs/compiled.h"

namespace mlpjit::test {
namespace {

using ir::Opcode;

void expect_same(const Builder& b, const std::string& what, bool special = false) {
  for (const support::Isa isa : runnable_isas()) {
    EXPECT_EQ(compare(b.graph, isa, special ? Numbers::mixed : Numbers::ordinary), "")
        << what << " " << to_string(isa);
  }
}

template <class Kernel>
int count_kernels(const plan::Plan& plan) {
  int count = 0;
  for (const plan::Step& step : plan.steps)
    count += std::holds_alternative<Kernel>(step.kernel) ? 1 : 0;
  return count;
}

TEST(CompiledDense, EverySizeOfRowsColumnsAndDepth) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t m : {1, 2, 13}) {
      for (const std::int64_t n : {1, 16, 53, 101}) {
        for (const std::int64_t k : {0, 1, 37}) {
          Builder b;
          const ir::ValueId x = b.input(dtype, Shape({m, k})), w = b.input(dtype, Shape({n, k}));
          const ir::ValueId bias = b.input(dtype, Shape({n}));
          b.result(m % 2 == 0 ? b.op(Opcode::dense, {x, w}) : b.op(Opcode::dense, {x, w, bias}));
          expect_same(b, std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k),
                      m == 2);
        }
      }
    }
  }
}

// Few outputs: 1, 2 or 4 chains, whatever the rows, the tile and the instruction set.
TEST(CompiledDense, FewOutputsAtEveryDepth) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t m : {1, 13}) {
      for (const std::int64_t n : {6, 16, 17, 64, 65}) {
        for (const std::int64_t k : {15, 16, 17, 31, 32, 35}) {
          Builder b;
          const ir::ValueId x = b.input(dtype, Shape({m, k})), w = b.input(dtype, Shape({n, k}));
          const ir::ValueId bias = b.input(dtype, Shape({n}));
          const ir::ValueId y =
              k % 2 == 0 ? b.op(Opcode::dense, {x, w}) : b.op(Opcode::dense, {x, w, bias});
          b.result(n % 2 == 0 ? y : b.op(Opcode::relu, {y}));
          expect_same(b, std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k),
                      k == 17);
        }
      }
    }
  }
}

TEST(CompiledDense, NarrowLayersTakeTheLaneForm) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t m : {1, 3, 4, 9}) {
      for (const std::int64_t n : {1, 10, 16}) {
        for (const std::int64_t k : {12 * n, 12 * n + 5}) {
          Builder b;
          const ir::ValueId x = b.input(dtype, Shape({m, k})), w = b.input(dtype, Shape({n, k}));
          b.result(b.op(Opcode::tanh, {b.op(Opcode::dense, {x, w, b.input(dtype, Shape({n}))})}));
          expect_same(b, std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k));
        }
      }
    }
  }
}

TEST(CompiledDense, EpiloguesOfEveryKindAreFused) {
  for (const Opcode activation : {Opcode::relu, Opcode::tanh, Opcode::gelu, Opcode::sigmoid}) {
    for (const std::int64_t n : {24, 64, 100}) {
      Builder b;
      const ir::ValueId x = b.input(DType::f32, Shape({2, 7, 20})),
                        w = b.input(DType::f32, Shape({n, 20}));
      const ir::ValueId dense = b.op(Opcode::dense, {x, w, b.input(DType::f32, Shape({n}))});
      const ir::ValueId residual =
          b.op(Opcode::add, {b.op(activation, {dense}), b.input(DType::f32, Shape({2, 7, n}))});
      const ir::ValueId scaled =
          b.op(Opcode::multiply, {residual, b.input(DType::f32, Shape({2, 7, 1}))});
      b.result(b.op(Opcode::subtract, {scaled, b.input(DType::f32, Shape({n}))}));
      expect_same(b, std::string(ir::to_string(activation)) + std::to_string(n));
      EXPECT_EQ(Compiled(b.graph, support::detect_isa()).plan().steps.size(), 1u);
    }
  }
}

TEST(CompiledDense, MatmulByRank) {
  const std::vector<std::pair<Shape, Shape>> cases = {
      {Shape({5, 20}), Shape({20, 33})},  {Shape({20}), Shape({20, 48})},
      {Shape({100}), Shape({100})},       {Shape({4, 9}), Shape({9})},
      {Shape({2, 3, 8}), Shape({8, 17})}, {Shape({2, 3, 8}), Shape({2, 8, 5})},
      {Shape({3, 16}), Shape({16, 1})},   {Shape({6, 16}), Shape({16, 16})},
      {Shape({3, 4}), Shape({4, 130})}};
  for (const DType dtype : {DType::f32, DType::f64, DType::i32}) {
    for (const auto& [x, w] : cases) {
      Builder b;
      b.result(b.op(Opcode::matmul, {b.input(dtype, x), b.input(dtype, w)}));
      expect_same(b, to_string(x) + to_string(w));
    }
  }
}

// matmul is one chain at every size, so that it is no dense layer of few outputs; its weight is
// packed all the same, and turned over only for other readers.
TEST(CompiledDense, AMatmulPacksAWeightThatIsTurnedOver) {
  const std::pair<const char*, int> cases[] = {
      {"%y = matmul %x, %t return %y }", 0},
      {"%m = matmul %x, %t %y = relu %m return %y }", 0},
      {"%m = matmul %x, %t %y = add %m, %b return %y }", 0},
      {"%m = matmul %x, %t %n = matmul %x, %t %y = add %m, %n return %y }", 0},
      {"%m = matmul %x, %t return %m, %t }", 1},
      {"%e = exp %t %m = matmul %x, %t return %m, %e }", 1},
      {"%m = matmul %x, %t %e = exp %t %n = matmul %x, %e return %m, %n }", 1},
      {"%m = cond %p { %n = matmul %x, %t yield %n } { %e = matmul %x, %t %f = exp %e yield %f } "
       "%o = matmul %x, %t %y = add %m, %o return %y }",
       1}};
  for (const auto& [ops, turned] : cases) {
    for (const int n : {3, 16, 64}) {
      const std::string size = std::to_string(n);
      const std::string text = "func @main(%x: f32[5, 40], %w: f32[" + size + ", 40], %b: f32[" +
                               size + "], %p: bool[]) { %t = transpose %w {permutation = [1, 0]} " +
                               ops;
      for (const support::Isa isa : runnable_isas()) {
        const Compiled program(text, isa);
        EXPECT_EQ(compare(program, Numbers::ordinary), "") << text;
        if (isa != support::Isa::baseline) {
          const auto turns = [](const plan::Step& step) {
            return step.name.ends_with("transpose");
          };
          EXPECT_EQ(std::ranges::count_if(program.plan().steps, turns), turned)
              << plan::to_string(program.plan());
        }
      }
    }
  }
}

TEST(CompiledDense, AWeightThatTwoLayersShareIsPackedOnce) {
  Builder b;
  const ir::ValueId w = b.input(DType::f32, Shape({40, 40}));
  ir::ValueId x = b.input(DType::f32, Shape({3, 40}));
  for (int layer = 0; layer < 3; ++layer) x = b.op(Opcode::relu, {b.op(Opcode::dense, {x, w})});
  b.result(x);
  expect_same(b, "tied");
  int packed = 0;
  const Compiled program(b.graph, support::detect_isa());
  for (const plan::Slot& slot : program.plan().slots)
    packed += slot.kind == plan::SlotKind::packed ? 1 : 0;
  EXPECT_EQ(packed, 1);
  EXPECT_LE(program.plan().workspace_bytes.known(), program.plan().unshared_bytes.known());
}

TEST(CompiledDense, LayersWithNothingBetweenThem) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, Shape({3, 8})),
                    none = b.input(DType::f32, Shape({0, 8}));
  const ir::ValueId empty = b.op(Opcode::dense, {x, none});
  b.result(b.op(Opcode::dense,
                {empty, b.input(DType::f32, Shape({20, 0})), b.input(DType::f32, Shape({20}))}));
  expect_same(b, "no hidden units");
}

TEST(CompiledDense, ComputedAndConstantWeights) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, Shape({3, 20})),
                    w = b.input(DType::f32, Shape({30, 20}));
  std::vector<float> values(30 * 30);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 0.01f * static_cast<float>(i % 91) - 0.4f;
  const ir::Literal literal = ir::make_literal(DType::f32, Shape({30, 30}), values.data());
  const ir::ValueId constant = b.op(Opcode::constant, {}, {{"value", literal}});
  b.result(b.op(Opcode::dense, {b.op(Opcode::dense, {x, b.op(Opcode::exp, {w})}), constant}));
  expect_same(b, "computed and constant");
}

TEST(CompiledReduction, OverTheLastAxesWithCodeAround) {
  for (const Opcode opcode :
       {Opcode::sum, Opcode::prod, Opcode::mean, Opcode::var, Opcode::max, Opcode::min}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      for (const std::int64_t n : {1, 5, 16, 33, 100, 1024, 1025, 2048, 3077, 7168}) {
        for (const bool keep : {false, true}) {
          Builder b;
          const ir::ValueId x = b.input(dtype, Shape({3, n}));
          const ir::ValueId y =
              b.op(Opcode::multiply, {b.op(Opcode::abs, {x}), b.input(dtype, Shape({n}))});
          const ir::ValueId reduced =
              b.op(opcode, {y}, {{"axes", std::vector<std::int64_t>{1}}, {"keepdims", keep}});
          const ir::ValueId other = b.input(dtype, keep ? Shape({3, 1}) : Shape({3}));
          b.result(b.op(Opcode::subtract, {b.op(Opcode::sqrt, {reduced}), other}));
          expect_same(b, std::string(ir::to_string(opcode)) + std::to_string(n), n == 33);
        }
      }
    }
  }
}

// Half a billion ones, read from one: 16 lanes of f32 would stop at 2^28.
TEST(CompiledReduction, TheSumOfVeryManyOnesIsTheirNumber) {
  const std::int64_t n = std::int64_t{1} << 29;
  Builder b;
  const ir::ValueId one = b.input(DType::f32, Shape({1}));
  b.result(b.op(Opcode::sum, {b.op(Opcode::broadcast_to, {one}, {{"shape", Shape({n})}})},
                {{"axes", std::vector<std::int64_t>{0}}, {"keepdims", false}}));
  const Compiled program(b.graph, support::detect_isa());
  ASSERT_EQ(count_kernels<plan::ReductionKernel>(program.plan()), 1)
      << plan::to_string(program.plan());
  const Outcome outcome = program.run({make_value({DType::f32, {1}}, {1})});
  ASSERT_EQ(outcome.status, 0);
  float sum = 0;
  std::memcpy(&sum, outcome.results[0].data(), sizeof sum);
  EXPECT_EQ(sum, 0x1p29F);
}

TEST(CompiledReduction, AnyAxesOfAnyDtype) {
  const std::vector<std::vector<std::int64_t>> axes = {{},     {0},    {1},    {2},
                                                       {0, 1}, {1, 2}, {0, 2}, {0, 1, 2}};
  for (const Opcode opcode :
       {Opcode::sum, Opcode::mean, Opcode::max, Opcode::var, Opcode::argmax}) {
    for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64}) {
      for (const auto& each : axes) {
        if (opcode == Opcode::argmax && each.empty()) continue;
        Builder b;
        b.result(b.op(opcode, {b.input(dtype, Shape({3, 5, 18}))},
                      {{"axes", each}, {"keepdims", false}}));
        expect_same(b,
                    std::string(ir::to_string(opcode)) + std::string(to_string(dtype)) +
                        std::to_string(each.size()),
                    true);
      }
    }
  }
}

TEST(CompiledRow, SoftmaxAndLayerNormWithCodeAround) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t n : {1, 2, 10, 16, 33, 130, 1024, 1025, 3077}) {
      for (const Opcode opcode : {Opcode::softmax, Opcode::log_softmax, Opcode::layer_norm}) {
        Builder b;
        const ir::ValueId x = b.input(dtype, Shape({2, 3, n}));
        const ir::ValueId scaled = b.op(Opcode::multiply, {x, b.input(dtype, Shape({3, 1}))});
        const ir::ValueId rows =
            opcode == Opcode::layer_norm
                ? b.op(opcode, {scaled, b.input(dtype, Shape({n})), b.input(dtype, Shape({n}))},
                       {{"epsilon", 1e-5}})
                : b.op(opcode, {scaled}, {{"axis", std::int64_t{2}}});
        b.result(b.op(Opcode::add, {b.op(Opcode::relu, {rows}), b.input(dtype, Shape({n}))}));
        expect_same(b, std::string(ir::to_string(opcode)) + std::to_string(n), n == 33);
        EXPECT_EQ(count_kernels<plan::RowKernel>(Compiled(b.graph, support::detect_isa()).plan()),
                  1);
      }
    }
  }
}

// Quotients down to the smallest denormals, of sums that products with a reciprocal stand for.
TEST(CompiledRow, SoftmaxOfRowsThatSpreadWide) {
  for (const std::string type : {"f32", "f64"}) {
    const std::string text =
        "func @main(%x: " + type + "[64, 1000]) {\n %c = constant {value = " + type +
        (type == "f32" ? "[] 25}\n" : "[] 200}\n") +
        " %y = multiply %x, %c\n %s = softmax %y {axis = 1}\n return %y, %s\n}\n";
    for (const support::Isa isa : runnable_isas())
      EXPECT_EQ(compare(Compiled(text, isa), Numbers::ordinary), "") << text << to_string(isa);
  }
}

TEST(CompiledRow, SoftmaxOverAnotherAxisIsTurnedToRows) {
  for (const std::int64_t axis : {0, 1}) {
    Builder b;
    b.result(b.op(Opcode::softmax, {b.input(DType::f32, Shape({4, 5, 7}))}, {{"axis", axis}}));
    expect_same(b, "axis " + std::to_string(axis), true);
    const Compiled program(b.graph, support::detect_isa());
    EXPECT_EQ(count_kernels<plan::LibraryKernel>(program.plan()), 0);
  }
}

// Of weights that do not stay in L2 each tile of rows fetches some of the next group of panels; those
// of the last group fetch what is not there.
TEST(CompiledDense, WeightsBeyondL2AreFetchedAhead) {
  const auto layer = [](const char* rows, int n, int k) {
    return fmt::format(
        "func @main(%x: f32[{0}, {2}], %w: f32[{1}, {2}] = param \"w\", %b: f32[{1}]) {{\n"
        "  %d = dense %x, %w, %b\n  %z = relu %d\n  return %z\n}}\n",
        rows, n, k);
  };
  const auto fetches = [](const Compiled& program) {
    for (const plan::Step& step : program.plan().steps) {
      const auto* dense = std::get_if<plan::DenseKernel>(&step.kernel);
      if (dense != nullptr) return dense->prefetch_steps + dense->prefetch_panels > 0;
    }
    return false;
  };
  for (const support::Isa isa : runnable_isas()) {
    for (const auto& [rows, n, k] :
         {std::tuple("17", 2060, 2048), {"17", 1030, 1500}, {"24", 400, 1001}, {"B", 700, 600}}) {
      const Compiled large(layer(rows, n, k), isa);
      EXPECT_TRUE(fetches(large)) << rows << to_string(isa);
      EXPECT_EQ(compare(large, Numbers::ordinary, 19), "") << rows;
    }
  }
  for (const auto& [rows, n] : {std::pair("1", 1030), std::pair("17", 30)})
    EXPECT_FALSE(fetches(Compiled(layer(rows, n, 2048), support::detect_isa()))) << rows;
}

}  // namespace
}  // namespace mlpjit::test
