// The caller's rounding mode, flushed denormals and unmasked traps change no bit and stay as they
// were, whatever of mlpjit is called besides ops: a table of entries, each in every environment.

#if defined(__x86_64__)
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <limits>
#include <sstream>

#include "test/unit/frontend/float_environment.h"

namespace mlpjit {
namespace {

using namespace test;  // NOLINT: the table's

TEST(FloatEnvironment, MakingReadingAndPrinting) {
  const auto text_of = [](const auto&... values) {
    std::ostringstream out;
    ((out << values << "|"), ...);
    return out.str();
  };
  expect_the_same_everywhere(
      {{"create",
        [] {
          return Outcome{{linspace(0, 1, 7), linspace(-0.1, 0.3, 11, DType::f64), arange(0, 1, 0.1),
                          arange(0, 1, 0.1, DType::f64), arange(5), eye(3), zeros({2}), ones({2}),
                          full({2}, 0.1), full({2}, 1e-40f), full({2}, 0.1, DType::f64),
                          full({2}, 1e-45), full_like(ones({2}), 1e-42), tensor(0.1) * 3},
                         ""};
        }},
       {"integers from floats",
        [] {
          return Outcome{{arange(0.5, 7, 1.5, DType::i32), linspace(0, 10, 4, DType::i64)}, ""};
        }},
       {"print",
        [&] {
          return Outcome{{},
                         text_of(left(DType::f32), left(DType::f64), right(DType::f32),
                                 tensor({1e-45f, 1e38f, 0.1f}), tensor(5e-324), tensor(0.1f),
                                 Tensor(0.1), Tensor(1e-40), linspace(0, 1, 2000)) +
                             to_string(right(DType::f64))};
        }},
       {"print to standard output",
        [] {
          testing::internal::CaptureStdout();
          print(tensor({0.1f, 1e-40f}));
          print("a text", tensor(1e-310));
          return Outcome{{}, testing::internal::GetCapturedStdout()};
        }},
       {"item",
        [&] {
          const Tensor third = tensor(1.0 / 3), small = tensor(1e-310), tiny = tensor(1e-45f);
          return Outcome{{tensor(third.item<float>()), tensor(small.item<float>()),
                          tensor(small.item<double>()), tensor(tiny.item<double>()),
                          tensor(static_cast<float>(third)), tensor(Tensor(0.1).item<float>()),
                          tensor(tensor(std::int64_t{16777217}).item<float>())},
                         text_of(static_cast<bool>(tiny), static_cast<bool>(small),
                                 tiny.item<bool>(), tensor(3.f).item<int>())};
        }},
       {"what cannot be read",
        [] {
          try {
            tensor(0.1).item<int>();
          } catch (const Error& error) {
            return Outcome{{}, error.what()};
          }
          return Outcome{};
        }},
       {"identical",
        [&] {
          const Tensor x = left(DType::f32),
                       nan = full({3, 4}, std::numeric_limits<float>::quiet_NaN());
          return Outcome{{},
                         text_of(identical(x, x.copy()), identical(x, x * 0), identical(nan, -nan),
                                 identical(tensor(1e-45f), tensor(0.f)))};
        }},
       {"random draws",
        [] {
          random::seed(5);
          return Outcome{
              {random::uniform({9}), random::uniform({9}, -0.1, 0.3),
               random::uniform({9}, 0, 1e-38), random::uniform({9}, 0.1, 0.7, DType::f64),
               random::normal({9}), random::normal({9}, 0.1, 0.3, DType::f64),
               random::bernoulli({9}, 0.1), random::bernoulli({9}, 0.3, DType::boolean)},
              ""};
        }},
       {"borrowed memory", [] {
          float memory[3] = {1e-45f, 0.1f, 3};
          Tensor x = Tensor::borrow(memory, {3});
          x *= 0.3;
          return Outcome{{x.copy(), tensor(x.to_vector<float>(), {3})}, ""};
        }}});
}

const char* const kProgram =
    "func @main(%x: f32[2]) {\n"
    "  %a = constant f32[2] [0.1, 1e-45]\n"
    "  %k = constant f32[2] [0.3, 1e-20]\n"
    "  %l = multiply %k, %k\n"
    "  %b = multiply %x, %a\n"
    "  %d = add %b, %l\n"
    "  %c = leaky_relu %d {alpha = 0.3}\n"
    "  return %c\n"
    "}\n";

// Programs made, and compiled, in the environment.
TEST(FloatEnvironment, Programs) {
  std::vector<Entry> entries = {
      {"text",
       [] {
         const Graph graph = Graph::parse(kProgram);
         return Outcome{{}, graph.to_text() + graph.to_dot() + optimize(graph).to_text()};
       }},
      {"a program that is refused",
       [] {
         try {
           Graph::parse("func @main() {\n  %a = constant f32[1] [0.1, 2]\n  return %a\n}\n");
         } catch (const Error& error) {
           return Outcome{{}, error.what()};
         }
         return Outcome{};
       }},
      {"trace", [] {
         const Graph graph = trace(
             [](const Tensor& x) {
               return leaky_relu(x * 0.1 + tensor({0.1f, 1e-45f}) * 1e-3, 0.3) + full({2}, 0.1);
             },
             f32({2}));
         return Outcome{{}, graph.to_text() + optimize(graph).to_text()};
       }}};
  for (const Backend backend : backends()) {
    const std::string name = std::string(", ") + to_string(backend);
    entries.push_back({"compile" + name, [=] {
                         const Executable run =
                             compile(Graph::parse(kProgram), {.backend = backend});
                         EXPECT_FALSE(to_json(run.explain()).empty());
                         return Outcome{run(tensor({3.f, 0.7f})), ""};
                       }});
    for (const Batch batch : {Batch::exact, Batch::dynamic}) {
      for (const bool audit : {false, true}) {
        entries.push_back({"jit" + name + (batch == Batch::dynamic ? ", any batch" : "") +
                               (audit ? ", audit" : ""),
                           [=] {
                             const auto f = jit(
                                 [](const Tensor& x, const Tensor& y) {
                                   Tensor z = x * 0.1 + (ones({4}) * 0.1 + 1e-9) * 3;
                                   z += y * 1e-39;
                                   return Tensors{exp(z), softmax(z), sum(z * y, {1})};
                                 },
                                 {.backend = backend, .batch = batch, .audit = audit});
                             Tensors all = f(left(DType::f32), right(DType::f32));
                             for (const Tensor& more : f(left(DType::f32).slice(0, 0, 2),
                                                         right(DType::f32).slice(0, 0, 2)))
                               all.push_back(more);
                             EXPECT_FALSE(to_string(f.explain()).empty());
                             return Outcome{all, ""};
                           }});
      }
    }
  }
  expect_the_same_everywhere(entries);
}

TEST(FloatEnvironment, Reports) {
  expect_the_same_everywhere({{"explain",
                               [] {
                                 const auto f = jit([](const Tensor& x) { return tanh(x) * 0.1; },
                                                    {.backend = Backend::graph});
                                 f(ones({3}));
                                 EXPECT_FALSE(to_string(f.explain()).empty());
                                 EXPECT_FALSE(to_json(f.explain()).empty());
                                 return Outcome{};
                               }},
                              {"Timer",
                               [] {
                                 Timer timer;
                                 timer.stop();
                                 timer.start();
                                 timer.stop();
                                 const std::vector<double> sums = timer.cumsum();
                                 const bool ordered = timer.seconds() >= 0 && timer.avg() >= 0 &&
                                                      sums.back() == timer.sum();
                                 return Outcome{{}, ordered ? "ordered" : "not ordered"};
                               }},
                              {"Benchmark", [] {
                                 testing::internal::CaptureStdout();
                                 {
                                   const Benchmark timed("x");
                                 }
                                 const std::string text = testing::internal::GetCapturedStdout();
                                 return Outcome{{}, text.substr(0, 3)};
                               }}});
}

nn::HybridSequential network() {
  nn::HybridSequential net;
  net.add(nn::Dense(5, {.activation = "tanh"}), nn::BatchNorm({.momentum = 0.7}),
          nn::Activation("leaky_relu", {.alpha = 0.3}), nn::Dropout(0.3), nn::LayerNorm(),
          nn::Normalize(0.1, 0.3), nn::Dense(3));
  return net;
}

// Parameters and results, in training and after it.
Outcome outcome_of(const nn::HybridSequential& net) {
  random::seed(3);
  Outcome outcome;
  const Tensor x = left(DType::f32) * 0.1;
  {
    const TrainingScope training;
    outcome.tensors.push_back(net(x));
    outcome.tensors.push_back(net(x));
  }
  outcome.tensors.push_back(net(x));
  for (const auto& [path, parameter] : net.collect_params())
    outcome.tensors.push_back(parameter.data().copy());
  return outcome;
}

std::string temporary(const std::string& name) {
  return (std::filesystem::temp_directory_path() /
          ("mlpjit-environment-" + std::to_string(::getpid()) + name))
      .string();
}

TEST(FloatEnvironment, Networks) {
  std::vector<Entry> entries;
  for (const nn::Initializer& initializer :
       {nn::Uniform(), nn::Uniform(-0.1, 0.3), nn::Normal(0.3), nn::Xavier(),
        nn::Xavier(nn::Draws::normal), nn::Kaiming(), nn::Kaiming(nn::Draws::uniform, 0.1),
        nn::Constant(0.1), nn::Zeros(), nn::Ones()}) {
    entries.push_back({"drawn by " + initializer.name(), [=] {
                         random::seed(3);
                         auto net = network();
                         net.initialize(initializer);
                         return outcome_of(net);
                       }});
  }
  std::vector<HybridizeOptions> options;
  for (const Backend backend : backends()) {
    options.push_back({.backend = backend});
    options.push_back({.backend = backend, .batch = Batch::dynamic});
  }
  for (const HybridizeOptions& mode : options) {
    entries.push_back({std::string("hybridized, ") + to_string(mode.backend) +
                           (mode.batch == Batch::dynamic ? ", any batch" : ""),
                       [=] {
                         random::seed(3);
                         auto net = network();
                         net.initialize();
                         net.hybridize(mode);
                         return outcome_of(net);
                       }});
  }
  entries.push_back({"set_data, clone and summary", [] {
                       random::seed(3);
                       auto net = network();
                       net.initialize();
                       net(left(DType::f32));
                       nn::Parameter weight = net.collect_params()["0.weight"];
                       weight.set_data(weight.data() * 0.1);
                       weight.set_data(weight.data() * 1e-38);
                       auto copy = net.clone();
                       copy.collect_params()["0.bias"].set_data(full({5}, 1e-45f));
                       std::ostringstream out;
                       out << net << net.collect_params() << net.summary(ones({2, 4}));
                       Outcome outcome = outcome_of(copy);
                       outcome.text = out.str();
                       return outcome;
                     }});
  entries.push_back({"an Embedding", [] {
                       random::seed(3);
                       nn::Embedding table(4, 3);
                       table.initialize(nn::Normal(1e-38));
                       return Outcome{{table(tensor({3, 0, 2}))}, ""};
                     }});
  entries.push_back({"what is refused", [] {
                       try {
                         nn::Dropout(1.1);
                       } catch (const Error& error) {
                         return Outcome{{}, error.what()};
                       }
                       return Outcome{};
                     }});
  expect_the_same_everywhere(entries);
}

TEST(FloatEnvironment, Files) {
  const std::string file = temporary(".safetensors"), prefix = temporary("-net");
  const auto halves = [](const char* dtype) {
    const std::string header =
        std::string(R"({"h":{"dtype":")") + dtype + R"(","shape":[4],"data_offsets":[0,8]}})";
    const std::uint16_t elements[4] = {0x0001, 0x83ff, 0x3555, 0x0400};
    std::vector<std::byte> bytes(8 + header.size() + sizeof elements);
    const std::uint64_t length = header.size();
    std::memcpy(bytes.data(), &length, 8);
    std::memcpy(bytes.data() + 8, header.data(), header.size());
    std::memcpy(bytes.data() + 8 + header.size(), elements, sizeof elements);
    return Outcome{{parse_safetensors(bytes, {.cast = true})["h"]}, ""};
  };
  expect_the_same_everywhere(
      {{"tensors",
        [=] {
          TensorMap tensors = {{"a", left(DType::f32)}, {"b", left(DType::f64)}};
          tensors.metadata["note"] = "0.1";
          save_safetensors(file, tensors);
          const TensorMap read = load_safetensors(file);
          return Outcome{{read["a"], read["b"]}, read.metadata.at("note")};
        }},
       {"F16", [=] { return halves("F16"); }},
       {"BF16", [=] { return halves("BF16"); }},
       {"parameters",
        [=] {
          random::seed(3);
          auto net = network(), other = network();
          net.initialize(nn::Normal(0.3));
          net(left(DType::f32));
          net.save_parameters(file);
          other.load_parameters(file);
          return outcome_of(other);
        }},
       {"parameters that are cast",
        [=] {
          random::seed(3);
          nn::Dense net(3, {.in_units = 4});
          save_safetensors(file,
                           {{"weight", left(DType::f64)}, {"bias", tensor({0.1, 1e-310, 1e-41})}});
          net.load_parameters(file, {.cast = true});
          return Outcome{{net(right(DType::f32))}, ""};
        }},
       {"models", [=] {
          random::seed(3);
          nn::HybridSequential net;
          net.add(nn::Dense(5, {.activation = "elu"}), nn::Normalize(0.1, 0.3), nn::LayerNorm());
          net.initialize(nn::Normal(0.3));
          net(left(DType::f32));
          const auto files = net.export_model(prefix);
          const auto block = nn::SymbolBlock::imports(files.symbol, files.params);
          return Outcome{{block(left(DType::f32)), block(right(DType::f32))},
                         block.graph().to_text()};
        }}});
  for (const std::string& path : {file, prefix + "-symbol.json", prefix + "-0000.params"})
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace mlpjit
#endif
