// The caller's rounding mode, flushed denormals and unmasked traps change no bit of an op: every op
// and update of every dtype, run at once and by programs compiled beforehand.

#if defined(__x86_64__)
#include "test/unit/frontend/float_environment.h"

namespace mlpjit {
namespace {

using namespace test;  // NOLINT: the table's

using Op = std::function<Tensors(const Tensor&, const Tensor&)>;

// Every dtype that the op takes, imperatively, and by programs compiled beforehand.
class OpEntry {
 public:
  explicit OpEntry(Op op) : op_(std::move(op)) {}

  Outcome operator()() {
    if (inputs_.empty()) prepare();
    Outcome outcome;
    outcome.tensors = all(inputs_);
    for (const auto& program : programs_) {
      for (Tensor& result : program(inputs_)) outcome.tensors.push_back(std::move(result));
    }
    return outcome;
  }

 private:
  void prepare() {
    for (const DType dtype : kDTypes) {
      try {
        op_(left(dtype), right(dtype));
      } catch (const DTypeError&) {
        continue;
      }
      inputs_.push_back(left(dtype));
      inputs_.push_back(right(dtype));
    }
    EXPECT_FALSE(inputs_.empty()) << "takes no dtype";
    for (const Backend backend : backends()) {
      programs_.push_back(
          jit([op = op_](const Tensors& in) { return all_of(op, in); }, {.backend = backend}));
    }
  }
  static Tensors all_of(const Op& op, const Tensors& inputs) {
    Tensors results;
    for (std::size_t i = 0; i < inputs.size(); i += 2) {
      for (Tensor& result : op(inputs[i], inputs[i + 1])) results.push_back(std::move(result));
    }
    return results;
  }
  Tensors all(const Tensors& inputs) const { return all_of(op_, inputs); }

  Op op_;
  Tensors inputs_;
  std::vector<std::function<Tensors(const Tensors&)>> programs_;
};

Entry op(std::string name, Op function) {
  return {std::move(name), OpEntry(std::move(function))};
}
template <class Unary>
Entry unary(std::string name, Unary function) {
  return op(std::move(name), [=](const Tensor& x, const Tensor&) { return Tensors{function(x)}; });
}
template <class Binary>
Entry binary(std::string name, Binary function) {
  return op(std::move(name),
            [=](const Tensor& x, const Tensor& y) { return Tensors{function(x, y)}; });
}

TEST(FloatEnvironment, OpsOfTheTable) {
  std::vector<Entry> entries;
#define MLPJIT_ENTRY_unary(name) \
  entries.push_back(unary(#name, [](const Tensor& x) { return mlpjit::name(x); }));
#define MLPJIT_ENTRY_binary(name)                                              \
  entries.push_back(binary(#name, [](const Tensor& x, const Tensor& y) {       \
    return mlpjit::name(x, std::string(#name) == "matmul" ? transpose(y) : y); \
  }));
#define MLPJIT_ENTRY_custom(name)
#define MLPJIT_ENTRY_internal(name)
#define MLPJIT_OP(name, surface, ...) MLPJIT_ENTRY_##surface(name)
#include "mlpjit/detail/ops.def"
  EXPECT_GT(entries.size(), 25u);
  expect_the_same_everywhere(entries);
}

TEST(FloatEnvironment, Operators) {
  expect_the_same_everywhere(
      {binary("+", [](const Tensor& x, const Tensor& y) { return x + y; }),
       binary("-", [](const Tensor& x, const Tensor& y) { return x - y; }),
       binary("*", [](const Tensor& x, const Tensor& y) { return x * y; }),
       binary("/", [](const Tensor& x, const Tensor& y) { return x / y; }),
       unary("negative", [](const Tensor& x) { return -x; }),
       binary("==", [](const Tensor& x, const Tensor& y) { return x == y * 0; }),
       binary("!=", [](const Tensor& x, const Tensor&) { return x != 0; }),
       binary("<", [](const Tensor& x, const Tensor&) { return x < 0; }),
       binary("<=", [](const Tensor& x, const Tensor&) { return x <= 0; }),
       binary(">", [](const Tensor& x, const Tensor&) { return x > 0; }),
       binary(">=", [](const Tensor& x, const Tensor& y) { return x >= y; }),
       binary("&&", [](const Tensor& x, const Tensor& y) { return x && y; }),
       binary("||", [](const Tensor& x, const Tensor& y) { return x || y * 0; }),
       unary("!", [](const Tensor& x) { return !x; }),
       unary("+ of a number", [](const Tensor& x) { return x + 0.1; }),
       unary("* of a number", [](const Tensor& x) { return x * 0.3; }),
       unary("* of a denormal number", [](const Tensor& x) { return x * 1e-40; }),
       unary("/ by a number", [](const Tensor& x) { return x / 3.3; }),
       unary("number -", [](const Tensor& x) { return 0.1 - x; }),
       unary("> of a denormal number", [](const Tensor& x) { return x > 1e-44; }),
       unary("numbers alone", [](const Tensor& x) { return x * (Tensor(0.1) * 3.3 + 1e-9); }),
       unary("small numbers alone", [](const Tensor& x) { return x + Tensor(1e-30) * 1e-12; })});
}

TEST(FloatEnvironment, OpsWithAttributes) {
  std::vector<Entry> entries = {
      binary("where", [](const Tensor& x, const Tensor& y) { return where(x != 0, x, y); }),
      binary("clip", [](const Tensor& x, const Tensor& y) { return clip(x, -y, y); }),
      unary("clip to numbers",
            [](const Tensor& x) { return clip(cast(x, DType::f32), -1e-40, 0.1); }),
      unary("gelu", [](const Tensor& x) { return gelu(x); }),
      unary("gelu's tanh form", [](const Tensor& x) { return gelu(x, {.approximate = true}); }),
      unary("leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.3); }),
      unary("elu", [](const Tensor& x) { return elu(x, 0.7); }),
      unary("hardtanh", [](const Tensor& x) { return hardtanh(x, -0.1, 1e-41); }),
      binary("dense", [](const Tensor& x, const Tensor& y) { return dense(x, y); }),
      binary("dense with a bias",
             [](const Tensor& x, const Tensor& y) {
               return dense(x, y, reshape(y.slice(1, 0, 1), {3}));
             }),
      unary("softmax", [](const Tensor& x) { return softmax(x); }),
      unary("softmax of columns", [](const Tensor& x) { return softmax(x, 0); }),
      unary("log_softmax", [](const Tensor& x) { return log_softmax(x); }),
      binary("layer_norm",
             [](const Tensor& x, const Tensor& y) {
               return layer_norm(x, reshape(y.slice(0, 0, 1), {4}), reshape(y.slice(0, 1, 2), {4}),
                                 0.1);
             }),
      unary("reshape", [](const Tensor& x) { return reshape(x, {2, 6}); }),
      unary("transpose", [](const Tensor& x) { return transpose(x); }),
      unary("squeeze", [](const Tensor& x) { return squeeze(x); }),
      unary("expand_dims", [](const Tensor& x) { return expand_dims(x, 1); }),
      unary("broadcast_to", [](const Tensor& x) { return broadcast_to(x, {2, 3, 4}); }),
      binary("concat", [](const Tensor& x, const Tensor& y) { return concat({x, y}, 1); }),
      binary("stack", [](const Tensor& x, const Tensor& y) { return stack({x, y}, 1); }),
      op("split", [](const Tensor& x, const Tensor&) { return split(x, 2, 1); }),
      unary("slice", [](const Tensor& x) { return slice(x, 1, 0, 4, 2); }),
      unary("gather", [](const Tensor& x) { return gather(x, tensor({2, 0, 1}), 0); }),
      unary("one_hot",
            [](const Tensor& x) { return cast(one_hot(tensor({1, 0}), 3), x.dtype()); })};
  for (const DType to : {DType::boolean, DType::i32, DType::i64, DType::f32, DType::f64}) {
    entries.push_back(unary("cast to " + std::string(to_string(to)),
                            [to](const Tensor& x) { return cast(x, to); }));
  }
#define MLPJIT_REDUCTION_ENTRY(name)                                                           \
  entries.push_back(op(#name, [](const Tensor& x, const Tensor&) {                             \
    return Tensors{mlpjit::name(x), mlpjit::name(x, Axes{0}), mlpjit::name(x, Axes{1}, true)}; \
  }));
  MLPJIT_REDUCTION_ENTRY(sum)
  MLPJIT_REDUCTION_ENTRY(prod)
  MLPJIT_REDUCTION_ENTRY(mean)
  MLPJIT_REDUCTION_ENTRY(var)
  MLPJIT_REDUCTION_ENTRY(max)
  MLPJIT_REDUCTION_ENTRY(min)
#undef MLPJIT_REDUCTION_ENTRY
  entries.push_back(unary("argmax", [](const Tensor& x) { return argmax(x, 1); }));
  entries.push_back(unary("argmin", [](const Tensor& x) { return argmin(x, 1); }));
  expect_the_same_everywhere(entries);
}

// An update of a copy of the left operand.
template <class Update>
Entry update(std::string name, Update function) {
  return binary("update in place: " + std::move(name), [=](const Tensor& x, const Tensor& y) {
    Tensor own = x.copy();
    function(own, y);
    return own;
  });
}

TEST(FloatEnvironment, UpdatesInPlace) {
  expect_the_same_everywhere(
      {update("+=", [](Tensor& x, const Tensor& y) { x += y; }),
       update("-=", [](Tensor& x, const Tensor& y) { x -= y; }),
       update("*=", [](Tensor& x, const Tensor& y) { x *= y; }),
       update("/=", [](Tensor& x, const Tensor& y) { x /= y; }),
       update("+= itself", [](Tensor& x, const Tensor&) { x += x; }),
       update("*= itself", [](Tensor& x, const Tensor&) { x *= x; }),
       update("+= of a number", [](Tensor& x, const Tensor&) { x += 0.1; }),
       update("-= of a number", [](Tensor& x, const Tensor&) { x -= 1e-45; }),
       update("*= of a number", [](Tensor& x, const Tensor&) { x *= 0.3; }),
       update("/= of a number", [](Tensor& x, const Tensor&) { x /= 3.3; }),
       update("+= of an integer", [](Tensor& x, const Tensor&) { x += 3; }),
       update("*= of an integer", [](Tensor& x, const Tensor&) { x *= 3; }),
       update(
           "+= of one element",
           [](Tensor& x, const Tensor& y) { x += reshape(y.slice(0, 0, 1).slice(1, 0, 1), {}); }),
       update(
           "*= of one element",
           [](Tensor& x, const Tensor& y) { x *= reshape(y.slice(0, 0, 1).slice(1, 3, 4), {}); }),
       update("*= of a row", [](Tensor& x, const Tensor& y) { x *= y.slice(0, 1, 2); }),
       update("assign", [](Tensor& x, const Tensor& y) { x.assign(y); }),
       update("assign of a number", [](Tensor& x, const Tensor&) { x.assign(0.1); }),
       update("assign of a denormal number", [](Tensor& x, const Tensor&) { x.assign(1e-45); }),
       update("assign of an integer", [](Tensor& x, const Tensor&) { x.assign(16777217); }),
       update("slice().assign",
              [](Tensor& x, const Tensor& y) { x.slice(0, 0, 1).assign(y.slice(0, 2, 3)); }),
       update("slice().assign of a number",
              [](Tensor& x, const Tensor&) { x.slice(1, 0, 3).assign(0.1); }),
       update("slice() +=",
              [](Tensor& x, const Tensor& y) { x.slice(0, 0, 2) += y.slice(0, 1, 3); }),
       update("slice() -=", [](Tensor& x, const Tensor&) { x.slice(1, 0, 4, 2) -= 0.1; }),
       update("slice() *=", [](Tensor& x, const Tensor& y) { x.slice(0, 0, 3) *= y; }),
       update("slice() /=", [](Tensor& x, const Tensor&) { x.slice(0, 0, 3) /= 3.3; }),
       {"C++ scalars", [] {
          Tensor sum = 0.1, product = 1e-30, whole = 16777217;
          sum += 0.2;
          sum /= 3;
          product *= 1e-12;
          whole *= 3;
          Tensor adopted = 0.0;
          adopted += tensor(0.1f) * 3;
          return Outcome{{sum + tensor({0.f}), sum + tensor({0.0}), product + tensor({0.f}),
                          whole + tensor({std::int64_t{0}}), adopted},
                         ""};
        }}});
}

TEST(FloatEnvironment, ControlFlow) {
  expect_the_same_everywhere(
      {unary("cond",
             [](const Tensor& x) {
               return cond(
                   max(abs(x * 1e-45)) > 0, [](const Tensor& a) { return a * 0.3; },
                   [](const Tensor& a) { return a * 0.7; }, {cast(x, DType::f32)})[0];
             }),
       unary("while_loop",
             [](const Tensor& x) {
               return while_loop([](const Tensor& y) { return max(abs(y)) > 1e-44; },
                                 [](const Tensor& y) { return y * 0.1; },
                                 {clip(cast(x, DType::f32), -1e-36, 1e-36)})[0];
             }),
       op("scan", [](const Tensor& x, const Tensor& y) {
         const auto [carry, all] = scan(
             [](const Tensor& c, const Tensor& row) { return std::pair(c * row + 0.1, c * 1e-30); },
             reshape(y.slice(0, 0, 1), {4}), x);
         return Tensors{carry, all};
       })});
}

}  // namespace
}  // namespace mlpjit
#endif
