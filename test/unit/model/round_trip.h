#pragma once
// A network, exported and read back, is compared with itself on the bits in every mode.

#include <gtest/gtest.h>

#include <string>

#include "mlpjit/mlpjit.h"
#include "test/unit/model/temporary_folder.h"
#include "test/unit/nn/modes.h"

namespace mlpjit::test {

class RoundTrip : public TemporaryFolder {
 protected:
  static Tensor rows(std::int64_t batch, std::int64_t features) {
    return random::normal({batch, features});
  }

  template <class Net>
  nn::SymbolBlock there_and_back(const Net& net, const nn::ExportOptions& options = {}) {
    const nn::ExportedModel files = net.export_model(path("net"), options);
    return nn::SymbolBlock::imports(files.symbol, files.params);
  }

  std::string symbol_text() const { return bytes_of(path("net-symbol.json")); }

  // What the calls gave, and what they did: the random stream, the arguments, the text they
  // printed.
  struct Outcome {
    Tensors results, arguments;
    random::State stream;
    std::string printed;
  };
  template <class Net>
  static Outcome call(const Net& net, const Tensors& inputs) {
    Outcome outcome;
    for (const Tensor& input : inputs) outcome.arguments.push_back(input.copy());
    random::seed(11);
    ::testing::internal::CaptureStdout();
    for (int i = 0; i < 2; ++i) {
      for (const Tensor& result : net(outcome.arguments)) outcome.results.push_back(result.copy());
    }
    outcome.printed = ::testing::internal::GetCapturedStdout();
    outcome.stream = random::state();
    return outcome;
  }

  static void expect_equal(const Outcome& actual, const Outcome& expected) {
    expect_equal(actual.results, expected.results);
    expect_equal(actual.arguments, expected.arguments);
    EXPECT_EQ(actual.stream, expected.stream);
    EXPECT_EQ(actual.printed, expected.printed);
  }
  static void expect_equal(const Tensors& actual, const Tensors& expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i)
      EXPECT_TRUE(identical(actual[i], expected[i])) << actual[i] << "\n" << expected[i];
  }

  // The network gives what its import gives, imperatively, as a graph and compiled, on each of the
  // sets of inputs; the import exported again gives the same bytes. `net` is called, and may change
  // its state.
  template <class Net>
  void expect_round_trip(const Net& net, const std::vector<Tensors>& calls,
                         const nn::ExportOptions& options = {}) {
    const TrainingScope mode(options.training);
    std::vector<nn::SymbolBlock> copies;
    there_and_back(net, options).export_model(path("again"));
    EXPECT_EQ(bytes_of(path("net-symbol.json")), bytes_of(path("again-symbol.json")));
    EXPECT_EQ(bytes_of(path("net-0000.params")), bytes_of(path("again-0000.params")));
    const auto load = [&] {
      return nn::SymbolBlock::imports(path("again-symbol.json"), path("again-0000.params"));
    };
    std::vector<std::pair<std::string, nn::SymbolBlock>> modes;
    modes.emplace_back("imperative", load());
    for (const Backend backend : backends()) {
      modes.emplace_back(to_string(backend), load());
      modes.back().second.hybridize({.backend = backend});
    }
    for (const Tensors& inputs : calls) {
      SCOPED_TRACE(inputs.empty() ? "no inputs" : to_string(inputs.front().shape()));
      const Outcome expected = call(net, inputs);
      for (auto& [name, same] : modes) {
        SCOPED_TRACE(name);
        expect_equal(call(same, inputs), expected);
      }
    }
    expect_same_parameters(net, modes);
  }

  template <class Net>
  static void expect_same_parameters(
      const Net& net, const std::vector<std::pair<std::string, nn::SymbolBlock>>& modes) {
    const nn::ParameterDict expected = net.collect_params();
    for (const auto& [name, same] : modes) {
      const nn::ParameterDict actual = same.collect_params();
      ASSERT_EQ(actual.size(), expected.size()) << actual;
      auto at = actual.begin();
      for (const auto& [path, parameter] : expected) {
        EXPECT_EQ(at->first, path);
        EXPECT_TRUE(identical((at++)->second.data(), parameter.data())) << path << " in " << name;
      }
    }
  }
};

}  // namespace mlpjit::test
