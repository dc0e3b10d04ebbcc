#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <ranges>
#include <sstream>
#include <vector>

#include "expect_error.h"
#include "mlpjit/mlpjit.h"

namespace mlpjit {
namespace {

template <class T>
std::string text(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

TEST(Tensor, NestedListsGiveShapeAndDtype) {
  EXPECT_EQ(tensor({{1.f, 2.f}, {3.f, 4.f}}).shape(), (Shape{2, 2}));
  EXPECT_EQ(tensor({{1.f, 2.f}}).dtype(), DType::f32);
  EXPECT_EQ(tensor({1.0, 2.0}).dtype(), DType::f64);
  EXPECT_EQ(tensor({1, 2}).dtype(), DType::i32);
  EXPECT_EQ(tensor({true, false}).dtype(), DType::boolean);
  EXPECT_EQ(tensor({std::int64_t{1}}).dtype(), DType::i64);
  EXPECT_EQ(tensor({{{{1.f}, {2.f}}}}).shape(), (Shape{1, 1, 2, 1}));
  EXPECT_ERROR(ShapeError, tensor({{1.f, 2.f}, {3.f}}), "ragged");
}

TEST(Tensor, CopiesAContiguousRange) {
  std::vector<float> v{1, 2, 3, 4};
  const Tensor t = tensor(std::span<const float>(v), {2, 2});
  v[0] = 9;
  EXPECT_EQ(t.to_vector<float>(), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_ERROR(ShapeError, tensor(v, {3}), "4 elements", "[3]");
}

TEST(Tensor, HandlesShareAndCopiesDoNot) {
  Tensor a = tensor({1.f, 2.f});
  Tensor b = a;
  const Tensor c = a.copy();
  b += 1;
  EXPECT_TRUE(identical(a, tensor({2.f, 3.f})));
  EXPECT_TRUE(identical(c, tensor({1.f, 2.f})));
  EXPECT_FALSE(identical(a, c));
  EXPECT_FALSE(identical(a, cast(a, DType::f64)));
  EXPECT_TRUE(identical(tensor({NAN}), tensor({-NAN})));
  EXPECT_FALSE(identical(tensor({0.f}), tensor({-0.f})));
}

TEST(Tensor, BorrowedMemoryIsUsedInPlace) {
  float memory[3] = {1, 2, 3};
  Tensor t = Tensor::borrow(memory, {3});
  memory[0] = 7;
  EXPECT_EQ(t.to_vector<float>()[0], 7);
  t *= 2;
  EXPECT_EQ(memory[2], 6);
  const float fixed[1] = {1};
  Tensor read_only = Tensor::borrow(fixed, {1});
  EXPECT_ERROR(UserError, read_only += 1, "read-only");
  EXPECT_ERROR(UserError, read_only.mutable_data<float>(), "read-only");
  bool freed = false;
  {
    const Tensor blob = Tensor::from_blob(new float[2]{1, 2}, {2}, [&](float* p) {
      delete[] p;
      freed = true;
    });
  }
  EXPECT_TRUE(freed);
}

TEST(Tensor, ReadsAndWritesElements) {
  Tensor t = tensor({1.f, 2.f});
  t.mutable_data<float>()[1] = 5;
  EXPECT_EQ(t.data<float>()[1], 5);
  EXPECT_ERROR(DTypeError, t.data<double>(), "f64", "f32", "cast");
  EXPECT_ERROR(ShapeError, t.item<float>(), "[2]");
  EXPECT_ERROR(UserError, Tensor().shape(), "not defined");
}

TEST(Tensor, ItemConvertsWithARangeCheck) {
  EXPECT_EQ(tensor(300).item<long>(), 300);
  EXPECT_EQ(tensor(2.75).item<int>(), 2);
  EXPECT_EQ(tensor(2.5f).item<double>(), 2.5);
  EXPECT_EQ(static_cast<int>(tensor({{7}})), 7);
  EXPECT_TRUE(static_cast<bool>(tensor(0.5f)));
  EXPECT_ERROR(ValueError, tensor(300).item<std::int8_t>(), "300");
  EXPECT_ERROR(ValueError, tensor(-1).item<unsigned>(), "-1");
  EXPECT_ERROR(ValueError, tensor(NAN).item<int>(), "nan");
  EXPECT_ERROR(ValueError, tensor(1e300).item<float>(), "float");
  EXPECT_EQ(tensor(INFINITY).item<float>(), INFINITY);
  EXPECT_EQ(tensor(1e-40f).item<float>(), 1e-40f);
}

TEST(WeakScalars, TakeTheOtherDtype) {
  const Tensor f64 = tensor({1.0}), i32 = tensor({1}), f32 = tensor({1.f}), b = tensor({true});
  EXPECT_TRUE(identical(f64 * 0.1, tensor({0.1})));  // the double, not the float
  EXPECT_TRUE(identical(f32 * 0.1, tensor({0.1f})));
  EXPECT_TRUE(identical(0.1 * f64, tensor({0.1})));
  EXPECT_TRUE(identical(i32 + 2, tensor({3})));
  EXPECT_TRUE(identical(f32 + 2, tensor({3.f})));
  EXPECT_TRUE(identical(f32 + true, tensor({2.f})));
  EXPECT_TRUE(identical(b == true, tensor({true})));
  EXPECT_ERROR(DTypeError, i32 + 0.5, "add", "floating", "i32", "cast");
  EXPECT_ERROR(DTypeError, f32 + f64, "f32", "f64", "cast");
  EXPECT_ERROR(DTypeError, b + b, "bool", "cast");
  EXPECT_ERROR(DTypeError, i32 / 2, "floor_divide", "cast");
}

TEST(WeakScalars, KeepTheirKindAmongThemselves) {
  const Tensor one = 1;
  EXPECT_EQ(one.dtype(), DType::i64);
  EXPECT_TRUE((one + 2).is_weak());
  EXPECT_EQ((one + 2.5).dtype(), DType::f32);
  EXPECT_TRUE(identical((one + 2) * tensor({1.f}), tensor({3.f})));
  EXPECT_EQ(text(one + 2 + 7), "10");
  EXPECT_FALSE(cast(one, DType::i64).is_weak());
  EXPECT_TRUE(identical(cast(Tensor(0.1), DType::f64), tensor(0.1)));
  EXPECT_EQ(Tensor(0.1).item<double>(), 0.1);
}

TEST(WeakScalars, AccumulatorsTakeTheDtypeOfWhatTheyMeet) {
  const Tensor x = tensor({1.5, 2.5});
  Tensor total = 0;
  for (int i = 0; i < 2; ++i) total += sum(x);
  EXPECT_TRUE(identical(total, tensor(8.0)));
  Tensor count = 0;
  count += 1;
  EXPECT_TRUE(count.is_weak());
  EXPECT_EQ(count.item<int>(), 1);
  Tensor bad = 0.5;
  EXPECT_ERROR(DTypeError, bad += x, "C++ scalar");
}

TEST(InPlace, WritesIntoTheSharedStorage) {
  Tensor a = tensor({{1.f, 2.f}, {3.f, 4.f}});
  const Tensor alias = a;
  a += tensor({10.f, 20.f});
  a -= 1;
  a *= a;
  a /= 2.0;
  EXPECT_TRUE(identical(alias, tensor({{50.f, 220.5f}, {72.f, 264.5f}})));
  a.assign(1);
  EXPECT_TRUE(identical(alias, ones({2, 2})));
  a.assign(tensor({5.f, 6.f}));
  EXPECT_TRUE(identical(alias, tensor({{5.f, 6.f}, {5.f, 6.f}})));
  EXPECT_ERROR(ShapeError, a += ones({3, 2, 2}), "+=", "[3, 2, 2]", "[2, 2]", "a = a + b");
  EXPECT_ERROR(DTypeError, a += ones({2, 2}, DType::f64), "+=", "f64", "f32", "cast");
  EXPECT_ERROR(DTypeError, a.assign(tensor({1, 2})), "assign", "i32", "f32");
  Tensor i = tensor({1, 2});
  EXPECT_ERROR(DTypeError, i += 0.5, "i32");
  EXPECT_ERROR(DTypeError, i /= 2, "floor_divide");
}

TEST(InPlace, SlicesAssignIntoTheirTensor) {
  Tensor a = reshape(arange(6), {3, 2});
  a.slice(0, 1, 3).assign(a.slice(0, 0, 2));  // the right-hand side is read first
  EXPECT_TRUE(identical(a, tensor({{0.f, 1.f}, {0.f, 1.f}, {2.f, 3.f}})));
  a.slice(1, -1, 2) *= 10;
  EXPECT_TRUE(identical(a, tensor({{0.f, 10.f}, {0.f, 10.f}, {2.f, 30.f}})));
  a.slice(0, 0, 3, 2).assign(-1);
  EXPECT_TRUE(identical(a, tensor({{-1.f, -1.f}, {0.f, 10.f}, {-1.f, -1.f}})));
  const Tensor read = a.slice(0, 1, 2);
  a.assign(0);
  EXPECT_TRUE(identical(read, tensor({{0.f, 10.f}})));
  EXPECT_EQ(a.slice(0, 2, 1).shape(), (Shape{0, 2}));
  EXPECT_ERROR(ShapeError, a.slice(0, 0, 2).assign(ones({3, 2})), "[3, 2]", "[2, 2]");
  EXPECT_ERROR(ShapeError, a.slice(2, 0, 1), "axis 2");
  EXPECT_ERROR(ShapeError, a.slice(0, 0, 1, 0), "step");
}

TEST(InPlace, OverlappingBorrowedMemoryReadsBeforeItWrites) {
  float memory[4] = {1, 2, 3, 4};
  Tensor head = Tensor::borrow(memory, {3});
  const Tensor tail = Tensor::borrow(memory + 1, {3});
  head += tail;
  EXPECT_TRUE(identical(head, tensor({3.f, 5.f, 7.f})));
}

TEST(Creation, MakesWhatItSays) {
  EXPECT_TRUE(identical(zeros({2, 1}), tensor({{0.f}, {0.f}})));
  EXPECT_TRUE(identical(ones({2}, DType::boolean), tensor({true, true})));
  EXPECT_TRUE(identical(full({2}, 7), tensor({std::int64_t{7}, std::int64_t{7}})));
  EXPECT_TRUE(identical(full({2}, 0.1), tensor({0.1f, 0.1f})));
  EXPECT_TRUE(identical(full({2}, 0.1, DType::f64), tensor({0.1, 0.1})));
  EXPECT_TRUE(identical(full({1}, tensor(3)), tensor({3})));
  EXPECT_TRUE(identical(arange(3), tensor({0.f, 1.f, 2.f})));
  EXPECT_TRUE(identical(arange(5, 0, -2, DType::i32), tensor({5, 3, 1})));
  EXPECT_TRUE(identical(linspace(0, 1, 5), tensor({0.f, 0.25f, 0.5f, 0.75f, 1.f})));
  EXPECT_TRUE(identical(eye(2), tensor({{1.f, 0.f}, {0.f, 1.f}})));
  EXPECT_EQ(eye(2, 3, DType::i64).shape(), (Shape{2, 3}));
  EXPECT_EQ(zeros({0, 3}).size(), 0);
  EXPECT_EQ(arange(0).size(), 0);
  EXPECT_TRUE(identical(zeros_like(tensor({1, 2})), tensor({0, 0})));
  EXPECT_ERROR(ValueError, arange(0, 1, 0), "step");
}

TEST(Random, DependsOnSeedAndDrawOnly) {
  random::seed(7);
  const Tensor a = random::normal({3, 5});
  const Tensor b = random::normal({3, 5});
  EXPECT_FALSE(identical(a, b));
  EXPECT_EQ(random::state(), (random::State{7, 2}));
  random::seed(7);
  EXPECT_TRUE(identical(a, random::normal({3, 5})));
  {
    const random::StreamScope scope(7);
    EXPECT_TRUE(identical(a, random::normal({3, 5})));
  }
  EXPECT_TRUE(identical(b, random::normal({3, 5})));
  const std::vector<float> u = random::uniform({1000}, -2, 3).to_vector<float>();
  for (const float x : u) EXPECT_TRUE(x >= -2 && x < 3);
  EXPECT_EQ(random::uniform({2}, 0, 1, DType::f64).dtype(), DType::f64);
  for (const float x : random::bernoulli({100}).to_vector<float>()) EXPECT_TRUE(x == 0 || x == 1);
  EXPECT_EQ(sum(random::bernoulli({100}, 0)).item<int>(), 0);
  EXPECT_EQ(sum(random::bernoulli({100}, 1)).item<int>(), 100);
  EXPECT_ERROR(ValueError, random::bernoulli({1}, 2), "probability");
}

TEST(Print, LooksLikeNumpy) {
  EXPECT_EQ(text(Tensor(1) + 2 + 3 + 4), "10");
  EXPECT_EQ(text(tensor({1, 2})), "[1 2]");
  EXPECT_EQ(text(tensor({{1.5f, 2.f}})), "[[1.5 2. ]]");
  EXPECT_EQ(text(Tensor()), "<undefined tensor>");
  EXPECT_EQ(text(Ops()), "mlpjit.array");
}

TEST(Shapes, AreSpecsAndSymbols) {
  EXPECT_EQ(text(f32({1, 512})), "f32[1, 512]");
  EXPECT_EQ(text(f32({dim("B"), 512})), "f32[B, 512]");
  EXPECT_EQ(text(i64({})), "i64[]");
}

TEST(Ops, SayWhatDoesNotFit) {
  const Tensor a = ones({2, 3}), b = ones({4, 3});
  EXPECT_ERROR(ShapeError, a + b, "add", "[2, 3]", "[4, 3]");
  EXPECT_ERROR(ShapeError, matmul(a, b), "matmul", "[2, 3]", "[4, 3]");
  EXPECT_ERROR(ShapeError, sum(a, 2), "sum", "axis 2");
  EXPECT_ERROR(ShapeError, sum(a, {0, -2}), "twice");
  EXPECT_ERROR(ShapeError, reshape(a, {4, -1}), "[2, 3]", "-1");
  EXPECT_ERROR(ShapeError, reshape(a, {-1, -1}), "more than one");
  EXPECT_ERROR(ShapeError, reshape(a, {7}), "6", "7");
  EXPECT_ERROR(ShapeError, squeeze(a, 0), "size 1");
  EXPECT_ERROR(ShapeError, split(a, 2, 1), "does not divide");
  EXPECT_ERROR(ShapeError, stack({a, b}), "[4, 3]");
  EXPECT_ERROR(UserError, concat({}), "no tensors");
  EXPECT_ERROR(ValueError, max(zeros({0})), "max");
  EXPECT_ERROR(ValueError, gather(a, tensor({2})), "gather");
  EXPECT_ERROR(ValueError, floor_divide(tensor({1}), 0), "floor_divide");
  EXPECT_ERROR(DTypeError, exp(tensor({1})), "exp", "cast");
}

TEST(Memory, PeakFollowsWhatIsAlive) {
  reset_peak_memory();
  const std::size_t before = memory_stats().live_bytes;
  {
    const Tensor big = zeros({1000, 1000});
    EXPECT_GE(memory_stats().live_bytes, before + 4000000);
  }
  EXPECT_EQ(memory_stats().live_bytes, before);
  EXPECT_GE(memory_stats().peak_bytes, before + 4000000);
  reset_peak_memory();
  EXPECT_EQ(memory_stats().peak_bytes, before);
}

TEST(Mode, IsPerScope) {
  EXPECT_FALSE(is_training());
  {
    const TrainingScope scope;
    EXPECT_TRUE(is_training());
  }
  EXPECT_FALSE(is_training());
  EXPECT_FALSE(is_tracing());
}

TEST(Tensor, SizesBeyondTheMachineAreErrors) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  EXPECT_ERROR(ShapeError, zeros({kHuge}), "4611686018427387904");
  EXPECT_ERROR(ShapeError, ones({kHuge, 4}), "4611686018427387904");
  EXPECT_ERROR(ShapeError, broadcast_to(ones({1}), {kHuge}), "4611686018427387904");
  EXPECT_ERROR(ShapeError, one_hot(tensor({0}), kHuge), "4611686018427387904");
  EXPECT_ERROR(ShapeError, random::normal({kHuge}), "4611686018427387904");
  EXPECT_ERROR(ShapeError, linspace(0, 1, kHuge), "4611686018427387904");
  float element = 0;
  EXPECT_ERROR(ShapeError, Tensor::borrow(&element, {kHuge}), "4611686018427387904");
  EXPECT_ERROR(MemoryError, zeros({std::int64_t{1} << 50}), "f32[1125899906842624]", "bytes");
  EXPECT_ERROR(MemoryError, eye(std::int64_t{1} << 25), "f64[33554432, 33554432]");
}

TEST(Tensor, IntegersBeyondI64AreErrors) {
  EXPECT_ERROR(ValueError, (void)Tensor(std::numeric_limits<std::uint64_t>::max()), "largest i64");
  EXPECT_EQ(Tensor(std::numeric_limits<std::int64_t>::max()).item<std::int64_t>(),
            std::numeric_limits<std::int64_t>::max());
}

TEST(Tensor, AxesBeyondAnIntAreErrors) {
  const Tensor x = ones({2, 3});
  EXPECT_ERROR(ShapeError, sum(x, std::int64_t{1} << 32), "axis");
  EXPECT_ERROR(ShapeError, squeeze(x, -(std::int64_t{1} << 32)), "axis");
  EXPECT_ERROR(ShapeError, softmax(Tensor(1.0), 0), "0-d");
}

TEST(Tensor, StackTakesWeakScalars) {
  EXPECT_TRUE(identical(stack({Tensor(1), sum(ones({2}))}), tensor({1.f, 2.f})));
  EXPECT_EQ(stack({Tensor(1), Tensor(2)}).dtype(), DType::i64);
  EXPECT_EQ(stack({Tensor(true), Tensor(2.5)}).dtype(), DType::f32);
  EXPECT_ERROR(DTypeError, stack({sum(ones({1}, DType::i32)), Tensor(1.5)}), "stack", "cast");
}

TEST(Tensor, IsMadeOfAnyRange) {
  const Tensor flags = tensor({{true, false}, {false, true}});
  EXPECT_TRUE(identical(tensor(flags.to_vector<bool>(), flags.shape()), flags));
  const std::vector<bool> none;
  EXPECT_TRUE(identical(tensor(none, {0}), zeros({0}, DType::boolean)));
  EXPECT_TRUE(identical(tensor(std::deque<float>{1, 2}, {2}), tensor({1.f, 2.f})));
  EXPECT_TRUE(identical(tensor(std::views::iota(0, 3), {3}), tensor({0, 1, 2})));
  const auto halves = std::views::iota(0, 3) | std::views::transform([](int i) { return i / 2.0; });
  EXPECT_TRUE(identical(tensor(halves, {3}), tensor({0.0, 0.5, 1.0})));
  EXPECT_TRUE(identical(tensor(std::array{1.f, 2.f}, {2, 1}), tensor({{1.f}, {2.f}})));
  EXPECT_ERROR(ShapeError, tensor(flags.to_vector<bool>(), {3}), "4 elements", "[3]", "3");
}

TEST(Tensor, FullAndEyeCheckWhatTheyAreGiven) {
  EXPECT_ERROR(ShapeError, full({2}, ones({2, 3})), "full", "[2, 3]");
  EXPECT_ERROR(ShapeError, eye(2, -2), "-2");
}

TEST(Tensor, AssigningASliceOfAHugeStepTakesTheFirst) {
  Tensor x = zeros({4});
  x.slice(0, 0, 4, std::numeric_limits<std::int64_t>::max()).assign(ones({1}));
  EXPECT_TRUE(identical(x, tensor({1.f, 0.f, 0.f, 0.f})));
}

TEST(Tensor, TakesSizesAsNumbers) {
  const Tensor x = tensor({1.f, 2.f, 6.f});
  EXPECT_TRUE(identical(sum(x) / x.shape()[0], mean(x)));
  EXPECT_TRUE(identical(x.shape()[0] * x, x * 3));
  EXPECT_ERROR(TraceError,
               trace([](const Tensor& y) { return sum(y) / y.shape()[0]; }, f32({dim("B")})), "B");
}

}  // namespace
}  // namespace mlpjit
