// If, Loop and Scan of ONNX.

#include <fmt/format.h>

#include <limits>

#include "mlpjit/control_flow.h"
#include "mlpjit/create.h"
#include "src/onnx/axes.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

Tensors tensors_of(const Call& call, const Values& values) {
  Tensors tensors;
  for (const Value& value : values) {
    if (value.is_text) call.unsupported("its graphs give strings");
    if (value.sequence) call.unsupported("its graphs give sequences");
    if (value.is_small) call.unsupported("its graphs give integers of 8 or 16 bits");
    tensors.push_back(value.tensor);
  }
  return tensors;
}
Values values_of(const Tensors& tensors) {
  Values values;
  for (const Tensor& tensor : tensors) values.push_back(computed(tensor));
  return values;
}

Tensor scalar(const Tensor& x) {
  return x.rank() == 0 ? x : reshape(x, {});
}

Values if_of(const Call& call) {
  const Graph& then = call.graph("then_branch");
  const Graph& otherwise = call.graph("else_branch");
  if (call.is_constant(0)) {
    const bool taken = call.number(0) != 0;
    return call.importer().run(taken ? then : otherwise, &call.scope(), {});
  }
  const auto branch = [&](const Graph& graph) {
    return [&](const Tensors&) {
      return tensors_of(call, call.importer().run(graph, &call.scope(), {}));
    };
  };
  return values_of(detail::cond(scalar(call.x(0)), branch(then), branch(otherwise), {}));
}

// The number of rounds, where it is known when the model is read.
std::optional<std::int64_t> known_rounds(const Call& call) {
  if (!call.has(0)) return std::nullopt;
  if (!call.is_constant(0)) return std::nullopt;
  return call.integer(0, "rounds");
}

// The body takes the round, whether to go on, and what is carried; it gives whether to go on, what
// is carried, and a row for each result that is collected.
class LoopReader {
 public:
  explicit LoopReader(const Call& call) : call_(call), body_(call.graph("body")) {
    carried_ = call.count() < 2 ? 0 : call.count() - 2;
    if (body_.outputs.size() < carried_ + 1) call.fail("its body gives too few results");
    collected_ = body_.outputs.size() - 1 - carried_;
    for (std::size_t i = 0; i < carried_; ++i)
      sequences_ = sequences_ || call.value(i + 2).sequence != nullptr;
  }

  Values read() {
    const std::optional<std::int64_t> rounds = known_rounds(call_);
    if (collected_ > 0 || sequences_) {
      if (rounds) return unrolled(*rounds);
      // Until its condition says so, which has to be known.
      if (!call_.has(0)) return unrolled(std::numeric_limits<std::int64_t>::max());
      return unrolled(call_.integer(0, "number of rounds"));
    }
    if (rounds && *rounds <= kUnrolled && always()) {
      try {
        return unrolled(*rounds);
      } catch (const ComputedCondition&) {  // the body says whether another round comes
      }
    }
    return looped(rounds.value_or(-1));
  }

 private:
  struct ComputedCondition {};
  static constexpr std::int64_t kUnrolled = 16;
  static constexpr std::int64_t kMostUnrolled = 1024;

  bool always() const { return !call_.has(1) || (call_.is_constant(1) && call_.number(1) != 0); }
  Values round(const Tensor& number, const Values& state) const {
    Values inputs{number.defined() ? constant(number) : Value(),
                  constant(full({}, true, DType::boolean))};
    inputs.insert(inputs.end(), state.begin(), state.end());
    return call_.importer().run(body_, &call_.scope(), inputs);
  }

  // Round by round, which needs to know after each whether another comes.
  Values unrolled(std::int64_t rounds) const {
    Values state;
    for (std::size_t i = 0; i < carried_; ++i) state.push_back(call_.value(i + 2));
    std::vector<Tensors> collected(collected_);
    bool go_on = !call_.has(1) || call_.number(1) != 0;
    for (std::int64_t i = 0; i < rounds && go_on; ++i) {
      if (i == kMostUnrolled)
        call_.unsupported(fmt::format("more than {} rounds that collect results", kMostUnrolled));
      const Values results =
          round(call_.importer().now([&] { return full({}, static_cast<double>(i), DType::i64); }),
                state);
      for (std::size_t k = 0; k < carried_; ++k) state[k] = results[k + 1];
      for (std::size_t k = 0; k < collected_; ++k)
        collected[k].push_back(results[carried_ + 1 + k].tensor);
      const Value& condition = results[0];
      if (!condition.constant) {
        if (collected_ == 0 && !sequences_) throw ComputedCondition();
        call_.unsupported("it collects results while a computed condition holds");
      }
      if (condition.tensor.size() != 1) call_.fail("its condition is no single value");
      go_on = integers_of(condition.tensor)[0] != 0;
    }
    for (const Tensors& rows : collected) {
      if (rows.empty()) call_.unsupported("it collects results in no round at all");
      state.push_back(computed(stack(rows)));
    }
    return state;
  }

  Values looped(std::int64_t rounds) const {
    const bool counted_by_input = call_.has(0) && rounds < 0;
    Tensors state{full({}, 0, DType::i64),
                  call_.has(1) ? scalar(call_.x(1)) : full({}, true, DType::boolean)};
    for (std::size_t i = 0; i < carried_; ++i) state.push_back(call_.x(i + 2));
    const Tensor limit = counted_by_input ? cast(scalar(call_.x(0)), DType::i64) : Tensor();
    const auto condition = [&](const Tensors& now) {
      return Tensors{counted_by_input ? logical_and(now[1], now[0] < limit) : now[1]};
    };
    const auto body = [&](const Tensors& now) {
      Values inputs{computed(now[0]), computed(now[1])};
      for (std::size_t i = 0; i < carried_; ++i) inputs.push_back(computed(now[i + 2]));
      const Values results = call_.importer().run(body_, &call_.scope(), inputs);
      Tensors next{now[0] + full({}, 1, DType::i64), scalar(results[0].tensor)};
      for (std::size_t i = 0; i < carried_; ++i) next.push_back(results[i + 1].tensor);
      return next;
    };
    const Tensors last = detail::while_loop(condition, body, state, rounds);
    return values_of(Tensors(last.begin() + 2, last.end()));
  }

  const Call& call_;
  const Graph& body_;
  std::size_t carried_ = 0, collected_ = 0;
  bool sequences_ = false;  // among what is carried
};

Values scan_of(const Call& call) {
  const Graph& body = call.graph("body");
  const auto entries = static_cast<std::size_t>(call.i("num_scan_inputs", 0));
  if (call.version() < 9) call.unsupported("the batched form of operator set 8");
  if (entries == 0 || entries > call.count()) call.fail("num_scan_inputs does not fit its inputs");
  const std::size_t carried = call.count() - entries;
  // What is said of the i-th sequence, 0 where nothing is.
  const auto of = [&](const char* name, std::size_t i) -> std::int64_t {
    const std::vector<std::int64_t> values = call.ints(name);
    return i < values.size() ? values[i] : 0;
  };
  Tensors init, xs;
  for (std::size_t i = 0; i < carried; ++i) init.push_back(call.x(i));
  for (std::size_t i = 0; i < entries; ++i) {
    Tensor x = call.x(carried + i);
    x = axis_first(x, call.axis(of("scan_input_axes", i), x.rank()));
    xs.push_back(of("scan_input_directions", i) != 0 ? turned(x) : x);
  }
  const auto step = [&](const Tensors& carry, const Tensors& entry) {
    Values inputs = values_of(carry);
    for (const Tensor& x : entry) inputs.push_back(computed(x));
    const Tensors results = tensors_of(call, call.importer().run(body, &call.scope(), inputs));
    if (results.size() < carried) call.fail("its body gives too few results");
    const auto at = results.begin() + static_cast<std::ptrdiff_t>(carried);
    return std::pair(Tensors(results.begin(), at), Tensors(at, results.end()));
  };
  auto [last, ys] = detail::scan(step, init, xs);
  Values results = values_of(last);
  for (std::size_t i = 0; i < ys.size(); ++i) {
    const Tensor y = of("scan_output_directions", i) != 0 ? turned(ys[i]) : ys[i];
    results.push_back(computed(axis_to(y, call.axis(of("scan_output_axes", i), y.rank()))));
  }
  return results;
}

}  // namespace

std::vector<OpDefinition> control_ops() {
  return {{"If", if_of},
          {"Loop", [](const Call& call) { return LoopReader(call).read(); }},
          {"Scan", scan_of}};
}

}  // namespace mlpjit::onnx
