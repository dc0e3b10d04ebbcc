// export_model and SymbolBlock::imports: what comes back from the files is the network that went
// in.

#include <gtest/gtest.h>

#include <cmath>

#include "test/unit/model/round_trip.h"

namespace mlpjit {
namespace {

using test::backends;
using test::bytes_of;
using test::error_of;
using test::expect_mentions;
using Export = test::RoundTrip;

template <class... Layers>
nn::HybridSequential net_of(Layers&&... layers) {
  nn::HybridSequential net;
  net.add(std::forward<Layers>(layers)...);
  net.initialize();
  return net;
}

// A block of one function over several tensors.
struct Function : nn::HybridBlock {
  explicit Function(std::function<Tensors(const Tensors&)> body) : body_(std::move(body)) {}
  Tensors hybrid_forward_n(const Ops&, const Tensors& inputs) override { return body_(inputs); }
  std::function<Tensors(const Tensors&)> body_;
};

TEST_F(Export, EveryBatchSizeFromOneCall) {
  auto net = net_of(nn::Dense(5, {.activation = "relu"}), nn::Dense(3));
  net(rows(3, 4));
  expect_round_trip(net, {{rows(3, 4)}, {rows(1, 4)}, {rows(0, 4)}, {rows(2, 4)}, {rows(33, 4)}});
  expect_mentions(symbol_text(), {"\"B\"", "\"0.weight\"", "\"y0\""});
}

TEST_F(Export, EveryLayer) {
  const Tensor x = random::normal({4, 6});
  auto net =
      net_of(nn::Normalize(0.5, 2), nn::Normalize(ones({6}) * 2.f, random::uniform({6}, 1, 2)),
             nn::Dense(7, {.use_bias = false}), nn::LayerNorm(), nn::BatchNorm(),
             nn::Activation("leaky_relu", {.alpha = 0.2}), nn::Dropout(0.5), nn::Identity(),
             nn::HybridLambda([](const Tensor& t) { return t * 0.1 + 1.0; }),
             nn::Dense(3, {.activation = "softmax"}));
  net(x);
  {
    const TrainingScope training(true);  // gives BatchNorm something to remember
    net(x);
  }
  expect_round_trip(net, {{x}, {rows(1, 6)}, {rows(0, 6)}});
}

TEST_F(Export, EveryActivation) {
  for (const std::string& name : nn::activation_names()) {
    SCOPED_TRACE(name);
    auto net = net_of(nn::Dense(3, {.activation = name, .in_units = 4}));
    expect_round_trip(net, {{rows(2, 4)}});
  }
}

TEST_F(Export, EmbeddingFlattenAndMoreAxes) {
  auto net = net_of(nn::Embedding(10, 3), nn::Flatten(), nn::Dense(2));
  const Tensor words =
      tensor({{std::int64_t{1}, std::int64_t{9}}, {std::int64_t{0}, std::int64_t{4}}});
  net(words);
  expect_round_trip(net, {{words}, {words.slice(0, 0, 1)}, {words.slice(0, 0, 0)}});

  auto deep = net_of(nn::BatchNorm({.axis = -1}), nn::Dense(2, {.flatten = true}));
  deep(random::normal({2, 3, 4}));
  expect_round_trip(deep, {{random::normal({5, 3, 4})}, {random::normal({0, 3, 4})}});
}

TEST_F(Export, TheTrainingProgramDrawsAndUpdates) {
  auto net = net_of(nn::Dense(6, {.in_units = 4}), nn::BatchNorm(), nn::Dropout(0.4), nn::Dense(2));
  net(rows(3, 4));
  expect_round_trip(net, {{rows(8, 4)}, {rows(0, 4)}, {rows(2, 4)}}, {.training = true});
  const Tensor mean = net.collect_params()["1.running_mean"].data();
  EXPECT_TRUE(identical(mean == mean, full({6}, true))) << "nothing is learned from no rows";
  expect_mentions(symbol_text(),
                  {"\"training\": true", "\"state\"", "\"updates\"", "1.running_mean"});
  there_and_back(net);
  EXPECT_EQ(symbol_text().find("random"), std::string::npos) << "inference by default";
  EXPECT_EQ(symbol_text().find("updates"), std::string::npos);
}

TEST_F(Export, ParametersStayWhereTheyWere) {
  nn::Dense shared(4, {.in_units = 4});
  auto net = net_of(shared, nn::Dense(4, {.activation = "tanh"}), shared);
  net(rows(2, 4));
  auto same = there_and_back(net);
  expect_round_trip(net, {{rows(2, 4)}});
  EXPECT_EQ(same.collect_params().size(), 4U);
  same.collect_params()["2.bias"].set_data(ones({4}));
  EXPECT_EQ(same.collect_params()["0.bias"].data().to_vector<float>()[0], 1.f) << "one parameter";
  net.collect_params()["0.bias"].set_data(ones({4}));
  const Tensor x = rows(2, 4);
  EXPECT_TRUE(identical(net(x), same(x))) << "and the program sees it";
  same.save_parameters(path("saved"));
  auto fresh = net_of(nn::Dense(4), nn::Dense(4, {.activation = "tanh"}), nn::Dense(4));
  EXPECT_THROW(fresh.load_parameters(path("saved")), ParameterError) << "2 is shared with 0";
  net.load_parameters(path("saved"));
  net.save_parameters(path("original"));
  EXPECT_EQ(bytes_of(path("saved")), bytes_of(path("original")));
}

TEST_F(Export, SeveralInputsAndOutputs) {
  const Function net(
      [](const Tensors& in) { return Tensors{matmul(in[0], in[1]), in[0], in[0] + in[2], in[1]}; });
  const auto sized = [](std::int64_t batch) {
    return Tensors{rows(batch, 3), random::normal({3, 2}), rows(batch, 3)};
  };
  net(sized(5));
  expect_round_trip(net, {sized(5), sized(1), sized(0)});
  auto same = there_and_back(
      net, {.input_names = {"left", "weights", "more"}, .output_names = {"a", "b", "c", "d"}});
  EXPECT_EQ(same.input_names(), (std::vector<std::string>{"left", "weights", "more"}));
  EXPECT_EQ(same.output_names(), (std::vector<std::string>{"a", "b", "c", "d"}));
  const Tensors in = sized(2);
  const Tensors out = same(in);
  EXPECT_EQ(out[1].data<float>().data(), in[0].data<float>().data())
      << "an input comes back itself";
  expect_mentions(error_of<UserError>([&] { same(in[0]); }), {"3 arguments"});
}

TEST_F(Export, ControlFlow) {
  struct Net : nn::HybridBlock {
    nn::Dense layer = child("layer", nn::Dense(3, {.in_units = 3}));
    Tensors hybrid_forward_n(const Ops& F, const Tensors& in) override {
      Tensor x = in[0];
      const Tensors chosen = cond(
          F.sum(x) > 0.0, [&](const Tensor& a) { return layer(a); },
          [&](const Tensor& a) { return a * 2.0; }, {x});
      const Tensors looped =
          while_loop([](const Tensor& n, const Tensor&) { return n > 0; },
                     [&](const Tensor& n, const Tensor& a) {
                       const Tensor scaled = cond(
                           n > 1, [&](const Tensor& b) { return layer(b); },
                           [](const Tensor& b) { return b + random::uniform(b.shape()); }, {a})[0];
                       return Tensors{n - 1, scaled};
                     },
                     {in[1], chosen[0]}, 5);
      auto [carry, ys] = scan(
          [&](const Tensor& c, const Tensor& row) {
            Tensor next = c + layer(row);
            return std::pair(next, next * 0.5);
          },
          F.sum(looped[1], {0}), in[2]);
      return {looped[0], looped[1], carry, ys};
    }
  } net;
  net.initialize();
  const auto input = [](std::int64_t n, std::int64_t length) {
    return Tensors{rows(2, 3), tensor(n), random::normal({length, 3})};
  };
  net(input(1, 4));
  const nn::ExportOptions options{.inputs = {f32({2, 3}), i64({}), f32({dim("T"), 3})}};
  expect_round_trip(net, {input(0, 4), input(1, 1), input(3, 0), input(9, 5)}, options);
}

TEST_F(Export, InPlaceUpdatesOfArgumentsAndCaptures) {
  const Tensor counter = zeros({2});
  const Function net([counter](const Tensors& in) {
    Tensor count = counter, x = in[0];
    count += 1.0;
    x += count;
    x.slice(0, 0, 1).assign(x.slice(0, 1, 2) * 2.0);
    return Tensors{x * 3.0, x, count};
  });
  there_and_back(net, {.inputs = {f32({2})}});
  expect_mentions(symbol_text(), {"\"capture.0\"", "\"updates\""});
  expect_round_trip(net, {{random::normal({2})}, {random::normal({2})}}, {.inputs = {f32({2})}});
}

TEST_F(Export, Prints) {
  const Function net([](const Tensors& in) {
    print("before", in[0]);
    const Tensors out = cond(
        in[0] > 0.0,
        [](const Tensor& x) {
          print("positive", x);
          return x + 1.0;
        },
        [](const Tensor& x) { return x - 1.0; }, {in[0]});
    print("done");
    return out;
  });
  expect_round_trip(net, {{tensor(2.f)}, {tensor(-2.f)}}, {.inputs = {f32({})}});
  expect_mentions(symbol_text(), {"\"token\"", "positive"});
}

TEST_F(Export, EveryDtypeAndShape) {
  const Function net([](const Tensors& in) {
    const Tensor big = cast(in[0], DType::f64);
    return Tensors{big * 0.1,
                   floor_divide(in[1], 3),
                   cast(in[2], DType::i32) + tensor({1, 2, 3}),
                   logical_not(in[3]),
                   argmax(in[0], 1),
                   one_hot(in[2], 5),
                   concat({in[0], in[0]}, 1),
                   split(in[0], {1, 3}, 1)[1],
                   where(in[3], tensor({1.0, -0.0, double(NAN)}),
                         tensor({double(INFINITY), 2.5e-310, -double(INFINITY)}))};
  });
  const Tensors inputs{random::normal({2, 4}), tensor({std::int64_t{-7}, std::int64_t{1} << 40}),
                       tensor({0, 4, 2}), tensor({true, false, true})};
  net(inputs);
  expect_round_trip(net, {inputs}, {.batch = Batch::exact});
  expect_mentions(symbol_text(), {"\"nan\"", "\"-inf\"", "-0", "2.5e-310"});
}

TEST_F(Export, ScalarsAndNothing) {
  const Function net([](const Tensors& in) {
    const Tensor third = Tensor(1.0) / 3.0;  // a C++ scalar, as Tensor(7) is
    return Tensors{in[0] * 2.0, sum(in[1]), in[1] + 1.0, zeros({0, 3}), tensor(std::int64_t{5}),
                   third,       third * 7,  Tensor(7),   Tensor(true)};
  });
  expect_round_trip(net, {{tensor(3.f), zeros({0, 2})}}, {.inputs = {f32({}), f32({0, 2})}});
}

TEST_F(Export, LargeConstantsGoToTheParameterFile) {
  const Tensor table = random::normal({30, 4});
  auto net = net_of(nn::HybridLambda([table](const Tensor& x) { return matmul(x, table); }),
                    nn::Dense(2, {.in_units = 4}));
  net(rows(2, 30));
  expect_round_trip(net, {{rows(2, 30)}});
  EXPECT_TRUE(identical(load_safetensors(path("net-0000.params")).at("constant.0"), table));
  EXPECT_EQ(there_and_back(net).collect_params().size(), 2U) << "it is no parameter";
}

TEST_F(Export, CalledOrNotHybridizedOrNot) {
  const Tensor x = rows(2, 4);
  auto net =
      net_of(nn::Dense(3, {.activation = "relu", .in_units = 4}), nn::Dense(2, {.in_units = 3}));
  expect_round_trip(net, {{x}});
  const std::string fresh = symbol_text();
  net.hybridize({.backend = Backend::graph});
  there_and_back(net);
  EXPECT_EQ(symbol_text(), fresh);
  net(x);
  there_and_back(net);
  EXPECT_EQ(symbol_text(), fresh);
  EXPECT_EQ(net.explain().compiles, 1U) << "export compiles nothing";
}

struct Counted : nn::HybridBlock {
  nn::Dense hidden = child("hidden", nn::Dense(4));
  std::shared_ptr<int> runs = std::make_shared<int>(0);
  void replace_hidden(const nn::Dense& by) { hidden = child("hidden", by); }
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    ++*runs;
    return F.relu(hidden(input));
  }
};

TEST_F(Export, AProgramThatIsThereIsNotTracedAgain) {
  Counted net;
  net.initialize();
  net.hybridize({.backend = Backend::graph, .batch = Batch::dynamic});
  net(rows(2, 3));
  const int runs = *net.runs;
  const auto same = there_and_back(net);
  const std::string graph = net.graph().to_text();
  EXPECT_EQ(*net.runs, runs) << "it was traced for every batch already";
  EXPECT_NE(graph.find("f32[B, 3]"), std::string::npos) << graph;
  const Tensor x = rows(5, 3);
  EXPECT_TRUE(identical(Tensor(same(x)), net(x)));
  net.export_model(path("named"), {.input_names = {"features"}});
  EXPECT_EQ(*net.runs, runs);
  EXPECT_EQ(
      nn::SymbolBlock::imports(path("named-symbol.json"), path("named-0000.params")).input_names(),
      std::vector<std::string>{"features"});
  net.export_model(path("exact"), {.inputs = {f32({2, 3})}});
  EXPECT_EQ(*net.runs, runs + 1) << "another program";
  net.export_model(path("training"), {.training = true});
  EXPECT_EQ(*net.runs, runs + 2);
  net.hybridize(false);
  net.graph();
  EXPECT_EQ(*net.runs, runs + 3) << "what it does imperatively now";
  net.hybridize({.backend = Backend::graph});
  net(rows(2, 3));
  const int again = *net.runs;
  net.graph({f32({2, 3})});
  EXPECT_EQ(*net.runs, again);
  net.replace_hidden(nn::Dense(5));
  net.initialize();
  EXPECT_EQ(net.graph({f32({2, 3})}).outputs(), std::vector<TensorSpec>{f32({2, 5})});
  EXPECT_EQ(*net.runs, again + 1) << "the tree is another";
}

// Keeps a sum in a tensor of its own, and draws while training.
struct Counting : nn::HybridBlock {
  nn::Dense fc = child("fc", nn::Dense(2));
  nn::Dropout drop = child("drop", nn::Dropout(0.5));
  Tensor calls = zeros({}, DType::i64);
  Tensor hybrid_forward(const Ops& F, const Tensor& input) override {
    calls += 1;
    return drop(F.tanh(fc(input)));
  }
};

TEST_F(Export, AGraphIsTheProgramWithItsParametersByPath) {
  auto net = net_of(nn::Dense(3, {.activation = "relu", .in_units = 4}), nn::Dense(2));
  const Graph graph = net.graph({f32({dim("N"), 4})}, {.input_names = {"features"}});
  const std::vector<GraphInput> inputs = graph.inputs();
  ASSERT_EQ(inputs.size(), 5U);
  EXPECT_EQ(inputs[0].kind, "argument");
  EXPECT_EQ(inputs[0].name, "features");
  EXPECT_FALSE(inputs[0].bound);
  const char* const paths[] = {"0.weight", "0.bias", "1.weight", "1.bias"};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(inputs[i + 1].kind, "parameter");
    EXPECT_EQ(inputs[i + 1].name, paths[i]);
    EXPECT_TRUE(inputs[i + 1].bound);
  }
  const std::string text = graph.to_text();
  for (const char* part : {"%features: f32[N, 4]", "param \"1.bias\"", "@\"0\"", "relu"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in:\n" << text;
  EXPECT_EQ(Graph::parse(text).to_text(), text);
  // Compiled it computes what the network does, with the network's parameters.
  const Executable program = compile(graph, {.backend = Backend::graph});
  for (const int batch : {1, 3}) {
    const Tensor x = rows(batch, 4);
    EXPECT_TRUE(identical(program(x)[0], net(x)));
  }
  net.collect_params()["1.bias"].set_data(ones({2}));
  const Tensor x = rows(2, 4);
  EXPECT_TRUE(identical(program(x)[0], net(x)));
  // What it is traced with when nothing is said: as export does.
  EXPECT_EQ(net.graph().inputs()[0].spec, f32({dim("B"), 4}));
  EXPECT_EQ(net.graph({}, {.batch = Batch::exact}).inputs()[0].spec.shape[1], Dim(4));
  test::expect_mentions(test::error_of<UserError>([] { nn::HybridSequential().graph(); }),
                        {"graph: ", "never called", "graph({f32("});
  test::expect_mentions(
      test::error_of<UserError>([&] { net.graph({f32({1, 4})}, {.input_names = {"a", "b"}}); }),
      {"graph: 2 names of inputs"});
  EXPECT_THROW(trace([&](const Tensor& x) { return net.graph(), x; }, f32({2})), TraceError);
}

TEST_F(Export, AGraphHasCapturesDrawsAndUpdates) {
  Counting net;
  net.initialize();
  const Graph inference = net.graph({f32({2, 3})}),
              training = net.graph({f32({2, 3})}, {.training = true});
  EXPECT_EQ(inference.to_text().find("random_uniform"), std::string::npos);
  EXPECT_NE(training.to_text().find("random_uniform"), std::string::npos);
  EXPECT_EQ(net.calls.item<std::int64_t>(), 0) << "a trace counts nothing";
  const Executable program = compile(inference, {.backend = Backend::graph});
  const Tensor x = rows(2, 3);
  const Tensor y = program(x)[0];
  EXPECT_EQ(net.calls.item<std::int64_t>(), 1) << "the program updates the block's tensor";
  EXPECT_TRUE(identical(y, net(x)));
  // A model that was read gives the program as it was read.
  const auto same = there_and_back(net_of(nn::Dense(3, {.in_units = 4})));
  const nn::HybridBlock& block = same;
  EXPECT_EQ(block.graph().to_text(), same.graph().to_text());
  EXPECT_EQ(same.graph({f32({7, 4})}).outputs(), std::vector<TensorSpec>{f32({7, 3})});
}

TEST_F(Export, ATreeOfItsOwnOrAPartOfAnother) {
  nn::HybridSequential inner = net_of(nn::Dense(4, {.in_units = 4}));
  auto net = net_of(inner, nn::Dense(2));
  net(rows(2, 4));
  auto encoder = there_and_back(inner);
  nn::HybridSequential built;
  built.add(encoder, nn::Dense(2));
  built.initialize(nn::Uniform(), {.only_missing = true});
  built(rows(2, 4));
  EXPECT_TRUE(built.collect_params().contains("0.0.weight"));
  expect_round_trip(built, {{rows(2, 4)}, {rows(1, 4)}});
  test::expect_same_in_all_modes(built, {rows(3, 4)});
  built.hybridize({.backend = Backend::graph, .batch = Batch::dynamic});
  const Tensor x = rows(7, 4);
  const Tensor y = built(x);
  built.hybridize(false);
  EXPECT_TRUE(identical(built(x), y));
}

TEST_F(Export, PartOfAProgramOverOtherNamedSizes) {
  auto net = net_of(nn::Dense(3, {.activation = "tanh", .in_units = 4}));
  const auto same = there_and_back(net);
  const Graph twice =
      trace([&](const Tensor& x) { return same(concat({x, x + 1.0})); }, f32({dim("N"), 4}));
  EXPECT_EQ(twice.outputs(), (std::vector<TensorSpec>{f32({dim("N") * 2, 3})}));
  const Tensor x = rows(3, 4);
  const Executable run = compile(twice, {.backend = Backend::graph});
  EXPECT_TRUE(identical(run(x)[0], net(concat({x, x + 1.0}))));
  EXPECT_THROW(trace([&](const Tensor& t) { return same(t); }, f32({dim("N"), 5})), ShapeError);
}

TEST_F(Export, LongProgramsTakeTheirTimeOnce) {
  const Function net([](const Tensors& in) {
    Tensor x = in[0];
    for (int i = 0; i < 5'000; ++i) x = x * 0.5 + 1.0;
    return Tensors{x};
  });
  const Timer timer;
  const auto same = there_and_back(net, {.inputs = {f32({dim("B")})}});
  EXPECT_LT(timer.seconds(), 20) << "linear in the program";
  const Tensor x = random::normal({3});
  EXPECT_TRUE(identical(same(x), net(Tensors{x})[0]));
}

TEST_F(Export, CopiesShareAndClonesDoNot) {
  auto net = net_of(nn::Dense(3, {.in_units = 4}));
  const Tensor x = rows(2, 4);
  const Tensor y = net(x);
  auto same = there_and_back(net);
  const nn::SymbolBlock copy = same, clone = same.clone();
  same.collect_params()["0.weight"].set_data(zeros({3, 4}));
  EXPECT_TRUE(identical(copy(x), same(x)));
  EXPECT_FALSE(identical(clone(x), same(x)));
  EXPECT_TRUE(identical(clone(x), y));
}

TEST_F(Export, ClassesAndMetadata) {
  auto net = net_of(nn::Dense(2, {.in_units = 4}));
  const auto same = there_and_back(
      net, {.classes = {"cat", "d\"o\ng"}, .metadata = {{"made", "today"}, {"\xc3\xa9", ""}}});
  EXPECT_EQ(same.classes(), (std::vector<std::string>{"cat", "d\"o\ng"}));
  EXPECT_EQ(same.metadata().at("made"), "today");
  EXPECT_EQ(same.metadata().at("\xc3\xa9"), "");
  EXPECT_THROW(there_and_back(net, {.metadata = {{"bad", "\xff"}}}), UserError);
}

}  // namespace
}  // namespace mlpjit
