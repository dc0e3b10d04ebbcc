#include "lib/codegen/lanes.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "lib/codegen/ir_backend.h"
#include "lib/codegen/module_builder.h"
#include "lib/numerics/elementwise.h"
#include "mlpjit/error.h"

namespace mlpjit::codegen {

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
      advance(e.plus(i, e.i64(static_cast<std::int64_t>(q) * width)), q, nullptr, nullptr, sums);
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

namespace {

// The trees of one block's lanes; its first element is `first`.
Values emit_block(Emitter& e, DType dtype, Value* first, std::int64_t count, LaneForm form,
                  int chains, const LaneStep& step) {
  const std::vector<Lanes> start(static_cast<std::size_t>(chains),
                                 splat_lanes(e.zero(dtype, form.elements()), form.width));
  const auto all = emit_lane_loop(
      e, count, form.width, start, [&](Value* at, Value* mask, Value* last, const Values& sums) {
        return step(first == nullptr ? at : e.plus(first, at), mask, last, sums);
      });
  Values totals;
  for (const Lanes& lanes : all) {
    totals.push_back(emit_lane_tree(
        e, lanes, form.width, [&e](Value* a, Value* c, int) { return e.b.CreateFAdd(a, c); }));
  }
  return totals;
}

// The totals of blocks so far, in memory: level l holds those of 2^l blocks.
class BlockTotals {
 public:
  BlockTotals(Emitter& e, DType dtype, int columns, int chains, std::int64_t blocks)
      : e_(e),
        dtype_(dtype),
        columns_(columns),
        chains_(chains),
        blocks_(static_cast<std::uint64_t>(blocks)),
        count_(static_cast<int>(std::bit_width(blocks_))),
        levels_(e.stack(dtype, static_cast<std::int64_t>(count_) * chains * columns)) {}

  // A binary counter: block number `block` (from 0) carries into as many levels as the number of
  // blocks then has zeros at its end.
  void add(Value* block, const Values& totals) {
    Value* carries = e_.b.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, e_.plus(block, e_.i64(1)),
                                                e_.b.getTrue());
    const Values sums = e_.loop(e_.i64(0), carries, 1, totals, [&](Value* level, Values before) {
      for (int c = 0; c < chains_; ++c) join(level, c, before[static_cast<std::size_t>(c)]);
      return before;
    });
    for (int c = 0; c < chains_; ++c)
      e_.store(sums[static_cast<std::size_t>(c)], at(carries, c), dtype_, columns_);
  }

  // Of all blocks: the shortest runs first.
  Values total() {
    Values sums;
    for (int level = 0; level < count_; ++level) {
      if ((blocks_ >> level) % 2 == 0) continue;
      const bool first = sums.empty();
      for (int c = 0; c < chains_; ++c) {
        if (first)
          sums.push_back(e_.load(at(e_.i64(level), c), dtype_, columns_));
        else
          join(e_.i64(level), c, sums[static_cast<std::size_t>(c)]);
      }
    }
    return sums;
  }

 private:
  Value* at(Value* level, int chain) {
    Value* first = e_.times(level, e_.i64(std::int64_t{chains_} * columns_));
    return e_.element(levels_, dtype_, e_.plus(first, e_.i64(std::int64_t{chain} * columns_)));
  }
  void join(Value* level, int chain, Value*& sum) {
    sum = e_.b.CreateFAdd(e_.load(at(level, chain), dtype_, columns_), sum);
  }

  Emitter& e_;
  DType dtype_;
  int columns_;
  int chains_;
  std::uint64_t blocks_;
  int count_;  // levels
  Value* levels_;
};

}  // namespace

Values emit_sums(Emitter& e, DType dtype, std::int64_t count, LaneForm form, int chains,
                 const LaneStep& step) {
  constexpr std::int64_t kBlock = numerics::kSumBlock;
  if (count <= kBlock) return emit_block(e, dtype, nullptr, count, form, chains, step);
  const std::int64_t whole = count / kBlock, rest = count % kBlock;
  BlockTotals totals(e, dtype, form.columns, chains, whole + (rest == 0 ? 0 : 1));
  e.loop(0, whole, 1, [&](Value* block) {
    Value* first = e.times(block, e.i64(kBlock));
    totals.add(block, emit_block(e, dtype, first, kBlock, form, chains, step));
  });
  if (rest != 0) {
    totals.add(e.i64(whole), emit_block(e, dtype, e.i64(whole * kBlock), rest, form, chains, step));
  }
  return totals.total();
}

Values centred_sums(Emitter& e, const std::vector<LaneElement>& elements, const Values& centers,
                    Value* at, Value* mask, Value* last, const Values& before) {
  Values after;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    Value* centred = e.b.CreateFSub(elements[i](at, mask, last), centers[i]);
    after.push_back(e.b.CreateFAdd(before[2 * i], centred));
    after.push_back(e.fma(centred, centred, before[2 * i + 1]));
  }
  return after;
}

void each_rows(Driver& d, std::span<const plan::Extent> loops, int at_a_time,
               const std::function<void(std::span<const Values> rows)>& body) {
  if (loops.empty() || at_a_time == 1) {
    return d.nest(loops, [&](std::span<Value* const> indices) {
      const Values row(indices.begin(), indices.end());
      body({&row, 1});
    });
  }
  const plan::Extent& count = loops.back();
  const bool part = d.divided() && loops.size() == 1;
  const auto some = [&](std::span<Value* const> before, Value* first, int rows) {
    std::vector<Values> all;
    for (int i = 0; i < rows; ++i) {
      all.emplace_back(before.begin(), before.end());
      all.back().push_back(d.plus(first, d.i64(i)));
    }
    body(all);
  };
  const auto last_loop = [&](std::span<Value* const> before) {
    const auto [begin, whole, end] = d.vectors(count, at_a_time, part);
    if (!part && count.is_known()) {
      Value* latest = d.plus(end, d.i64(-at_a_time));
      return d.loop(begin, end, at_a_time, [&](Value* r) {
        some(before, d.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, r, latest), at_a_time);
      });
    }
    d.loop(begin, whole, at_a_time, [&](Value* r) { some(before, r, at_a_time); });
    d.loop(whole, end, 1, [&](Value* r) { some(before, r, 1); });
  };
  if (loops.size() == 1) return last_loop({});
  d.nest(loops.first(loops.size() - 1), last_loop);
}

InnerInput::InnerInput(Emitter& e, Value* base, DType dtype, const plan::Extent& stride, int lanes)
    : base_(base), dtype_(dtype), lanes_(lanes) {
  if (stride == 0)
    splat_ = e.load_splat(base, dtype, lanes);
  else if (stride != 1)
    stride_ = e.extent(stride);
}

Value* InnerInput::load(Emitter& e, Value* at, Value* mask, Value* last) const {
  if (splat_ != nullptr) return splat_;
  if (stride_ == nullptr) return e.load(e.element(base_, dtype_, at), dtype_, lanes_, mask);
  return e.load_strided(e.element(base_, dtype_, e.times(at, stride_)), dtype_, lanes_, stride_,
                        last);
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

numerics::Spread<Value*> emit_spread(Emitter& e, DType dtype, const Values& sums,
                                     std::int64_t count, int lanes) {
  Value* number = float_splat(e, dtype, static_cast<double>(count), lanes);
  if (dtype == DType::f32)
    return numerics::spread(IrBackend<float>(e, lanes), sums[0], sums[1], number);
  return numerics::spread(IrBackend<double>(e, lanes), sums[0], sums[1], number);
}

Value* splat_element(Emitter& e, Value* one_lane, int lanes) {
  return e.b.CreateShuffleVector(one_lane, std::vector<int>(static_cast<std::size_t>(lanes), 0));
}

Value* float_splat(Emitter& e, DType dtype, double value, int lanes) {
  return e.splat(ir::scalar_literal(dtype, value), lanes);
}

}  // namespace mlpjit::codegen
