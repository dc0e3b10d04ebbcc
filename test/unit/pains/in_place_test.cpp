// In-place ops under tracing: rewritten so that the compiled program does what the imperative one
// does, the caller's tensors included; else an error that names the expression to write. Peers:
// pytorch 28360, 29008, 113945.

#include "pains.h"

namespace mlpjit {
namespace {

using test::Program;

class InPlace : public test::PainTest {};

TEST_P(InPlace, EveryCompoundOperator) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64}) {
    same([dtype] {
      return Program{[dtype](const Tensors& in) {
                       Tensor a = in[0], b = in[1];
                       a += b;
                       b -= a;
                       a *= 3;
                       a -= 1;
                       if (dtype == DType::f32 || dtype == DType::f64) b /= a;
                       b += b;
                       return Tensors{a + b};
                     },
                     {cast(tensor({1, 2, 3}), dtype), cast(tensor({5, 7, 9}), dtype)}};
    });
  }
}

TEST_P(InPlace, AssignBroadcastsCopiesAndTakesItself) {
  same([] {
    return Program{[](const Tensors& in) {
                     Tensor a = in[0], b = in[1];
                     Tensor before = a * 1;
                     a.assign(b);  // broadcast [3] to [2, 3]
                     b += 1;       // a keeps what it was given
                     a.assign(a);
                     Tensor c = a.copy();
                     c.assign(7);
                     return Tensors{before, a - c, c};
                   },
                   {tensor({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}}), tensor({1.f, 0.f, -1.f})}};
  });
}

TEST_P(InPlace, SlicesOfArgumentsOverlappingOnesIncluded) {
  same([] {
    return Program{[](const Tensors& in) {
                     Tensor a = in[0];
                     a.slice(0, 0, 3).assign(a.slice(0, 1, 4));  // overlaps: the right side first
                     a.slice(0, 1, 4).assign(a.slice(0, 0, 3));
                     a.slice(1, 0, 2, 1) += a.slice(1, 1, 3);
                     a.slice(0, 0, 4, 2) *= 2;
                     a.slice(0, -1, 4) -= a.slice(0, 0, 1);
                     a.slice(1, 2, 3) /= 4;
                     a.slice(0, 2, 2).assign(9);  // of nothing
                     return Tensors{a.slice(0, 1, 2), sum(a)};
                   },
                   {reshape(arange(12.f), {4, 3})}};
  });
}

TEST_P(InPlace, ASliceThatWasReadIsACopy) {
  same([] {
    return Program{[](const Tensors& in) {
                     Tensor a = in[0];
                     auto place = a.slice(0, 0, 2);
                     Tensor copy = place;
                     copy += 100;      // not a
                     a += 1;           // not the copy
                     place.assign(5);  // a, not the copy
                     place += 1;
                     return Tensors{copy, a * 1, place};
                   },
                   {tensor({1.f, 2.f, 3.f})}};
  });
}

TEST_P(InPlace, AnyHandleOfTheTensorSeesTheUpdate) {
  same([] {
    return Program{[](const Tensors& in) {
                     Tensor a = in[0], alias = a;
                     const Tensors list{a, alias};
                     Tensor computed = a * 2, other = computed;
                     alias += 1;
                     list[0].slice(0, 0, 1).assign(40);
                     Tensor through = list[1];
                     through *= 2;
                     other -= a;
                     computed.slice(0, 1, 2) += 0.5f;
                     return Tensors{a + alias, other * 1, computed, other};
                   },
                   {tensor({1.f, 2.f})}};
  });
}

TEST_P(InPlace, NothingButHandlesShares) {
  same([] {
    return Program{[](const Tensors& in) {
                     Tensor a = in[0];
                     Tensor r = reshape(a, {4}), t = transpose(a), s = squeeze(a), c = concat({a}),
                            k = cast(a, DType::f32), b = broadcast_to(a, {2, 2}), p = +a * 1;
                     r += 1;
                     t += 2;
                     s += 3;
                     c += 4;
                     k += 5;
                     b += 6;
                     p += 7;
                     a -= 1;
                     return Tensors{r, t, s, c, k, b, p};
                   },
                   {tensor({{1.f, 2.f}, {3.f, 4.f}})}};
  });
}

TEST_P(InPlace, TheSameTensorPassedTwiceAndApart) {
  const auto plain = [](Tensor a, Tensor b, Tensor c) {
    a += 1;
    Tensor seen = b * 10;
    b.slice(0, 0, 1).assign(c.slice(0, 1, 2));
    c *= 2;
    return Tensors{seen, a + b + c};
  };
  const auto hybrid = jit(plain, options());
  const auto check = [&](int first, int second, int third) {
    const auto tensors = [] {
      return Tensors{tensor({1.f, 2.f}), tensor({3.f, 4.f}), tensor({5.f, 6.f})};
    };
    const Tensors x = tensors(), y = tensors();
    const auto at = [](const Tensors& all, int i) { return all[static_cast<std::size_t>(i)]; };
    const Tensors want = plain(at(x, first), at(x, second), at(x, third));
    const Tensors have = hybrid(at(y, first), at(y, second), at(y, third));
    for (std::size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(identical(have[i], want[i]));
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(identical(x[i], y[i])) << i;
  };
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        for (int k = 0; k < 3; ++k) {
          SCOPED_TRACE(std::to_string(i) + std::to_string(j) + std::to_string(k));
          check(i, j, k);
        }
      }
    }
  }
  EXPECT_EQ(hybrid.explain().compiles, 5u);  // one per partition of three arguments
}

TEST_P(InPlace, CapturedTensorsAndThoseThatAreArgumentsToo) {
  same([] {
    const Tensor count = zeros({2}), other = ones({2});
    return Program{[count, other](const Tensors& in) {
                     Tensor c = count, o = other;
                     c += in[0];
                     o.slice(0, 0, 1) += c.slice(0, 1, 2);
                     return Tensors{c * o, c};
                   },
                   {tensor({1.f, 2.f})},
                   {count, other}};
  });
  // The captured tensor as the argument, now and then.
  Tensor x = tensor({1.f, 2.f}), y = x.copy();
  const auto plain = [](Tensor own) {
    return [own](Tensor in) mutable {
      own += in;
      in *= 2;
      return own + in;
    };
  };
  const auto imperative = plain(x);
  const auto hybrid = jit(plain(y), options());
  for (const bool itself : {false, true, false, true, true, false}) {
    Tensor a = ones({2}), b = ones({2});
    auto call = imperative;
    EXPECT_TRUE(identical(call(itself ? x : a), hybrid(itself ? y : b)));
    EXPECT_TRUE(identical(x, y));
    EXPECT_TRUE(identical(a, b));
  }
}

TEST_P(InPlace, CppLoopsAreUnrolled) {
  same([] {
    return Program{[](const Tensors& in) {
                     Tensor a = in[0], total = zeros({3}), running = 0;
                     for (int i = 0; i < a.shape()[0]; ++i) {
                       a.slice(0, i, i + 1) += static_cast<float>(i);
                       total += squeeze(a.slice(0, i, i + 1), {0});
                       running += sum(a.slice(0, i, i + 1));
                     }
                     return Tensors{total, running};
                   },
                   {reshape(arange(12.f), {4, 3})}};
  });
}

TEST_P(InPlace, BranchesUpdateArgumentsCapturesAndLocals) {
  for (const float switch_value : {1.f, -1.f}) {
    same([switch_value] {
      const Tensor seen = zeros({2});
      return Program{[seen](const Tensors& in) {
                       Tensor a = in[0], s = seen, local = a * 1;
                       const Tensors r = cond(
                           sum(in[1]) > 0,
                           [&](const Tensors& x) {
                             Tensor first = x[0];
                             first += 1;  // the operand is a itself
                             s += a;
                             local.assign(3);
                             return Tensors{first * 1};
                           },
                           [&](const Tensors& x) {
                             a.slice(0, 0, 1).assign(-5);
                             return Tensors{x[0] * local};
                           },
                           {a});
                       a -= r[0];
                       return Tensors{r[0], local, s * 1};
                     },
                     {tensor({1.f, 2.f}), tensor(switch_value)},
                     {seen}};
    });
  }
}

TEST_P(InPlace, LoopBodiesUpdateArgumentsCapturesAndTheirState) {
  for (const int rounds : {0, 1, 5}) {
    same([rounds] {
      const Tensor log = zeros({6});
      return Program{[log](const Tensors& in) {
                       Tensor a = in[0], l = log, made = zeros({2});
                       const Tensors r = while_loop([](const Tensors& s) { return s[0] > 0; },
                                                    [&](const Tensors& s) {
                                                      Tensor n = s[0], v = s[1];
                                                      n -= 1;  // the state may be updated in place
                                                      v += a;
                                                      a *= 2;
                                                      made += v;
                                                      l.slice(0, 1, 6).assign(l.slice(0, 0, 5));
                                                      l.slice(0, 0, 1).assign(sum(v));
                                                      return Tensors{n, v};
                                                    },
                                                    {in[1], a});
                       return Tensors{r[0], r[1], made, a * 1};
                     },
                     {tensor({1.f, 0.5f}), tensor(rounds)},
                     {log}};
    });
  }
}

TEST_P(InPlace, NestedRegionsUpdateWhatIsFurtherOut) {
  same([] {
    const Tensor total = zeros({});
    return Program{[total](const Tensors& in) {
                     Tensor t = total, kept = in[0] * 0;
                     const auto [carry, ys] = scan(
                         [&](Tensor c, Tensor x) {
                           const Tensors r = while_loop([](const Tensors& s) { return s[0] < 3; },
                                                        [&](const Tensors& s) {
                                                          const Tensors u = cond(
                                                              s[0] == 1,
                                                              [&](const Tensors&) {
                                                                t += x;
                                                                kept.slice(0, 0, 1) += x;
                                                                return Tensors{c * 2};
                                                              },
                                                              [&](const Tensors&) {
                                                                kept *= 0.5f;
                                                                return Tensors{c + x};
                                                              });
                                                          c.assign(u[0]);
                                                          return Tensors{s[0] + 1};
                                                        },
                                                        {tensor(0)});
                           return std::pair(c + cast(r[0], DType::f32), c * t);
                         },
                         tensor(1.f), in[0]);
                     return Tensors{carry, ys, kept, t * 1};
                   },
                   {tensor({1.f, 2.f, 3.f})},
                   {total}};
  });
}

TEST_P(InPlace, BlocksUpdateTheirMembersAndParameters) {
  struct Counter : nn::HybridBlock {
    Tensor calls = zeros({1});
    nn::Parameter scale = parameter("scale", {2}, {.initializer = nn::Ones()});
    Tensor hybrid_forward(const Ops&, const Tensor& x) override {
      calls += 1;
      Tensor s = scale.data();
      s.slice(0, 1, 2) *= 2;
      return x * s + calls;
    }
  };
  Counter plain, hybrid;
  plain.initialize();
  hybrid.initialize();
  hybrid.hybridize(options());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(identical(plain(ones({2})), hybrid(ones({2}))));
    EXPECT_TRUE(identical(plain.calls, hybrid.calls));
    EXPECT_TRUE(identical(plain.scale.data(), hybrid.scale.data()));
  }
}

TEST_P(InPlace, AFailingCallChangesNothing) {
  const Tensor state = zeros({2});
  const auto hybrid = jit(
      [state](Tensor a, Tensor index) {
        Tensor s = state;
        s += 1;
        a += 1;
        return gather(a, index);
      },
      options());
  Tensor a = ones({2});
  hybrid(a, tensor({1}));
  EXPECT_ERROR(ValueError, hybrid(a, tensor({2})), "gather");
  EXPECT_TRUE(identical(a, full({2}, 2.f)));
  EXPECT_TRUE(identical(state, ones({2})));
}

TEST_P(InPlace, RebindingAnOutsideVariableIsAnErrorThatNamesAssign) {
  Tensor h = zeros({2});
  const auto hybrid = jit(
      [&h](Tensor x) {
        h = h + x;  // a C++ assignment: compiled calls could not repeat it
        return h * 2;
      },
      options());
  EXPECT_ERROR(TraceError, hybrid(ones({2})), "outside", "add", "f32[2]", "h.assign(h + x)");
  EXPECT_FALSE(is_tracing());

  struct Recurrent : nn::HybridBlock {
    nn::Dense cell = child("cell", nn::Dense(2));
    Tensor state = zeros({1, 2});
    bool fixed = false;
    Tensor hybrid_forward(const Ops& F, const Tensor& x) override {
      const Tensor next = F.tanh(cell(x) + state);
      if (fixed) {
        state.assign(next);
      } else {
        state = next;
      }
      return next;
    }
  };
  Recurrent net, plain;
  random::seed(4);
  net.initialize();
  plain.initialize();
  net.hybridize(options());
  EXPECT_ERROR(TraceError, net(ones({1, 2})), "Recurrent", "tanh", "assign");
  net.state = zeros({1, 2});
  net.fixed = plain.fixed = true;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(identical(net(ones({1, 2})), plain(ones({1, 2})))) << i;
}

TEST_P(InPlace, WhatCannotBeRewrittenNamesTheWayOut) {
  const auto borrowed = [](float* memory) { return Tensor::borrow(memory, {2}); };
  float memory[3] = {1, 2, 3};
  const auto hybrid = jit(
      [](Tensor a, Tensor b) {
        a += b;
        return a * 1;
      },
      options());
  EXPECT_ERROR(UserError, hybrid(borrowed(memory), borrowed(memory + 1)), "share memory", "copy()");
  const auto wrong_shape = jit([](Tensor a, Tensor b) { return a += b; }, options());
  EXPECT_ERROR(ShapeError, wrong_shape(ones({2}), ones({3, 2})), "+=", "[3, 2]", "[2]",
               "a = a + b");
  const auto wrong_dtype = jit([](Tensor a, Tensor b) { return a.assign(b); }, options());
  EXPECT_ERROR(DTypeError, wrong_dtype(ones({2}), ones({2}, DType::f64)), "assign", "f64", "cast");
  const auto writes = jit(
      [](Tensor a) {
        a.mutable_data<float>()[0] = 1;
        return a;
      },
      options());
  EXPECT_ERROR(TraceError, writes(ones({2})), "mutable_data", "slice(...).assign()");
  const Tensor scalar = 0.f;
  const auto weak = jit(
      [scalar](Tensor x) {
        Tensor s = scalar;
        s += x;
        return s;
      },
      options());
  EXPECT_ERROR(TraceError, weak(tensor(1.f)), "C++ scalar", "Tensor n = tensor(0.f)");
  const auto condition = jit(
      [](Tensor x) {
        Tensor n = zeros({});
        return while_loop(
            [&](const Tensors& s) {
              n += 1;
              return n < s[0];
            },
            [](const Tensors& s) { return Tensors{s[0] - 1}; }, {x})[0];
      },
      options());
  EXPECT_ERROR(TraceError, condition(tensor(3.f)), "while_loop", "condition",
               "do that in the body");
}

MLPJIT_PAINS_IN_ALL_MODES(InPlace);

}  // namespace
}  // namespace mlpjit
