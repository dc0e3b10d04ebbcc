// Every handle says so when it was moved from, instead of ending the program.

#include <gtest/gtest.h>

#include <sstream>
#include <utility>

#include "expect_error.h"
#include "mlpjit/mlpjit.h"

namespace mlpjit {
namespace {

#define EXPECT_MOVED_FROM(statement) EXPECT_ERROR(UserError, statement, "moved from")

template <class Net>
void expect_moved_from_list(Net net) {
  net.add(nn::Dense(2), nn::Dense(3));
  Net kept = std::move(net);
  EXPECT_EQ(kept.size(), 2u);
  EXPECT_MOVED_FROM(net.size());
  EXPECT_MOVED_FROM(net[0]);
  EXPECT_MOVED_FROM(net.replace(0, nn::Dense(4)));
  EXPECT_MOVED_FROM(net.add(nn::Dense(4)));
  EXPECT_MOVED_FROM(net(ones({1, 2})));
  EXPECT_MOVED_FROM(net(Tensors{ones({1, 2})}));
  EXPECT_MOVED_FROM(net.initialize());
  EXPECT_MOVED_FROM(net.hybridize());
  EXPECT_MOVED_FROM(net.hybridize(false));
  EXPECT_MOVED_FROM(net.collect_params());
  EXPECT_MOVED_FROM(net.summary());
  EXPECT_MOVED_FROM(net.save_parameters("never.params"));
  EXPECT_MOVED_FROM(net.load_parameters("never.params"));
  EXPECT_MOVED_FROM(std::ostringstream() << net);
  const Net copy = net;  // of nothing, nothing
  EXPECT_MOVED_FROM(copy.size());
  EXPECT_MOVED_FROM(Net(net.clone()).size());
  nn::Sequential outer;
  EXPECT_MOVED_FROM(outer.add(net));
  net = std::move(kept);
  EXPECT_EQ(net.size(), 2u);
}

TEST(MovedFrom, Blocks) {
  expect_moved_from_list(nn::Sequential());
  expect_moved_from_list(nn::HybridSequential());
  nn::Dense layer(2);
  const nn::Dense kept = std::move(layer);
  EXPECT_MOVED_FROM(layer(ones({1, 2})));
  EXPECT_MOVED_FROM(layer.explain());
  EXPECT_MOVED_FROM(layer.export_model("never"));
}

TEST(MovedFrom, TensorsAndParameters) {
  Tensor x = ones({2});
  const Tensor kept = std::move(x);
  EXPECT_FALSE(x.defined());
  EXPECT_MOVED_FROM(x.shape());
  EXPECT_MOVED_FROM(x.data<float>());
  EXPECT_MOVED_FROM(Tensor(x).data<float>());
  EXPECT_MOVED_FROM(x.mutable_data<float>());
  EXPECT_MOVED_FROM(x + 1);
  EXPECT_MOVED_FROM(x += 1);
  EXPECT_MOVED_FROM(x.assign(1));
  EXPECT_MOVED_FROM(x.slice(0, 0, 1));
  EXPECT_MOVED_FROM(x.item<float>());
  EXPECT_MOVED_FROM(x.copy());
  EXPECT_MOVED_FROM(identical(x, kept));
  EXPECT_MOVED_FROM(jit([](Tensor y) { return y; })(x));
  EXPECT_MOVED_FROM(jit([x] { return x + 1; })());

  nn::Dense layer(2, {.in_units = 2});
  layer.initialize();
  nn::Parameter weight = layer.collect_params()["weight"];
  const nn::Parameter held = std::move(weight);
  EXPECT_THROW(weight.data(), ParameterError);
  EXPECT_THROW(weight.path(), ParameterError);
  EXPECT_THROW(weight.shape(), ParameterError);
  EXPECT_THROW(weight.dtype(), ParameterError);
  EXPECT_THROW(weight.is_initialized(), ParameterError);
  EXPECT_THROW(weight.set_data(ones({2, 2})), ParameterError);
  EXPECT_THROW(weight.to_vector<float>(), ParameterError);
  EXPECT_THROW(std::ostringstream() << weight, ParameterError);
}

TEST(MovedFrom, Programs) {
  Graph graph = trace([](Tensor x) { return x + 1; }, f32({2}));
  const Graph kept = std::move(graph);
  EXPECT_MOVED_FROM(graph.to_text());
  EXPECT_MOVED_FROM(graph.to_dot());
  EXPECT_MOVED_FROM(graph.inputs());
  EXPECT_MOVED_FROM(graph.outputs());
  EXPECT_MOVED_FROM(optimize(graph));
  EXPECT_MOVED_FROM(compile(graph));
  EXPECT_MOVED_FROM(std::ostringstream() << graph);

  Executable run = compile(kept, {.backend = Backend::graph});
  const Executable held = std::move(run);
  EXPECT_MOVED_FROM(run(ones({2})));
  EXPECT_MOVED_FROM(run.explain());
  EXPECT_MOVED_FROM(trace([&](Tensor x) { return run(x); }, f32({2})));

  auto f = jit([](Tensor x) { return x + 1; });
  const auto g = std::move(f);
  EXPECT_MOVED_FROM(f(ones({2})));
  EXPECT_MOVED_FROM(f.explain());
  EXPECT_MOVED_FROM(f.clear());
}

}  // namespace
}  // namespace mlpjit
