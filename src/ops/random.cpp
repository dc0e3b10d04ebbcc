#include "mlpjit/random.h"

#include <atomic>
#include <bit>
#include <cstring>

#include "lib/ir/opcodes.h"
#include "lib/support/float_env.h"
#include "lib/support/isa.h"
#include "mlpjit/ops.h"
#include "src/ops/dispatch.h"
#include "src/record/random_state.h"
#include "src/record/recorder.h"

namespace mlpjit {

namespace detail {

std::int64_t* random_state() {
  static std::atomic<std::int64_t> streams{0};
  thread_local std::int64_t state[2] = {streams.fetch_add(1, std::memory_order_relaxed), 0};
  return state;
}

namespace {

void forbid_in_trace(const char* call) {
  if (Recorder::current() == nullptr) return;
  throw TraceError(
      path_prefix() + call +
      ": the random stream belongs to the caller of a traced function and cannot be set inside it; "
      "set it before the call");
}

// The next draw of this thread's stream, or its place in the trace.
Tensor draw(ir::Opcode opcode, const Shape& shape, DType dtype) {
  const ir::Attrs attrs{{"shape", shape}, {"dtype", dtype}};
  if (!is_floating(dtype)) {
    throw DTypeError(path_prefix() + std::string(ir::to_string(opcode)) + ": the dtype is " +
                     std::string(to_string(dtype)) +
                     "; expected f32 or f64, which cast() converts");
  }
  if (Recorder* recorder = Recorder::current()) {
    const Tensor& state = recorder->random_state();
    const ir::ValueId operands[] = {recorder->value_of(state, "random")};
    const Tensors results = recorder->record(opcode, operands, attrs);
    recorder->update(state, recorder->value_of(results[1], "random"), "random");
    return results[0];
  }
  Tensor result = make_tensor(dtype, shape);
  std::int64_t next[2] = {0, 0};
  const Shape pair{2};
  const interp::View state{DType::i64, pair, random_state()};
  const interp::View out[] = {view_of(*TensorAccess::impl(result)), {DType::i64, pair, next}};
  const support::FloatEnvScope environment;
  interp::evaluate(opcode, attrs, {&state, 1}, out, support::default_isa());
  std::memcpy(random_state(), next, sizeof next);
  return result;
}

}  // namespace
}  // namespace detail

namespace random {

void seed(std::uint64_t seed) {
  set_state({seed, 0});
}

State state() {
  detail::forbid_in_trace("random::state");
  const std::int64_t* now = detail::random_state();
  return {static_cast<std::uint64_t>(now[0]), static_cast<std::uint64_t>(now[1])};
}

void set_state(const State& state) {
  detail::forbid_in_trace("random::seed");
  std::int64_t* now = detail::random_state();
  now[0] = static_cast<std::int64_t>(state.seed);
  now[1] = static_cast<std::int64_t>(state.draw);
}

StreamScope::StreamScope(std::uint64_t seed) : saved_(state()) {
  random::seed(seed);
}

StreamScope::~StreamScope() {
  std::int64_t* now = detail::random_state();
  now[0] = static_cast<std::int64_t>(saved_.seed);
  now[1] = static_cast<std::int64_t>(saved_.draw);
}

Tensor uniform(const Shape& shape, double low, double high, DType dtype) {
  Tensor u = detail::draw(ir::Opcode::random_uniform, shape, dtype);
  if (low == 0 && high == 1) return u;
  const support::FloatEnvScope environment;
  return u * Tensor(high - low) + Tensor(low);
}

Tensor normal(const Shape& shape, double mean, double deviation, DType dtype) {
  Tensor z = detail::draw(ir::Opcode::random_normal, shape, dtype);
  if (mean == 0 && deviation == 1) return z;
  return z * Tensor(deviation) + Tensor(mean);
}

Tensor bernoulli(const Shape& shape, double probability, DType dtype) {
  if (!(probability >= 0 && probability <= 1)) {
    throw ValueError(detail::path_prefix() + "random::bernoulli: the probability is " +
                     std::to_string(probability) + "; expected 0 to 1");
  }
  const Tensor u = detail::draw(ir::Opcode::random_uniform, shape, DType::f32);
  return detail::cast(u < Tensor(probability), dtype);
}

}  // namespace random
}  // namespace mlpjit
