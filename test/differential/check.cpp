// A program called again and again: with other contents, with inputs that are one tensor or several,
// on tensors that go on from where the last call left them, with writes in between, in other
// floating-point environments, with other shapes. Every call of every mode does what the imperative
// run does.

#include <algorithm>
#include <deque>

#include "test/differential/modes.h"
#include "test/differential/reference.h"

namespace mlpjit::differential {
namespace {

// The environment of a call: each of the others in turn, the plain one after them.
unsigned environment_of(std::size_t call) {
  const std::size_t turn = call % (HostEnvironment::kOthers.size() + 1);
  return turn < HostEnvironment::kOthers.size() ? HostEnvironment::kOthers[turn]
                                                : HostEnvironment::kPlain;
}

// A program in each of the modes; what it captures is the same for all of them, so that each sees
// what the others, compiled or not, have written.
class Calls {
 public:
  Calls(const Program& program, const std::vector<Mode>& modes) : program_(program), modes_(modes) {
    const Tensors captured = copies_of(contents_of(program));
    for (const Mode& mode : modes) hybrids_.emplace_back(program, mode.options, captured);
  }

  // The inputs as made, twice; others; and, where some are one tensor, all of them apart.
  std::optional<std::string> with_contents() {
    const Tensors contents = contents_of(program_), others = other_contents_of(program_);
    const bool shared = std::any_of(program_.inputs.begin(), program_.inputs.end(),
                                    [](const Input& input) { return input.same_as != SIZE_MAX; });
    std::vector<std::pair<Tensors, Sharing>> runs = {{contents, Sharing::as_made},
                                                     {others, Sharing::as_made}};
    if (shared) runs.emplace_back(contents, Sharing::apart);
    runs.push_back(runs[0]);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const auto& [with, sharing] = runs[i];
      const Outcome want = run_imperatively(program_, with, sharing);
      const std::string run = "run " + std::to_string(i);
      if (auto text =
              difference(want, run_imperatively(program_, with, sharing, next_environment())))
        return "imperatively: " + run + ": " + *text;
      for (std::size_t mode = 0; mode < modes_.size(); ++mode) {
        const auto call = [&, &contents = with, &as = sharing] {
          return hybrids_[mode].run(contents, as, next_environment());
        };
        if (auto text = compared(want, mode, run, call)) return text;
      }
    }
    return std::nullopt;
  }

  // Nobody sets the tensors back, so that updates add up and packs stay good until somebody writes.
  std::optional<std::string> in_turns() {
    const Tensors contents = contents_of(program_);
    const Tensors plain = tensors_of_run(program_, contents, copies_of(contents), Sharing::as_made);
    const Tensors inputs = hybrids_[0].tensors(contents);
    const std::size_t turns = 2 * modes_.size();
    for (std::size_t turn = 0; turn < turns; ++turn) {
      const std::size_t mode = turn % modes_.size();
      if (turn % 2 == 1) write_between(plain, inputs, turn);
      const Outcome want = observe(plain, [&] { return differential::run(program_, plain); });
      const auto call = [&] { return hybrids_[mode].run_on(inputs, next_environment()); };
      if (auto text = compared(want, mode, "turn " + std::to_string(turn), call)) return text;
      if (!want.error.empty()) break;  // which leaves half of the updates imperatively
    }
    return std::nullopt;
  }

  // Arguments of other sizes, and those as made again. A trace checks both branches and every round,
  // the imperative run what it comes by: with control flow an error may be of one of them only.
  std::optional<std::string> with_shapes() {
    const bool control = std::any_of(program_.nodes.begin(), program_.nodes.end(),
                                     [](const Node& node) { return bool(node.control); });
    for (const Tensors& contents :
         {resized(0, 1), resized(0, 5), contents_of(program_), resized(-1, 3), resized(0, 0)}) {
      const Outcome want = run_imperatively(program_, contents);
      for (std::size_t mode = 0; mode < modes_.size(); ++mode) {
        const auto call = [&] {
          Outcome got = hybrids_[mode].run(contents);
          const bool either = !want.error.empty() || !got.error.empty();
          const bool both = !want.error.empty() && !got.error.empty();
          if (both || (either && control)) got = want;
          return got;
        };
        if (auto text = compared(want, mode, "first input " + to_string(contents[0].shape()), call))
          return text;
      }
    }
    return std::nullopt;
  }

 private:
  unsigned next_environment() { return environment_of(program_.nodes.size() + calls_++); }

  template <class Call>
  std::optional<std::string> compared(const Outcome& want, std::size_t mode,
                                      const std::string& when, const Call& call) const {
    try {
      if (auto text = difference(want, call()))
        return modes_[mode].name + ": " + when + ": " + *text;
    } catch (const std::exception& error) {
      return modes_[mode].name + ": threw " + error.what();
    }
    return std::nullopt;
  }

  // The same values into both tensors: by assign into the first, by one of the other ways into the
  // second.
  void write_between(const Tensors& plain, const Tensors& inputs, std::size_t turn) const {
    if (inputs.empty()) return;  // of a program that was minimised
    const std::size_t i = (turn * 5 + program_.nodes.size()) % inputs.size();
    const Tensor value = other_content(plain[i]);
    Tensor(plain[i]).assign(value);
    Tensor to = inputs[i];
    const std::int64_t rows = to.rank() > 0 ? to.shape()[0].value() : 0;
    switch ((turn / 2 + program_.nodes.size()) % 4) {
      case 0: to.assign(value); break;
      case 1:  // in two halves
        if (to.rank() == 0) return void(to.assign(value));
        to.slice(0, 0, rows / 2).assign(value.slice(0, 0, rows / 2));
        to.slice(0, rows / 2, rows).assign(value.slice(0, rows / 2, rows));
        break;
      case 2:  // by a program
        jit([](Tensor x, const Tensor& y) { x.assign(y); }, {.backend = Backend::graph})(to, value);
        break;
      default:  // in memory; from then on it may change at any time
        reference::with_type(to.dtype(), [&](auto zero) {
          using Found = decltype(zero);
          using T = std::conditional_t<std::is_same_v<Found, unsigned char>, bool, Found>;
          const std::span<T> elements = to.mutable_data<T>();
          std::copy_n(value.data<T>().begin(), elements.size(), elements.begin());
        });
    }
  }

  // The arguments that are as long as the first one along an axis, with another number of entries
  // there; one that is the same tensor as another input keeps its size.
  Tensors resized(int axis, std::int64_t entries) const {
    Tensors contents = contents_of(program_);
    std::optional<Dim> size;
    for (std::size_t i = 0; i < contents.size(); ++i) {
      Tensor& content = contents[i];
      if (content.rank() == 0 || !stands_alone(i)) continue;
      const Dim own = content.shape()[axis];
      if (!size) size = own;
      if (!(own == *size) || (own == 0 && entries > 0)) continue;
      const Tensor places = arange(static_cast<double>(entries), DType::i64);
      content = gather(content, remainder(places, std::max<std::int64_t>(own.value(), 1)), axis);
    }
    return contents;
  }
  bool stands_alone(std::size_t input) const {
    const Input& own = program_.inputs[input];
    return own.kind == ir::InputKind::argument && own.same_as == SIZE_MAX &&
           std::none_of(program_.inputs.begin(), program_.inputs.end(),
                        [&](const Input& other) { return other.same_as == input; });
  }

  const Program& program_;
  const std::vector<Mode>& modes_;
  std::deque<HybridProgram> hybrids_;  // which stay where they are
  std::size_t calls_ = 0;
};

// One program in a few is called with other shapes, by one of the modes, which tries to make one
// program of all batch sizes soon.
std::vector<Mode> modes_for_shapes(const Program& program, const std::vector<Mode>& modes) {
  const std::size_t number = program.nodes.size() + program.outputs.size();
  if (number % 4 != 0) return {};
  Mode mode = modes[number / 4 % modes.size()];
  mode.name += ", other shapes";
  mode.options.dynamic_batch_after = 1;
  return {mode};
}

}  // namespace

std::optional<std::string> check(const Program& program, const std::vector<Mode>& modes) {
  Calls calls(program, modes);
  if (auto text = calls.with_contents()) return text;
  if (auto text = calls.in_turns()) return text;
  if (const auto other = modes_for_shapes(program, modes); !other.empty()) {
    if (auto text = Calls(program, other).with_shapes()) return text;
  }
  return check_against_reference(program, run_imperatively(program));
}

}  // namespace mlpjit::differential
