// Tensors that borrow memory may overlap in part. An update reads its right side before it writes,
// as if that were a copy, in whichever direction the two overlap; a compiled program, which writes
// at its end, refuses. Peers: pytorch 28360, 29008.

#include <array>
#include <cstring>
#include <numeric>

#include "pains.h"

namespace mlpjit {
namespace {

// More than a vector, and more than an unrolled turn of vectors.
constexpr std::int64_t kCount = 60;

template <class T>
struct Memory {
  std::vector<T> elements = std::vector<T>(kCount + 64);
  Memory() { std::iota(elements.begin(), elements.end(), T(1)); }
  Tensor at(std::int64_t offset, const Shape& shape = {kCount}) {
    return Tensor::borrow(elements.data() + offset, shape);
  }
};

struct Update {
  const char* name;
  void (*apply)(Tensor to, const Tensor& from);
};
const Update kUpdates[] = {
    {"+=", [](Tensor to, const Tensor& from) { to += from; }},
    {"-=", [](Tensor to, const Tensor& from) { to -= from; }},
    {"*=", [](Tensor to, const Tensor& from) { to *= from; }},
    {"/=", [](Tensor to, const Tensor& from) { to /= from; }},
    {"assign", [](Tensor to, const Tensor& from) { to.assign(from); }},
    {"slice().assign", [](Tensor to, const Tensor& from) { to.slice(0, 0, 1000).assign(from); }},
    {"slice() +=", [](Tensor to, const Tensor& from) { to.slice(0, 0, 1000) += from; }},
    {"slice() *=", [](Tensor to, const Tensor& from) { to.slice(0, 0, 1000) *= from; }},
    {"assign of a slice", [](Tensor to, const Tensor& from) { to.assign(from.slice(0, 0, 1000)); }},
    {"+= of a reshape", [](Tensor to, const Tensor& from) { to += reshape(from, to.shape()); }},
    {"+= of a view of itself", [](Tensor to, const Tensor& from) { to += to + from; }}};

// The update of memory that overlaps, against the same of copies.
template <class T>
void expect_as_of_copies(const Update& update, std::int64_t to_offset, std::int64_t from_offset,
                         const Shape& to_shape = {kCount}, const Shape& from_shape = {kCount},
                         bool read_by_a_program = false) {
  SCOPED_TRACE(std::string(update.name) + " at " + std::to_string(to_offset) + " from " +
               std::to_string(from_offset));
  Memory<T> memory, plain;
  Tensor want = plain.at(to_offset, to_shape).copy();
  update.apply(want, plain.at(from_offset, from_shape).copy());
  Tensor to = memory.at(to_offset, to_shape);
  if (read_by_a_program)
    jit([to](const Tensor& x) { return x * to; },
        {.backend = Backend::graph})(ones({}, to.dtype()));
  update.apply(to, memory.at(from_offset, from_shape));
  EXPECT_TRUE(identical(to, want)) << to << "\nexpected " << want;
  // Nothing else was touched.
  std::memcpy(plain.elements.data() + to_offset, want.data<T>().data(),
              static_cast<std::size_t>(want.size()) * sizeof(T));
  EXPECT_EQ(memory.elements, plain.elements);
}

template <class T>
void expect_all() {
  for (const Update& update : kUpdates) {
    if (std::is_integral_v<T> && std::string(update.name) == "/=") continue;
    for (const std::int64_t offset : {0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 32, 59, 60}) {
      expect_as_of_copies<T>(update, offset, 0);  // the tail by the head
      expect_as_of_copies<T>(update, 0, offset);  // the head by the tail
    }
  }
}

TEST(BorrowedMemory, AnUpdateReadsBeforeItWritesWhereTensorsOverlapInPart) {
  expect_all<float>();
  expect_all<double>();
  expect_all<std::int32_t>();
  expect_all<std::int64_t>();
}

TEST(BorrowedMemory, AnUpdateOfWhatAProgramReadsToo) {
  for (const Update& update : kUpdates) {
    for (const std::int64_t offset : {0, 1, 4, 17, 59}) {
      expect_as_of_copies<float>(update, offset, 0, {kCount}, {kCount}, true);
      expect_as_of_copies<float>(update, 0, offset, {6, 10}, {6, 10}, true);
      if (std::string(update.name).find("reshape") != std::string::npos) continue;
      expect_as_of_copies<float>(update, offset, 0, {6, 10}, {6, 1}, true);
    }
  }
}

TEST(BorrowedMemory, BroadcastOperandsMayLieInWhatIsWritten) {
  const auto each = [](const Shape& to, const Shape& from) {
    for (const Update& update : kUpdates) {
      if (std::string(update.name).find("reshape") != std::string::npos) continue;
      for (const std::int64_t offset : {0, 1, 4, 7, 30, 59}) {
        if (std::string(update.name) == "assign of a slice" && from.rank() == 0) continue;
        expect_as_of_copies<float>(update, 0, offset, to, from);
        expect_as_of_copies<float>(update, offset, 0, to, from);
      }
    }
  };
  each({kCount}, {1});
  each({6, 10}, {10});
  each({6, 10}, {6, 1});
  each({6, 10}, {1, 10});
  each({6, 10}, {6, 10});
}

TEST(BorrowedMemory, AnElementOfWhatIsWrittenIsReadOnce) {
  for (const Update& update : kUpdates) {
    const std::string name = update.name;
    if (name == "assign of a slice" || name == "+= of a reshape") continue;
    for (const std::int64_t offset : {0, 1, 17, 59})
      expect_as_of_copies<float>(update, 0, offset, {kCount}, {});
  }
}

TEST(BorrowedMemory, SlicesOfInnerAxesThatOverlap) {
  const Update updates[] = {
      {"columns from the columns before",
       [](Tensor to, const Tensor& from) { to.slice(1, 1, 10).assign(from.slice(1, 0, 9)); }},
      {"columns by themselves",
       [](Tensor to, const Tensor& from) { to.slice(1, 0, 10, 3) += from.slice(1, 2, 6); }},
      {"a column of all",
       [](Tensor to, const Tensor& from) { to.slice(1, 3, 10) *= from.slice(1, 0, 1); }}};
  for (const Update& update : updates) {
    for (const std::int64_t offset : {0, 1, 4, 10, 33}) {
      expect_as_of_copies<float>(update, 0, offset, {6, 10}, {6, 10});
      expect_as_of_copies<float>(update, offset, 0, {6, 10}, {6, 10});
    }
  }
}

class BorrowedByPrograms : public test::PainTest {};

// Overlapping inputs are like any others where nothing is written.
TEST_P(BorrowedByPrograms, InputsThatOverlapAreRead) {
  Memory<float> memory;
  const auto f = [](const Tensor& a, const Tensor& b) { return Tensors{a * b + a, b - a, a}; };
  const auto hybrid = jit(f, options());
  for (const std::int64_t offset : {0, 4, 17}) {
    const Tensor a = memory.at(0), b = memory.at(offset);
    const Tensors want = f(a.copy(), b.copy());
    for (const auto& [x, y] : {std::pair(a, b), std::pair(b, a)}) {
      const Tensors got = hybrid(x, y), expected = f(x.copy(), y.copy());
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(identical(got[i], expected[i])) << i;
    }
  }
}

// In each direction, as arguments, captured, and one of each; nothing is changed by what is refused.
TEST_P(BorrowedByPrograms, AnUpdateOfOneOfTwoThatOverlapIsRefused) {
  const auto update = [](Tensor a, const Tensor& b) { a += b; };
  const auto hybrid = jit(update, options());
  const auto sliced = jit(
      [](Tensor a, const Tensor& b) { a.slice(0, 0, 10).assign(b.slice(0, 0, 10)); }, options());
  hybrid(ones({kCount}), ones({kCount}));  // compiled for tensors apart
  for (const std::int64_t offset : {1, 4, 17, 59}) {
    SCOPED_TRACE(offset);
    Memory<float> memory;
    const std::vector<float> before = memory.elements;
    const Tensor head = memory.at(0), tail = memory.at(offset);
    EXPECT_ERROR(UserError, hybrid(tail, head), "share memory", "copy()");
    EXPECT_ERROR(UserError, hybrid(head, tail), "share memory", "copy()");
    EXPECT_ERROR(UserError, sliced(tail, head), "share memory");
    EXPECT_ERROR(UserError, sliced(head, tail), "share memory");
    const auto of_captured = jit([&](const Tensor& b) { update(tail, b); }, options());
    EXPECT_ERROR(UserError, of_captured(head), "share memory", "copy()");
    const auto by_captured = jit([&](const Tensor& a) { update(a, tail); }, options());
    EXPECT_ERROR(UserError, by_captured(head), "share memory", "copy()");
    const auto captured = jit([&] { update(tail, head); }, options());
    EXPECT_ERROR(UserError, captured(), "share memory", "copy()");
    EXPECT_EQ(memory.elements, before);
    hybrid(tail, head.copy());
    Tensor want = Memory<float>().at(offset).copy();
    want += Memory<float>().at(0);
    EXPECT_TRUE(identical(tail, want));
  }
  // Side by side they share nothing.
  Memory<float> memory;
  const Tensor head = memory.at(0), next = memory.at(kCount, {4});
  jit(
      [](Tensor a, Tensor b) {
        a += sum(b);
        b += sum(a);
      },
      options())(head, next);
  Memory<float> plain;
  Tensor a = plain.at(0).copy(), b = plain.at(kCount, {4}).copy();
  a += sum(b);
  b += sum(a);
  EXPECT_TRUE(identical(head, a));
  EXPECT_TRUE(identical(next, b));
}

// The same handle twice is one tensor, two that borrow the same memory are two.
TEST_P(BorrowedByPrograms, TheSameMemoryTwice) {
  Memory<float> memory;
  const Tensor all = memory.at(0), again = memory.at(0);
  const auto hybrid = jit([](Tensor a, const Tensor& b) { a += b; }, options());
  hybrid(all, all);
  EXPECT_EQ(memory.elements[3], 8);
  EXPECT_ERROR(UserError, hybrid(all, again), "share memory");
  EXPECT_EQ(memory.elements[3], 8);
}

// A result never shares memory with an input that overlaps another, nor keeps showing it.
TEST_P(BorrowedByPrograms, ResultsAreIndependentOfTheMemory) {
  Memory<float> memory;
  const auto hybrid =
      jit([](const Tensor& a, const Tensor& b) { return Tensors{a + b, reshape(b, {6, 10})}; },
          options());
  const Tensors y = hybrid(memory.at(0), memory.at(4));
  const Tensor sum = y[0].copy(), same = y[1].copy();
  std::fill(memory.elements.begin(), memory.elements.end(), -1.f);
  EXPECT_TRUE(identical(y[0], sum));
  EXPECT_TRUE(identical(y[1], same));
  // The caller's writes between calls are seen.
  EXPECT_TRUE(identical(hybrid(memory.at(0), memory.at(4))[0], full({kCount}, -2.f)));
}

// A weight in memory of the caller's is read anew at each call: it is never packed ahead.
TEST_P(BorrowedByPrograms, AWeightMayChangeAtAnyTime) {
  std::vector<float> memory(64 * 40);
  std::iota(memory.begin(), memory.end(), -1000.f);
  const Tensor w = Tensor::borrow(memory.data(), {40, 64});
  const Tensor x = random::normal({3, 64});
  const auto hybrid = jit([w](const Tensor& a) { return dense(a, w); }, options());
  Tensor before;
  for (int round = 0; round < 3; ++round) {
    const Tensor y = hybrid(x);
    EXPECT_TRUE(identical(y, dense(x, w)));
    if (round > 0) {
      EXPECT_FALSE(identical(y, before));
    }
    before = y;
    for (float& element : memory) element = element * 0.5f + 1;
  }
}

MLPJIT_PAINS_IN_ALL_MODES(BorrowedByPrograms);

}  // namespace
}  // namespace mlpjit
