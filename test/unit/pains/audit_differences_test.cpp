// How the audit tells the second trace from the first: what is compared, and how a difference reads.

#include <memory>

#include "audit_fixture.h"

namespace mlpjit {
namespace {

using test::Toggle;

class AuditDifferences : public test::Audit {};

TEST_P(AuditDifferences, OrderAndChoiceOfResultsAreCompared) {
  const Toggle swap, which, alias, handle;
  const std::string order = audit(
      [swap](const Tensors& x) {
        Tensor a = exp(x[0]), b = tanh(x[0]);
        return swap() ? Tensors{a, b} : Tensors{b, a};
      },
      {ones({2})});
  expect_text(order, {"result 0 is %0 = exp, in the second trace %1 = tanh",
                      "result 1 is %1 = tanh, in the second trace %0 = exp"});
  EXPECT_EQ(lines_in(order), 2) << order;
  expect_text(audit(
                  [which](const Tensors& x) {
                    Tensor a = exp(x[0]), b = tanh(x[0]);
                    return which() ? Tensors{a} : Tensors{a, b};
                  },
                  {ones({2})}),
              {"the number of results is 1, in the second trace 2"});
  expect_text(audit([handle](const Tensors& x) { return handle() ? Tensors{x[0]} : Tensors{x[1]}; },
                    {ones({2}), ones({2})}),
              {"result 0 is argument x0, in the second trace argument x1"});
  expect_text(audit(
                  [alias](const Tensors& x) {
                    Tensor a = exp(x[0]), b = a;
                    if (alias()) b = a.copy();
                    return Tensors{a, b};
                  },
                  {ones({2})}),
              {"reshape", "the second trace has nothing here"});
}

TEST_P(AuditDifferences, UpdatesInPlaceAreCompared) {
  const Toggle which, also;
  const Tensor p = zeros({2}), q = zeros({2});
  const std::string text = audit(
      [which, p, q](const Tensors& x) {
        Tensor to = which() ? p : q, from = p + q;
        to.assign(x[0]);
        return Tensors{from};
      },
      {ones({2})});
  expect_text(text, {"update in place: capture 0", "what it was", "update in place: capture 1"});
  expect_text(audit(
                  [also, p](const Tensors& x) {
                    Tensor state = p;
                    if (also()) state += x[0];
                    return Tensors{p + x[0]};
                  },
                  {ones({2})}),
              {"= reshape", "the second trace has nothing here"});
}

TEST_P(AuditDifferences, OperandsAreComparedByTheValueThatTheyAre) {
  const Toggle operand;
  const std::string text = audit(
      [operand](const Tensors& x) {
        Tensor a = exp(x[0]), b = tanh(x[0]);
        return Tensors{(operand() ? a : b) * 2, a + b};
      },
      {ones({2})});
  expect_text(text, {"= multiply: operand 0 is %0 = exp, in the second trace %1 = tanh"});
  EXPECT_EQ(lines_in(text), 1) << text;
}

// One difference does not hide another behind it, and what only follows from it is not listed.
TEST_P(AuditDifferences, EveryDifferenceIsListedOnce) {
  const Toggle branch;
  const auto counter = std::make_shared<int>(0);
  const std::string text = audit(
      [branch, counter](const Tensors& x) {
        Tensor y = branch() ? exp(x[0]) : tanh(x[0]);
        y = relu(y) + x[0];
        return Tensors{softmax(y * static_cast<float>(++*counter), -1)};
      },
      {ones({2})});
  expect_text(text, {"%0 = exp: the second trace has %0 = tanh here: a C++ branch went another way",
                     "constant, used by %4 = multiply: value is 1, in the second trace 2"});
  EXPECT_EQ(lines_in(text), 2) << text;

  const auto rounds = std::make_shared<int>(1);
  const std::string loop = audit(
      [rounds](const Tensors& x) {
        Tensor y = x[0];
        for (int i = 0; i < *rounds; ++i) y = exp(y);
        ++*rounds;
        return Tensors{tanh(y)};
      },
      {ones({2})});
  expect_text(loop, {"after %0 = exp: the second trace has %1 = exp here", "number of rounds"});
}

TEST_P(AuditDifferences, BodiesOfBranchesAndLoopsAreCompared) {
  const Toggle branch, body, step, test;
  expect_text(audit(
                  [branch](const Tensors& x) {
                    return cond(
                        sum(x[0]) > 0,
                        [&](Tensor a) {
                          Tensor b = exp(a), c = tanh(a);
                          return branch() ? Tensors{b, c} : Tensors{c, b};
                        },
                        [](Tensor a) { return Tensors{a, a * 2}; }, {x[0]});
                  },
                  {ones({2})}),
              {"cond: the then branch: result 0 is", "= exp, in the second trace"});
  expect_text(audit(
                  [body](const Tensors& x) {
                    return while_loop([](Tensor i, Tensor) { return i < 3; },
                                      [&](Tensor i, Tensor a) {
                                        return std::pair(i + 1, a * (body() ? 2.f : 3.f));
                                      },
                                      {Tensor(0), x[0]});
                  },
                  {ones({2})}),
              {"value is 2, in the second trace 3"});
  expect_text(audit(
                  [test](const Tensors& x) {
                    return while_loop(
                        [&](Tensor i, Tensor j, Tensor) { return (test() ? i : j) < 3; },
                        [](Tensor i, Tensor j, Tensor a) { return Tensors{i + 1, j + 1, a * 2}; },
                        {Tensor(0), Tensor(1), x[0]});
                  },
                  {ones({2})}),
              {"less: operand 0 is argument 0 of the region, in the second trace argument 1 of "
               "the region"});
  expect_text(audit(
                  [step](const Tensors& x) {
                    auto [carry, ys] = scan(
                        [&](Tensor c, Tensor row) {
                          return std::pair(c + row, step() ? exp(row) : tanh(row));
                        },
                        zeros({2}), x[0]);
                    return Tensors{carry, ys};
                  },
                  {ones({3, 2})}),
              {"= exp: the second trace has", "= tanh here"});
}

TEST_P(AuditDifferences, TextAndOperandsOfPrintsAreCompared) {
  const auto count = std::make_shared<int>(0);
  testing::internal::CaptureStdout();
  const std::string text = audit(
      [count](const Tensors& x) {
        print("call " + std::to_string(++*count), x[0]);
        return Tensors{x[0] * 2};
      },
      {ones({})});
  const std::string printed = testing::internal::GetCapturedStdout();
  expect_text(text, {"print: text is \"call 1\", in the second trace \"call 2\""});
  EXPECT_EQ(printed, "call 11\ncall 11\n");  // by the two calls only
}

TEST_P(AuditDifferences, AttributesAreShownInFull) {
  const auto slope = std::make_shared<double>(1e-9);
  const std::string text = audit(
      [slope](const Tensors& x) {
        *slope *= 2;
        return Tensors{leaky_relu(x[0], *slope)};
      },
      {ones({2})});
  expect_text(text, {"alpha is 2e-09, in the second trace 4e-09"});
  const auto bound = std::make_shared<int>(0);
  const std::string bounds = audit(
      [bound](const Tensors& x) {
        ++*bound;
        return Tensors{hardtanh(x[0], -*bound, *bound)};
      },
      {ones({2})});
  expect_text(bounds, {"min is -1, in the second trace -2", "max is 1, in the second trace 2"});
  EXPECT_EQ(lines_in(bounds), 2) << bounds;
  const auto long_one = std::make_shared<float>(0.f);
  const std::string element = audit(
      [long_one](const Tensors& x) {
        std::vector<float> table(20);
        table[13] = ++*long_one;
        return Tensors{x[0] * tensor(table, {4, 5})};
      },
      {ones({4, 5})});
  expect_text(element, {"used by", "multiply: value[2, 3] is 1, in the second trace 2"});
  const auto size = std::make_shared<int>(1);
  expect_text(
      audit([size](const Tensors& x) { return Tensors{x[0] + sum(ones({++*size}))}; }, {ones({})}),
      {"value is f32[2], in the second trace f32[3]"});
}

TEST_P(AuditDifferences, ReboundCapturesAreNamedWithTheOpThatUsesThem) {
  const auto weights = std::make_shared<Tensors>(Tensors{full({2}, 1.f), full({2}, 2.f)});
  const auto next = std::make_shared<std::size_t>(0);
  expect_text(audit([=](const Tensors& x) { return Tensors{x[0] * (*weights)[(*next)++ % 2]}; },
                    {ones({2})}),
              {"%1 = multiply: capture 0 is another tensor in the second trace", "bound anew"});
  // The same two in the other order are the same inputs.
  const Toggle order;
  const std::string swapped = audit(
      [=](const Tensors& x) {
        const bool first = order();
        return Tensors{x[0] * (*weights)[first ? 0 : 1] + (*weights)[first ? 1 : 0]};
      },
      {ones({2})});
  expect_text(swapped, {"multiply: operand 1 is capture 0, in the second trace capture 1",
                        "add: operand 1 is capture 1, in the second trace capture 0"});
  EXPECT_EQ(lines_in(swapped), 2) << swapped;
  const Tensors changing{full({2}, 1.f), full({2}, 2.f), full({2}, 3.f)};
  const auto current = std::make_shared<Tensor>(changing[0]);
  const auto f = jit([current](Tensor x) { return x + *current; }, audited());
  f(ones({2}));
  f(ones({2}));
  EXPECT_EQ(audit_of(f), "");
  *current = changing[1];
  f(ones({2}));
  expect_text(audit_of(f), {"add: capture 0 is another tensor in a later trace"});
}

TEST_P(AuditDifferences, AFunctionOfManyOpsThatHaveNothingInCommon) {
  const Toggle toggle;
  const std::string text = audit(
      [toggle](const Tensors& x) {
        Tensor y = x[0];
        const bool first = toggle();
        for (int i = 0; i < 600; ++i) y = first ? exp(y) : tanh(y);
        return Tensors{y};
      },
      {ones({2})});
  expect_text(text, {"%0 = exp and 599 more ops: the second trace has %0 = tanh and 599 more ops"});
  EXPECT_EQ(lines_in(text), 1) << text;
}

MLPJIT_PAINS_IN_ALL_MODES(AuditDifferences);

}  // namespace
}  // namespace mlpjit
