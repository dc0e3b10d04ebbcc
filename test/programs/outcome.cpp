#include "test/programs/outcome.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lib/ir/text.h"
#include "lib/runtime/loader.h"
#include "mlpjit/error.h"

namespace mlpjit::test {

namespace {

std::vector<ir::Type> sized_types(const ir::Graph& graph, std::span<const ir::ValueId> values,
                                  std::int64_t batch) {
  std::vector<ir::Type> types = graph.main().types(values);
  if (batch == ir::kUnknownSize) return types;
  for (ir::Type& type : types) type.shape = ir::sized(type.shape, batch);
  return types;
}

}  // namespace

std::vector<ir::Type> input_types(const ir::Graph& graph, std::int64_t batch) {
  return sized_types(graph, graph.main().body().arguments, batch);
}

std::vector<ir::Type> result_types(const ir::Graph& graph, std::int64_t batch) {
  return sized_types(graph, graph.main().body().results, batch);
}

Outcome interpret(const ir::Graph& graph, const Values& inputs, support::Isa isa,
                  std::int64_t batch) {
  Outcome outcome{make_values(result_types(graph, batch)), copy(inputs)};
  try {
    interp::run(graph, graph.main(), views(outcome.inputs), views(outcome.results), isa, batch);
  } catch (const ValueError& error) {
    outcome.error = error.what();
  }
  return outcome;
}

Outcome run(const runtime::CompiledGraph& executable, const Values& inputs) {
  Outcome outcome{make_values(executable.result_types()), copy(inputs)};
  try {
    executable.run(arguments(outcome.inputs), views(outcome.results));
  } catch (const ValueError& error) {
    outcome.error = error.what();
  }
  return outcome;
}

std::string difference(const Outcome& want, const Outcome& got) {
  if (want.error != got.error)
    return fmt::format("expected error '{}', got '{}'", want.error, got.error);
  std::string found = difference("input", want.inputs, got.inputs);
  if (found.empty() && want.error.empty()) found = difference("result", want.results, got.results);
  return found;
}

std::vector<support::Isa> runnable_isas() {
  std::vector<support::Isa> isas;
  for (const support::Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa <= support::default_isa()) isas.push_back(isa);
  }
  return isas;
}

void expect_same_bits(const std::string& text, std::uint64_t seed) {
  const ir::Graph graph = ir::parse(text);
  expect_same_bits(graph, draw_inputs(graph, seed));
}

void expect_same_bits(const ir::Graph& graph, const Values& inputs) {
  const Outcome want = interpret(graph, inputs);
  for (const support::Isa isa : runnable_isas()) {
    for (const Backend backend : {Backend::graph, Backend::native}) {
      if (backend == Backend::native && !runtime::built_with_llvm()) continue;
      for (const bool passes : {true, false}) {
        runtime::Settings settings{.backend = backend, .isa = isa, .verify = true};
        if (!passes) settings.passes = {false, false, false, false, false, false};
        const auto executable = runtime::CompiledGraph::compile(graph, settings);
        for (int call = 0; call < 2; ++call) {  // the second finds everything made
          EXPECT_EQ(difference(want, run(*executable, inputs)), "")
              << to_string(backend) << " on " << to_string(isa) << (passes ? "" : " without passes")
              << ", call " << call << "\n"
              << ir::print(graph);
        }
      }
    }
  }
}

}  // namespace mlpjit::test
