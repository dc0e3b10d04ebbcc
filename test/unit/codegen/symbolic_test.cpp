// One program for every batch size: the bits of the interpreter, and no byte outside a buffer.

#include <gtest/gtest.h>

#include "lib/ir/opcodes.h"
#include "test/programs/compiled.h"

namespace mlpjit::test {
namespace {

using ir::Opcode;

const std::int64_t kBatches[] = {0, 1, 2, 3, 5, 7, 8, 16, 17, 33, 64, 100};

Shape batched(std::initializer_list<Dim> rest) {
  Shape shape{dim("B")};
  for (const Dim& d : rest) shape.push_back(d);
  return shape;
}

// The number of library steps, when all agree.
int expect_same_batches(const Builder& b, const std::string& what) {
  int library = 0;
  for (const support::Isa isa : runnable_isas()) {
    const Compiled program(b.graph, isa);
    library = 0;
    for (const plan::Step& step : program.plan().steps)
      library += std::holds_alternative<plan::LibraryKernel>(step.kernel) ? 1 : 0;
    for (const std::int64_t batch : kBatches) {
      // One NaN among the special values is in every sum of its row: ordinary ones see more.
      for (const Numbers numbers : {Numbers::ordinary, Numbers::mixed}) {
        EXPECT_EQ(compare(program, numbers, batch), "")
            << what << " " << to_string(isa) << " batch " << batch;
      }
    }
  }
  return library;
}

// The same for batch sizes that leave no size negative.
void expect_same_from(const Builder& b, std::int64_t least, const std::string& what) {
  for (const support::Isa isa : runnable_isas()) {
    const Compiled program(b.graph, isa);
    for (const std::int64_t batch : kBatches) {
      if (batch < least || batch > 17) continue;
      EXPECT_EQ(compare(program, Numbers::mixed, batch), "")
          << what << " " << to_string(isa) << " batch " << batch;
    }
  }
}

ir::ValueId dense(Builder& b, ir::ValueId x, std::int64_t n, bool bias = true) {
  const ir::Type type = b.main.value(x).type;
  std::vector<ir::ValueId> operands = {x, b.input(type.dtype, {n, type.shape[-1]})};
  if (bias) operands.push_back(b.input(type.dtype, {n}));
  return b.op(Opcode::dense, operands);
}

TEST(SymbolicBatch, DenseLayers) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Builder b;
    ir::ValueId x = b.input(dtype, batched({20}));
    x = b.op(Opcode::relu, {dense(b, x, 70)});
    x = b.op(Opcode::tanh, {dense(b, x, 130)});
    x = dense(b, x, 48, false);
    b.result(b.op(Opcode::relu, {dense(b, x, 2)}));
    EXPECT_EQ(expect_same_batches(b, "layers"), 0);
  }
}

TEST(SymbolicBatch, DenseLayersOfFewOutputs) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Builder b;
    ir::ValueId x = b.input(dtype, batched({27}));
    x = b.op(Opcode::relu, {dense(b, x, 64)});
    x = b.op(Opcode::relu, {dense(b, x, 33, false)});
    x = b.op(Opcode::tanh, {dense(b, x, 16)});
    b.result(dense(b, x, 6, false));
    EXPECT_EQ(expect_same_batches(b, "few outputs"), 0);
  }
}

TEST(SymbolicBatch, DenseWithLeadingAxesAndEpilogues) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, batched({3, 20}));
  const ir::ValueId y = dense(b, x, 37), mask = b.input(DType::boolean, batched({3, 1}));
  b.result(b.op(Opcode::where, {mask, y, b.input(DType::f32, batched({3, 37}))}));
  const ir::ValueId matrix = b.input(DType::f32, {20, 40});
  b.result(b.op(Opcode::sigmoid, {b.op(Opcode::matmul, {x, matrix})}));
  EXPECT_EQ(expect_same_batches(b, "epilogues"), 0);
}

// Rows of intermediates are padded where only dense kernels walk them by rows. Whatever else reads
// one finds its elements where its shape says.
TEST(SymbolicBatch, ReadersOfWhatADenseLayerWrote) {
  const std::pair<const char*, const char*> readers[] = {
      {"a residual", "%g = dense %h, %u %r = add %g, %h"},
      {"a residual after an activation", "%g = dense %h, %u %t = relu %g %r = multiply %h, %t"},
      {"a residual of a narrow layer",
       "%n = dense %h, %v %c = slice %h {axis = 1, begin = 0, end "
       "= 2, step = 1} %d = add %n, %c %r = dense %h, %u"},
      {"a residual two layers on", "%g = dense %h, %u %i = dense %g, %u %r = add %i, %h"},
      {"the right operand",
       "%g = dense %h, %u %s = matmul %k, %o %m = dense %g, %u %r = add %m, %g"},
      {"both operands", "%s = matmul %o, %o %r = dense %h, %u"},
      {"a row kernel", "%g = dense %h, %u %p = softmax %h {axis = 1} %r = add %g, %p"},
      {"a view",
       "%g = dense %h, %u %f = reshape %h {shape = [ROWS, 8, 4]} %e = exp %f %q = reshape "
       "%e {shape = [ROWS, 32]} %r = add %g, %q"},
      {"an element-wise kernel", "%g = dense %h, %u %e = exp %h %r = add %g, %e"}};
  for (const char* rows : {"B", "5", "64"}) {
    for (const auto& [what, ops] : readers) {
      std::string text = R"(func @main(%x: f32[ROWS, 32], %w: f32[32, 32] = param "w",
          %u: f32[32, 32] = param "u", %v: f32[2, 32] = param "v", %k: f32[7, 32]) {
  %h = dense %x, %w
  %o = dense %w, %w
  )" + std::string(ops) + "\n  return %r" +
                         (std::string(ops).find("%s =") != std::string::npos   ? ", %s }"
                          : std::string(ops).find("%d =") != std::string::npos ? ", %d }"
                                                                               : " }");
      for (std::size_t at = 0; (at = text.find("ROWS", at)) != std::string::npos;)
        text.replace(at, 4, rows);
      for (const support::Isa isa : runnable_isas()) {
        const Compiled program(text, isa);
        const std::int64_t batch = *rows == 'B' ? 5 : 0;
        EXPECT_EQ(compare(program, Numbers::ordinary, batch), "") << what << " of " << rows;
      }
    }
  }
}

TEST(SymbolicBatch, ElementwiseChains) {
  for (const std::int64_t width : {1, 3, 16, 37}) {
    Builder b;
    const ir::ValueId x = b.input(DType::f32, batched({width})), y = b.input(DType::f32, {width}),
                      z = b.input(DType::f64, batched({1}));
    const ir::ValueId sum = b.op(Opcode::add, {x, y});
    b.result(b.op(Opcode::gelu, {sum}));
    b.result(b.op(Opcode::maximum, {sum, b.op(Opcode::negative, {x})}));
    b.result(b.op(Opcode::multiply, {b.op(Opcode::cast, {x}, {{"dtype", DType::f64}}), z}));
    b.result(b.op(Opcode::equal,
                  {b.input(DType::i64, batched({width})), b.input(DType::i64, batched({width}))}));
    EXPECT_EQ(expect_same_batches(b, "chains of " + std::to_string(width)), 0);
  }
}

TEST(SymbolicBatch, TheBatchMayBeAnyAxis) {
  Builder b;
  const Dim batch = dim("B");
  const ir::ValueId x = b.input(DType::f32, {3, batch, 5}), y = b.input(DType::f32, {batch, 1}),
                    z = b.input(DType::f32, {7, batch});
  b.result(b.op(Opcode::exp, {b.op(Opcode::add, {x, y})}));
  b.result(b.op(Opcode::add, {z, b.input(DType::f32, {7, 1})}));
  b.result(b.op(Opcode::multiply, {z, b.input(DType::f32, {batch})}));
  EXPECT_EQ(expect_same_batches(b, "axes"), 0);
}

TEST(SymbolicBatch, RowsAndReductions) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, batched({37}));
  b.result(b.op(Opcode::softmax, {x}, {{"axis", std::int64_t{1}}}));
  b.result(b.op(Opcode::log_softmax, {b.op(Opcode::exp, {x})}, {{"axis", std::int64_t{1}}}));
  b.result(b.op(Opcode::layer_norm, {x, b.input(DType::f32, {37}), b.input(DType::f32, {37})},
                {{"epsilon", 1e-5}}));
  const ir::Attrs last{{"axes", std::vector<std::int64_t>{1}}, {"keepdims", true}};
  for (const Opcode op : {Opcode::sum, Opcode::mean, Opcode::var, Opcode::prod, Opcode::max})
    b.result(b.op(op, {b.op(Opcode::negative, {x})}, last));
  EXPECT_EQ(expect_same_batches(b, "rows"), 0);
}

// What has no kernel for a size that is not known goes to the interpreter with views of the call.
TEST(SymbolicBatch, LibrarySteps) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, batched({6}));
  const ir::Attrs first{{"axes", std::vector<std::int64_t>{0}}, {"keepdims", false}};
  for (const Opcode op : {Opcode::sum, Opcode::mean, Opcode::var}) b.result(b.op(op, {x}, first));
  const ir::ValueId both =
      b.op(Opcode::concat, {x, b.op(Opcode::tanh, {x}), b.input(DType::f32, {3, 6})},
           {{"axis", std::int64_t{0}}});
  b.result(b.op(Opcode::relu, {both}));
  b.result(b.op(Opcode::slice, {x},
                {{"axis", std::int64_t{1}},
                 {"begin", std::int64_t{1}},
                 {"end", std::int64_t{5}},
                 {"step", std::int64_t{2}}}));
  const ir::ValueId turned =
      b.op(Opcode::transpose, {x}, {{"permutation", std::vector<std::int64_t>{1, 0}}});
  b.result(b.op(Opcode::exp, {turned}));
  b.result(
      b.op(Opcode::sum, {b.op(Opcode::reshape, {x}, {{"shape", Shape{Dim(6, "B", 0)}}})}, first));
  EXPECT_GT(expect_same_batches(b, "library"), 0);
}

TEST(SymbolicBatch, SquaresOfTheBatch) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, batched({5}));
  const ir::ValueId turned =
      b.op(Opcode::transpose, {x}, {{"permutation", std::vector<std::int64_t>{1, 0}}});
  const ir::ValueId gram = b.op(Opcode::matmul, {b.op(Opcode::tanh, {x}), turned});  // [B, B]
  const ir::ValueId scaled = b.op(Opcode::multiply, {gram, b.input(DType::f32, batched({1}))});
  b.result(b.op(Opcode::softmax, {scaled}, {{"axis", std::int64_t{1}}}));
  b.result(b.op(Opcode::exp, {scaled}));
  expect_same_batches(b, "squares");
}

TEST(SymbolicBatch, UpdatesAndAliases) {
  Builder b;
  const ir::ValueId x = b.input(DType::f32, batched({9})), y = b.input(DType::f32, batched({9}));
  b.result(x);
  b.result(b.op(Opcode::add, {x, y}));
  b.main.updates().push_back({0, y});  // a swap
  b.main.updates().push_back({1, x});
  expect_same_batches(b, "updates");
}

TEST(SymbolicBatch, IntermediatesShareMemoryAtEverySize) {
  Builder b;
  ir::ValueId x = b.input(DType::f32, batched({20}));
  for (const std::int64_t n : {40, 64, 30, 50, 20}) x = b.op(Opcode::relu, {dense(b, x, n)});
  b.result(x);
  const Compiled program(b.graph, support::detect_isa());
  const plan::Plan& plan = program.plan();
  for (const std::int64_t batch : {1, 2, 100}) {
    EXPECT_LT(plan.workspace(batch), static_cast<std::size_t>(plan.unshared_bytes.at(batch)));
    for (const plan::Buffer& a : plan.buffers) {
      if (a.place != plan::Place::workspace) continue;
      const auto end = [&](const plan::Buffer& of) {
        return of.offset.at(batch) + of.bytes.at(batch);
      };
      EXPECT_EQ(a.offset.at(batch) % 64, 0);
      EXPECT_LE(static_cast<std::size_t>(end(a)), plan.workspace(batch));
      for (const plan::Buffer& c : plan.buffers) {
        if (&a == &c || c.place != plan::Place::workspace || a.root == c.root) continue;
        const bool meet = a.first_step <= c.last_step && c.first_step <= a.last_step;
        const bool overlap = a.offset.at(batch) < end(c) && c.offset.at(batch) < end(a);
        EXPECT_FALSE(meet && overlap) << a.name << " and " << c.name << " at " << batch;
      }
    }
  }
}

// What grows with B less something: two intermediates are alive at once.
TEST(SymbolicBatchCode, SizesWithANegativeTerm) {
  for (const auto& [coefficient, offset, least] :
       {std::tuple(1, -1, 1), std::tuple(2, -3, 2), std::tuple(1, -16, 16)}) {
    Builder b;
    const ir::ValueId x = b.input(DType::f32, Shape{Dim(coefficient, "B", offset), 300});
    const ir::ValueId first = dense(b, x, 300), second = dense(b, first, 300);
    const ir::ValueId third = dense(b, b.op(Opcode::tanh, {second}), 300);
    b.result(b.op(Opcode::add, {b.op(Opcode::add, {third, first}), second}));
    b.result(dense(b, third, 5));
    expect_same_from(b, least, "size " + std::to_string(offset));
  }
}

}  // namespace
}  // namespace mlpjit::test
