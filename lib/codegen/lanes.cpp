#include "lib/codegen/lanes.h"

#include <algorithm>
#include <numeric>

#include "lib/codegen/ir_backend.h"
#include "lib/numerics/elementwise.h"
#include "mlpjit/error.h"

namespace mlpjit::codegen {

int lane_width(const Emitter& emitter, DType dtype) {
  return std::min(emitter.native_lanes(dtype), numerics::kLanes);
}

Lanes splat_lanes(Value* vector, int width) {
  return Lanes(static_cast<std::size_t>(numerics::kLanes / width), vector);
}

Value* emit_lane_tree(Emitter& e, const Lanes& lanes, int width, const Combine& combine) {
  Lanes parts = lanes;
  while (parts.size() > 1) {
    const std::size_t half = parts.size() / 2;
    for (std::size_t i = 0; i < half; ++i) parts[i] = combine(parts[i], parts[i + half], width);
    parts.resize(half);
  }
  Value* vector = parts[0];
  for (int half = width / 2; half > 0; half /= 2) {
    std::vector<int> low(static_cast<std::size_t>(half)), high(low.size());
    std::iota(low.begin(), low.end(), 0);
    std::iota(high.begin(), high.end(), half);
    vector =
        combine(e.b.CreateShuffleVector(vector, low), e.b.CreateShuffleVector(vector, high), half);
  }
  return vector;
}

std::vector<Lanes> emit_lane_loop(Emitter& e, std::int64_t count, int width,
                                  const std::vector<Lanes>& start, const LaneStep& step) {
  const auto parts = static_cast<std::size_t>(numerics::kLanes / width);
  // Register q of all chains stands together.
  const auto advance = [&](Value* at, std::size_t q, Value* mask, Value* last, Values& all) {
    Values sums;
    for (std::size_t c = 0; c < start.size(); ++c) sums.push_back(all[c * parts + q]);
    Values next = step(at, mask, last, sums);
    for (std::size_t c = 0; c < start.size(); ++c) {
      if (mask != nullptr) next[c] = e.b.CreateSelect(mask, next[c], sums[c]);
      all[c * parts + q] = next[c];
    }
  };
  Values all;
  for (const Lanes& chain : start) all.insert(all.end(), chain.begin(), chain.end());
  const std::int64_t whole = count / numerics::kLanes * numerics::kLanes;
  all = e.loop(e.i64(0), e.i64(whole), numerics::kLanes, all, [&](Value* i, Values sums) {
    for (std::size_t q = 0; q < parts; ++q) {
      advance(e.b.CreateNSWAdd(i, e.i64(static_cast<std::int64_t>(q) * width)), q, nullptr, nullptr,
              sums);
    }
    return sums;
  });
  for (std::size_t q = 0; q < parts; ++q) {
    const std::int64_t at = whole + static_cast<std::int64_t>(q) * width, left = count - at;
    if (left >= width) advance(e.i64(at), q, nullptr, nullptr, all);
    if (left > 0 && left < width)
      advance(e.i64(at), q, e.first_lanes(width, left), e.i64(left - 1), all);
  }
  std::vector<Lanes> result;
  for (std::size_t c = 0; c < start.size(); ++c) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(c * parts);
    result.emplace_back(first, first + static_cast<std::ptrdiff_t>(parts));
  }
  return result;
}

InnerInput::InnerInput(Emitter& e, Value* base, DType dtype, const plan::Extent& stride, int lanes)
    : base_(base), dtype_(dtype), stride_(stride), lanes_(lanes) {
  if (stride == 0) splat_ = e.load_splat(base, dtype, lanes);
}

Value* InnerInput::load(Emitter& e, Value* at, Value* mask, Value* last) const {
  if (splat_ != nullptr) return splat_;
  if (stride_ == 1) return e.load(e.element(base_, dtype_, at), dtype_, lanes_, mask);
  Value* first = e.element(base_, dtype_, e.b.CreateNSWMul(at, e.extent(stride_)));
  return e.load_strided(first, dtype_, lanes_, e.extent(stride_), last);
}

Value* emit_function(Emitter& e, ir::Opcode opcode, DType dtype, const Values& operands,
                     int lanes) {
  switch (dtype) {
    case DType::f32:
      return numerics::apply(IrBackend<float>(e, lanes), opcode, operands.data(), {});
    case DType::f64:
      return numerics::apply(IrBackend<double>(e, lanes), opcode, operands.data(), {});
    default: throw InternalError("codegen: not a float dtype");
  }
}

Value* splat_element(Emitter& e, Value* one_lane, int lanes) {
  return e.b.CreateShuffleVector(one_lane, std::vector<int>(static_cast<std::size_t>(lanes), 0));
}

Value* float_splat(Emitter& e, DType dtype, double value, int lanes) {
  return e.splat(ir::scalar_literal(dtype, value), lanes);
}

}  // namespace mlpjit::codegen
