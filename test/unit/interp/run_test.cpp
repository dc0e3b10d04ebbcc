#include "helpers.h"
#include "lib/ir/text.h"
#include "lib/support/storage.h"
#include "mlpjit/error.h"

namespace mlpjit::interp {
namespace {

// Runs @main of a program on arrays; gives the peak bytes.
std::size_t run_text(std::string_view text, const std::vector<View>& inputs,
                     const std::vector<View>& results) {
  const ir::Graph graph = ir::parse(text);
  return run(graph, graph.main(), inputs, results, support::default_isa());
}

TEST(Run, FunctionsCallEachOther) {
  const Array<float> a({}, {1}), b({}, {2});
  Array<float> y({});
  run_text(R"(func @add(%a: f32[], %b: f32[]) -> (f32[]) {
  %0 = add %a, %b : f32[]
  return %0
}
func @main(%a: f32[], %b: f32[]) -> (f32[]) {
  %0 = call @add(%a, %b) : f32[]
  %1 = call @add(%0, %b) : f32[]
  return %1
}
)",
           {a.view(), b.view()}, {y.view()});
  EXPECT_EQ(y[0], 5);
}

constexpr std::string_view kCond = R"(func @main(%p: bool[], %x: f32[2], %w: f32[2]) -> (f32[2]) {
  %0 = cond %p, %x {
    ^(%t: f32[2])
    %1 = add %t, %w : f32[2]
    yield %1
  } {
    ^(%e: f32[2])
    %2 = negative %e : f32[2]
    yield %2
  } : f32[2]
  return %0
}
)";

TEST(Run, CondTakesOneBranchAndReadsValuesAround) {
  const Array<float> x({2}, {1, 2}), w({2}, {10, 20});
  Array<float> y({2});
  const Array<std::uint8_t> yes({}, {1}), no({}, {0});
  run_text(kCond, {yes.view(), x.view(), w.view()}, {y.view()});
  EXPECT_EQ(y.values(), (std::vector<float>{11, 22}));
  run_text(kCond, {no.view(), x.view(), w.view()}, {y.view()});
  EXPECT_EQ(y.values(), (std::vector<float>{-1, -2}));
}

std::string doubling_loop(int max_iterations) {
  return R"(func @main(%x: i64[], %limit: i64[]) -> (i64[]) {
  %0 = while_loop %x {max_iterations = )" +
         std::to_string(max_iterations) + R"(} {
    ^(%a: i64[])
    %1 = less %a, %limit : bool[]
    yield %1
  } {
    ^(%b: i64[])
    %2 = add %b, %b : i64[]
    yield %2
  } : i64[]
  return %0
}
)";
}

TEST(Run, WhileLoopRunsUntilItsConditionOrItsLimit) {
  const Array<std::int64_t> x({}, {3}), limit({}, {100}), low({}, {1});
  Array<std::int64_t> y({});
  run_text(doubling_loop(-1), {x.view(), limit.view()}, {y.view()});
  EXPECT_EQ(y[0], 192);
  run_text(doubling_loop(2), {x.view(), limit.view()}, {y.view()});
  EXPECT_EQ(y[0], 12);
  run_text(doubling_loop(-1), {x.view(), low.view()}, {y.view()});
  EXPECT_EQ(y[0], 3);
}

constexpr std::string_view kScan = R"(func @main(%s: f32[], %xs: f32[N]) -> (f32[], f32[N, 1]) {
  %0, %1 = scan %s, %xs {carried = 1} {
    ^(%c: f32[], %x: f32[])
    %2 = add %c, %x : f32[]
    %3 = reshape %2 {shape = [1]} : f32[1]
    yield %2, %3
  } : f32[], f32[N, 1]
  return %0, %1
}
)";

std::string scan_of(std::string_view length) {
  std::string text(kScan);
  for (std::size_t at = text.find('N'); at != std::string::npos; at = text.find('N')) {
    text.replace(at, 1, length);
  }
  return text;
}

TEST(Run, ScanCarriesAndStacks) {
  const Array<float> start({}, {10}), xs({3}, {1, 2, 3});
  Array<float> last({}), sums({3, 1});
  run_text(scan_of("3"), {start.view(), xs.view()}, {last.view(), sums.view()});
  EXPECT_EQ(last[0], 16);
  EXPECT_EQ(sums.values(), (std::vector<float>{11, 13, 16}));
  const Array<float> none({0});
  Array<float> nothing({0, 1});
  run_text(scan_of("0"), {start.view(), none.view()}, {last.view(), nothing.view()});
  EXPECT_EQ(last[0], 10);
}

TEST(Run, UpdatesAreWrittenAfterEveryRead) {
  Array<float> a({2}, {1, 2}), b({2}, {3, 4});
  Array<float> y({2}), old({2});
  run_text(R"(func @main(%a: f32[2], %b: f32[2]) -> (f32[2], f32[2]) {
  %0 = add %a, %b : f32[2]
  return %0, %a update %a = %b, %b = %a
}
)",
           {a.view(), b.view()}, {y.view(), old.view()});
  EXPECT_EQ(y.values(), (std::vector<float>{4, 6}));
  EXPECT_EQ(old.values(), (std::vector<float>{1, 2}));
  EXPECT_EQ(a.values(), (std::vector<float>{3, 4}));
  EXPECT_EQ(b.values(), (std::vector<float>{1, 2}));
}

TEST(Run, AValueMayBeSeveralResultsAndAnUpdate) {
  Array<float> a({1}, {2});
  Array<float> y({1}), z({1}), r({1, 1});
  run_text(R"(func @main(%a: f32[1]) -> (f32[1], f32[1], f32[1, 1]) {
  %0 = exp %a : f32[1]
  %1 = negative %a : f32[1]
  %2 = reshape %1 {shape = [1, 1]} : f32[1, 1]
  return %1, %1, %2 update %a = %1
}
)",
           {a.view()}, {y.view(), z.view(), r.view()});
  EXPECT_EQ(y[0], -2);
  EXPECT_EQ(z[0], -2);
  EXPECT_EQ(r[0], -2);
  EXPECT_EQ(a[0], -2);
}

TEST(Run, IntermediatesAreFreedAndReused) {
  const Array<float> x = Random(1).array<float>({1000});
  Array<float> y({1000});
  std::string text = "func @main(%x: f32[1000]) -> (f32[1000]) {\n  %0 = tanh %x : f32[1000]\n";
  for (int i = 1; i < 9; ++i) {
    text += "  %" + std::to_string(i) + " = tanh %" + std::to_string(i - 1) + " : f32[1000]\n";
  }
  text += "  return %8\n}\n";
  const std::size_t before = support::memory_stats().live_bytes;
  EXPECT_EQ(run_text(text, {x.view()}, {y.view()}), 4000U);
  EXPECT_EQ(support::memory_stats().live_bytes, before);
}

TEST(Run, AFusionIsItsRegion) {
  const Array<float> x({3}, {-1, 0, 2});
  Array<float> y({3});
  run_text(R"(func @main(%x: f32[3]) -> (f32[3]) {
  %0 = fusion %x {kind = "elementwise"} {
    ^(%a: f32[3])
    %1 = relu %a : f32[3]
    %2 = add %1, %a : f32[3]
    yield %2
  } : f32[3]
  return %0
}
)",
           {x.view()}, {y.view()});
  EXPECT_EQ(y.values(), (std::vector<float>{-1, 0, 4}));
}

TEST(Run, ErrorsOfOpsComeThrough) {
  const Array<std::int64_t> x({}, {1}), zero({}, {0});
  Array<std::int64_t> y({});
  EXPECT_THROW(run_text(R"(func @main(%x: i64[], %z: i64[]) -> (i64[]) {
  %0 = floor_divide %x, %z : i64[]
  return %0
}
)",
                        {x.view(), zero.view()}, {y.view()}),
               ValueError);
}

}  // namespace
}  // namespace mlpjit::interp
