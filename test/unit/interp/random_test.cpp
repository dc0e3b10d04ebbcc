#include "helpers.h"
#include "lib/ir/opcodes.h"
#include "lib/numerics/elementwise.h"

namespace mlpjit::interp {
namespace {

using ir::Opcode;

template <class T>
Array<T> draw(Opcode opcode, Shape shape, std::int64_t seed, std::int64_t number,
              support::Isa isa) {
  const Array<std::int64_t> state({2}, {seed, number});
  Array<T> values(shape);
  Array<std::int64_t> next({2});
  const View operand = state.view();
  const View results[] = {values.view(), next.view()};
  evaluate(opcode, {{"shape", shape}, {"dtype", kDType<T>}}, {&operand, 1}, results, isa);
  EXPECT_EQ(next.values(), (std::vector<std::int64_t>{seed, number + 1}));
  return values;
}

// The published vector of Philox4x32-10 for a key and a counter of all ones bits (Random123,
// kat_vectors): 408f276d 41c83b0e a20bc7c6 6d5451fd. Its counter words 0 and 1 are the block, so
// only draw number and seed can be set from outside; the vector of zeros is block 0 of draw 0 with
// seed 0: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
TEST(Random, UniformIsPhilox) {
  const Array<float> x = draw<float>(Opcode::random_uniform, {4}, 0, 0, Isa::baseline);
  const std::uint32_t words[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(x[i], static_cast<float>(words[i] >> 8) * 0x1p-24F);
  }
  const Array<double> y = draw<double>(Opcode::random_uniform, {1}, 0, 0, Isa::baseline);
  EXPECT_EQ(y[0], static_cast<double>(0x6627e8d5e169c58dULL >> 11) * 0x1p-53);
}

TEST(Random, ElementsDependOnSeedDrawAndIndexAlone) {
  const Array<float> longer = draw<float>(Opcode::random_normal, {1001}, 7, 3, Isa::baseline);
  const Array<float> shorter = draw<float>(Opcode::random_normal, {13}, 7, 3, Isa::baseline);
  for (std::size_t i = 0; i < 13; ++i) EXPECT_EQ(longer[i], shorter[i]);
  EXPECT_NE(draw<float>(Opcode::random_normal, {1}, 7, 4, Isa::baseline)[0], longer[0]);
  EXPECT_NE(draw<float>(Opcode::random_normal, {1}, 8, 3, Isa::baseline)[0], longer[0]);
}

template <class T>
void compare_instruction_sets() {
  for (const std::int64_t n : {0, 1, 2, 3, 15, 16, 255, 256, 257, 700}) {
    const Array<T> expected = draw<T>(Opcode::random_normal, {n}, -5, 1LL << 40, Isa::baseline);
    for (const support::Isa isa : isas()) {
      EXPECT_TRUE(same(draw<T>(Opcode::random_normal, {n}, -5, 1LL << 40, isa), expected.values()));
    }
  }
}

TEST(Random, NormalHasTheSameBitsOnEveryInstructionSet) {
  compare_instruction_sets<float>();
  compare_instruction_sets<double>();
}

// Box and Muller's formula on the words of the uniform draws.
TEST(Random, NormalIsMadeOfPairsOfUniformNumbers) {
  const Array<float> u = draw<float>(Opcode::random_uniform, {8}, 11, 0, Isa::baseline);
  const Array<float> x = draw<float>(Opcode::random_normal, {4}, 11, 0, Isa::baseline);
  const numerics::ScalarBackend<float> b;
  for (std::size_t i = 0; i < 4; ++i) {
    const float radius = std::sqrt(-2.F * numerics::log(b, u[2 * i] + 0x1p-24F));
    const float angle = static_cast<float>(6.283185307179586) * u[2 * i + 1];
    EXPECT_EQ(x[i], radius * numerics::cos(b, angle));
  }
}

TEST(Random, NormalHasItsMoments) {
  const Array<double> x = draw<double>(Opcode::random_normal, {40000}, 1, 0, Isa::baseline);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += x[i];
    squares += x[i] * x[i];
  }
  EXPECT_NEAR(sum / 40000, 0, 0.02);
  EXPECT_NEAR(squares / 40000, 1, 0.03);
}

}  // namespace
}  // namespace mlpjit::interp
