#include "readers.h"

#include <unistd.h>

namespace mlpjit::test {

Tensor weight_values(const Shape& shape, DType dtype, double scale) {
  return random::normal(shape, 0, scale, dtype);
}

namespace {

// What functions read: a block with the one parameter "weight".
struct Holder : nn::HybridBlock {
  nn::Parameter weight;
  explicit Holder(std::vector<std::int64_t> shape, DType dtype = DType::f32)
      : weight(parameter("weight", std::move(shape), {.dtype = dtype})) {}
  Tensor hybrid_forward(const Ops&, const Tensor& x) override { return x * weight.data(); }
};

// A reader around a block whose parameter at `path` is the weight.
template <class Net>
Reader reader_of_block(const Net& net, const std::string& path, const Tensors& inputs) {
  Reader reader;
  reader.path = path;
  reader.weight = net.collect_params()[path];
  reader.save = [net](const std::string& file) { net.save_parameters(file); };
  reader.load = [net](const std::string& file) { Net(net).load_parameters(file); };
  reader.initialize = [net](const nn::Initializer& by) { Net(net).initialize(by); };
  reader.compiled = [net, inputs] { return net(inputs)[0]; };
  return reader;
}

// A hybridized block, and another one that stays imperative and is given its values at each call.
template <class Net>
Reader hybridized(const std::function<Net()>& make, const std::string& path, const Tensors& inputs,
                  const HybridizeOptions& options) {
  Net net = make(), plain = make();
  net.initialize(nn::Normal(0.5));
  plain.initialize(nn::Zeros());
  net.hybridize(options);
  Reader reader = reader_of_block(net, path, inputs);
  reader.imperative = [net, plain, inputs] {
    for (const auto& [name, parameter] : plain.collect_params())
      nn::Parameter(parameter).set_data(net.collect_params()[name].data());
    return plain(inputs)[0];
  };
  return reader;
}

// A function of x and the weight, compiled by `compile_it` and as it is.
using TwoArguments = std::function<Tensor(const Tensor&, const Tensor&)>;
Reader reader_of_function(
    const Shape& shape, DType dtype, const Tensor& x, const TwoArguments& function,
    const std::function<std::function<Tensor()>(const TwoArguments&, Tensor, Tensor)>& compile_it) {
  std::vector<std::int64_t> sizes(shape.sizes().begin(), shape.sizes().end());
  const Holder holder(sizes, dtype);
  Holder(holder).initialize(nn::Normal(0.5));
  Reader reader = reader_of_block(holder, "weight", {});
  reader.compiled = compile_it(function, x, reader.weight.data());
  reader.imperative = [=, weight = reader.weight] { return function(x, weight.data()); };
  return reader;
}

using Compile = std::function<Tensor()> (*)(const TwoArguments&, const Tensor&, const Tensor&,
                                            const HybridizeOptions&);

std::function<Tensor()> captured(const TwoArguments& f, const Tensor& x, const Tensor& w,
                                 const HybridizeOptions& options) {
  const auto compiled = jit([f, w](const Tensor& a) { return f(a, w); }, options);
  return [compiled, x] { return compiled(x); };
}
std::function<Tensor()> passed(const TwoArguments& f, const Tensor& x, const Tensor& w,
                               const HybridizeOptions& options) {
  const auto compiled = jit([f](const Tensor& a, const Tensor& b) { return f(a, b); }, options);
  return [compiled, x, w] { return compiled(x, w); };
}
// A graph with the weight bound to it since the trace.
std::function<Tensor()> bound(const TwoArguments& f, const Tensor& x, const Tensor& w,
                              const HybridizeOptions& options) {
  const Executable compiled =
      compile(trace([f, w](const Tensor& a) { return f(a, w); }, x), options);
  return [compiled, x] { return compiled(x)[0]; };
}
// One read from its text, where the weight is passed.
std::function<Tensor()> from_text(const TwoArguments& f, const Tensor& x, const Tensor& w,
                                  const HybridizeOptions& options) {
  const Graph graph = Graph::parse(trace([f, w](const Tensor& a) { return f(a, w); }, x).to_text());
  const Executable compiled = compile(optimize(graph), options);
  return [compiled, x, w] { return compiled(x, w)[0]; };
}
// A function inside of another.
std::function<Tensor()> nested(const TwoArguments& f, const Tensor& x, const Tensor& w,
                               const HybridizeOptions& options) {
  const auto inner = jit([f, w](const Tensor& a) { return f(a, w); }, options);
  const auto outer = jit([inner](const Tensor& a) { return inner(a) * 2; }, options);
  return [outer, x] { return outer(x) * 0.5; };
}

ReaderKind function_reader(const char* name, const Shape& shape, const Shape& x_shape,
                           const TwoArguments& f, Compile how, DType dtype = DType::f32) {
  return {name, [=](const HybridizeOptions& options) {
            const Tensor x = weight_values(x_shape, dtype, 1);
            return reader_of_function(shape, dtype, x, f,
                                      [=](const TwoArguments& g, const Tensor& a, const Tensor& w) {
                                        return how(g, a, w, options);
                                      });
          }};
}

template <class... Layers>
std::function<nn::HybridSequential()> sequence(const Layers&... layers) {
  return [=] {
    nn::HybridSequential net;
    // Layers are handles: each network gets its own.
    (net.add(nn::clone(layers)), ...);
    return net;
  };
}

ReaderKind dense_reader(const char* name, std::int64_t rows, std::int64_t in, std::int64_t out,
                        DType dtype = DType::f32) {
  return {
      name, [=](const HybridizeOptions& options) {
        return hybridized<nn::HybridSequential>(
            sequence(nn::Dense(out, {.activation = "leaky_relu", .in_units = in, .dtype = dtype})),
            "0.weight", {weight_values({rows, in}, dtype, 1)}, options);
      }};
}

// The compiled child of a block that is not.
struct Parent : nn::Block {
  nn::Dense layer = child("layer", nn::Dense(20, {.in_units = 40}));
  Tensor forward(const Tensor& x) override { return layer(x) + 1; }
};

// One layer used twice.
struct Tied : nn::HybridBlock {
  nn::Dense layer = child("layer", nn::Dense(24, {.in_units = 24}));
  nn::Dense last = child("last", nn::Dense(3, {.in_units = 24}));
  Tensor hybrid_forward(const Ops& F, const Tensor& x) override {
    return last(layer(F.leaky_relu(layer(x))));
  }
};

Tensor dense_of(const Tensor& x, const Tensor& w) {
  return leaky_relu(dense(x, w));
}
Tensor matmul_of(const Tensor& x, const Tensor& w) {
  return matmul(x, w);
}
Tensor in_a_branch(const Tensor& x, const Tensor& w) {
  return cond(
      sum(x) < 1e9, [&](const Tensors&) { return Tensors{dense(x, w)}; },
      [&](const Tensors&) { return Tensors{dense(x, w) * 0.5}; })[0];
}
Tensor in_a_loop(const Tensor& x, const Tensor& w) {
  return while_loop(
      [](const Tensor& i, const Tensor&) { return i < 3; },
      [&](const Tensor& i, const Tensor& h) { return Tensors{i + 1, dense(h, w) * 0.125 + h}; },
      {tensor(0), x})[1];
}
Tensor in_a_scan(const Tensor& x, const Tensor& w) {
  return scan(
             [&](const Tensor& h, const Tensor& row) {
               const Tensor next = dense(reshape(row, {1, -1}), w) * 0.125 + h;
               return std::pair(next, next * 2);
             },
             zeros({1, w.shape()[0]}), x)
      .second;
}

// The file's program with its parameters.
Reader symbol_reader(const HybridizeOptions& options, const nn::SymbolBlock& block,
                     const Tensor& x) {
  nn::SymbolBlock net = block;
  net.hybridize(options);
  Reader reader = reader_of_block(net, "0.weight", {x});
  // The imperative one: the op itself, on what the parameters hold.
  reader.imperative = [net, x] {
    const auto params = net.collect_params();
    return leaky_relu(dense(x, params["0.weight"].data(), params["0.bias"].data()));
  };
  return reader;
}

}  // namespace

std::string temporary(const std::string& name) {
  return (std::filesystem::temp_directory_path() /
          ("mlpjit-writes-" + std::to_string(::getpid()) + name))
      .string();
}

const std::vector<ReaderKind>& reader_kinds() {
  static const std::vector<ReaderKind> kinds = {
      dense_reader("a narrow Dense", 1, 5, 3),
      dense_reader("a Dense of one output", 4, 30, 1),
      dense_reader("a wide Dense", 1, 300, 130),
      dense_reader("a wide Dense of a batch", 9, 130, 65),
      dense_reader("a Dense in f64", 3, 64, 33, DType::f64),
      {"a hidden layer",
       [](const HybridizeOptions& options) {
         return hybridized<nn::HybridSequential>(
             sequence(nn::Dense(48, {.activation = "leaky_relu", .in_units = 20}),
                      nn::Dense(48, {.activation = "leaky_relu", .in_units = 48}),
                      nn::Dense(2, {.in_units = 48})),
             "1.weight", {weight_values({2, 20}, DType::f32, 1)}, options);
       }},
      {"a network for any batch",
       [](HybridizeOptions options) {
         options.batch = Batch::dynamic;
         return hybridized<nn::HybridSequential>(
             sequence(nn::Dense(40, {.activation = "leaky_relu", .in_units = 20}),
                      nn::Dense(2, {.in_units = 40})),
             "0.weight", {weight_values({6, 20}, DType::f32, 1)}, options);
       }},
      {"a LayerNorm's scale",
       [](const HybridizeOptions& options) {
         return hybridized<nn::HybridSequential>(sequence(nn::LayerNorm({.in_units = 17})),
                                                 "0.gamma", {weight_values({3, 17}, DType::f32, 1)},
                                                 options);
       }},
      {"a table of an Embedding",
       [](const HybridizeOptions& options) {
         return hybridized<nn::HybridSequential>(sequence(nn::Embedding(7, 5)), "0.weight",
                                                 {tensor({0, 6, 3, 3})}, options);
       }},
      {"a compiled child of a plain Block",
       [](const HybridizeOptions& options) {
         return hybridized<Parent>([] { return Parent(); }, "layer.weight",
                                   {weight_values({3, 40}, DType::f32, 1)}, options);
       }},
      {"a layer used twice",
       [](const HybridizeOptions& options) {
         return hybridized<Tied>([] { return Tied(); }, "layer.weight",
                                 {weight_values({2, 24}, DType::f32, 1)}, options);
       }},
      {"a SymbolBlock",
       [](const HybridizeOptions& options) {
         nn::HybridSequential net;
         net.add(nn::Dense(33, {.activation = "leaky_relu", .in_units = 50}));
         net.initialize(nn::Normal(0.5));
         const auto files = net.export_model(temporary("model"));
         const auto block = nn::SymbolBlock::imports(files.symbol, files.params);
         std::filesystem::remove(files.symbol);
         std::filesystem::remove(files.params);
         return symbol_reader(options, block, weight_values({2, 50}, DType::f32, 1));
       }},
      function_reader("a captured dense weight", {40, 30}, {2, 30}, dense_of, captured),
      function_reader("a captured right operand of matmul", {30, 40}, {2, 30}, matmul_of, captured),
      function_reader(
          "a captured element-wise operand", {70}, {3, 70},
          [](const Tensor& x, const Tensor& w) { return exp(x) * w + w; }, captured),
      function_reader(
          "a captured tensor that is cast", {20, 10}, {2, 10},
          [](const Tensor& x, const Tensor& w) {
            return dense(cast(x, DType::f64), cast(w, DType::f64));
          },
          captured),
      function_reader(
          "a captured tensor alone", {9}, {1},
          [](const Tensor& x, const Tensor& w) { return sum(w * w) + sum(x); }, captured),
      function_reader(
          "a captured tensor handed back", {9}, {1},
          [](const Tensor&, const Tensor& w) { return w; }, captured),
      function_reader("an argument", {40, 30}, {2, 30}, dense_of, passed),
      function_reader("an argument in f64", {40, 30}, {2, 30}, dense_of, passed, DType::f64),
      function_reader("a tensor bound to a graph", {40, 30}, {2, 30}, dense_of, bound),
      function_reader("an input of a program in text", {40, 30}, {2, 30}, dense_of, from_text),
      function_reader("a program inside of another", {40, 30}, {2, 30}, dense_of, nested),
      function_reader("both branches of a cond", {30, 30}, {2, 30}, in_a_branch, captured),
      function_reader("the body of a while_loop", {30, 30}, {2, 30}, in_a_loop, captured),
      function_reader("the body of a scan", {30, 30}, {4, 30}, in_a_scan, captured)};
  return kinds;
}

}  // namespace mlpjit::test
