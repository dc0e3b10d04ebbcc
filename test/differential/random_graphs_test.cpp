// The seeded loop: random programs, imperative == graph == native == naive reference, on the bits.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "test/differential/counts.h"
#include "test/differential/modes.h"

namespace mlpjit::differential {
namespace {

std::string commented(const std::string& text) {
  std::istringstream lines(text);
  std::string line, out;
  while (std::getline(lines, line)) out += "; " + line + "\n";
  return out;
}

// The mode that failed, and whether it threw: a smaller program must fail in the same way.
std::string failure_kind(const std::optional<std::string>& what) {
  if (!what) return "";
  return what->substr(0, what->find(':')) + (what->find("threw") == std::string::npos ? "" : "!");
}

void report(std::uint64_t seed, const Program& program, const std::vector<Mode>& all) {
  const auto kind = [&](const Program& p) { return failure_kind(check(p, all)); };
  const std::string found = kind(program);
  const Program small = minimize(program, [&](const Program& p) { return kind(p) == found; });
  const auto what = check(small, all);
  const std::string path = "random_graph_" + std::to_string(seed) + ".mlp";
  std::ofstream(path) << "; seed " << seed << "\n"
                      << commented(to_string(small)) << trace_text(small);
  ADD_FAILURE() << "seed " << seed << ", minimised to " << path << ":\n"
                << trace_text(small) << to_string(small)
                << (what ? *what : "(passes once minimised)");
}

// A quarter of the graphs per shard, so that a test runner has something to run side by side.
constexpr std::uint64_t kShards = 4;

class RandomGraphs : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomGraphs, GiveTheSameBitsInEveryMode) {
  const std::uint64_t first = number_from_environment("MLPJIT_SEED", 1);
  const std::vector<Isa> isas = runnable_isas();
  std::uint64_t failures = 0, nodes = 0, graphs = 0;
  for (std::uint64_t i = GetParam(); i < graph_count() && failures < 3; i += kShards) {
    const std::uint64_t seed = first + i;
    Choices choices(seed);
    const Program program = generate(choices, 20);
    const auto all = modes(isas[i / kShards % isas.size()], seed);
    if (check(program, all)) {
      report(seed, program, all);
      ++failures;
    }
    nodes += program.nodes.size();
    ++graphs;
  }
  std::cout << graphs << " graphs, " << nodes << " ops\n";
  EXPECT_GT(graphs, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeded, RandomGraphs, testing::Range<std::uint64_t>(0, kShards));

// The contents with only some rows of the batch, which is input 0.
Tensors rows_of(const Program& program, std::int64_t begin, std::int64_t end) {
  Tensors contents = contents_of(program);
  contents[0] = contents[0].slice(0, begin, end);
  return contents;
}

// Whole, in two parts, one row, none: the same rows with the same bits, with an executable for each
// batch size as with one for all.
TEST(RandomGraphs, GiveARowTheSameBitsInEveryBatch) {
  constexpr std::int64_t kRows = 13;
  const std::vector<std::pair<std::int64_t, std::int64_t>> kParts = {
      {0, kRows}, {0, 5}, {5, kRows}, {7, 8}, {3, 3}, {0, kRows}};
  const std::uint64_t first = number_from_environment("MLPJIT_SEED", 1);
  for (std::uint64_t seed = first; seed < first + graph_count() / 20; ++seed) {
    Choices choices(seed);
    const Program program = generate_row_by_row(choices, kRows, 8);
    const Outcome whole = run_imperatively(program);
    for (const Backend backend : {Backend::graph, Backend::native}) {
      for (const Batch batch : {Batch::exact, Batch::dynamic}) {
        HybridProgram hybrid(program, {.backend = backend, .batch = batch});
        for (const auto& [begin, end] : kParts) {
          const Tensors contents = rows_of(program, begin, end);
          const Outcome part = hybrid.run(contents);
          const auto text = difference(run_imperatively(program, contents), part);
          ASSERT_FALSE(text) << "seed " << seed << ", rows " << begin << " to " << end << ", "
                             << to_string(backend) << ": " << *text << "\n"
                             << to_string(program);
          for (std::size_t i = 0; i < part.results.size(); ++i) {
            ASSERT_TRUE(identical(part.results[i], whole.results[i].slice(0, begin, end)))
                << "seed " << seed << ", rows " << begin << " to " << end << ", result " << i
                << "\n"
                << to_string(program);
          }
        }
      }
    }
  }
}

// Found by seed 4072: the lanes behind the last element divided 0 by 0, and that NaN reached the
// sum on SSE2.
TEST(RandomGraphs, LanesBehindTheLastElementStayOutOfReductions) {
  const Tensor x = random::normal({5}), y = random::normal({5}) + 3;
  const auto function = [](const Tensor& a, const Tensor& b) {
    return layer_norm(a / b, ones({5}), zeros({5}));
  };
  for (Isa isa : runnable_isas()) {
    EXPECT_TRUE(identical(jit(function, {.isa = isa})(x, y), function(x, y))) << to_string(isa);
  }
}

}  // namespace
}  // namespace mlpjit::differential
