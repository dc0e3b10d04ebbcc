#include "test/differential/modes.h"

#include <algorithm>
#include <cstring>
#include <sstream>

#include "lib/ir/text.h"
#include "lib/support/isa.h"
#include "src/program/trace_function.h"
#include "src/record/recorder.h"
#include "test/differential/reference.h"
#include "test/programs/captured_output.h"

namespace mlpjit::differential {
namespace {

bool captured(const Input& input) {
  return input.kind != ir::InputKind::argument;
}

// The first input that is the same tensor.
std::size_t first_of(const Program& program, std::size_t i) {
  while (program.inputs[i].same_as != SIZE_MAX) i = program.inputs[i].same_as;
  return i;
}

// Per input that others are the same tensor as: whether one of them is captured.
std::vector<bool> captured_groups(const Program& program) {
  std::vector<bool> groups(program.inputs.size(), false);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (captured(program.inputs[i])) groups[first_of(program, i)] = true;
  }
  return groups;
}

}  // namespace

Tensors tensors_of_run(const Program& program, const Tensors& contents, const Tensors& held,
                       Sharing sharing) {
  const std::vector<bool> groups = captured_groups(program);
  Tensors tensors;
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    const std::size_t first = first_of(program, i);
    if (captured(program.inputs[i]) || (sharing == Sharing::as_made && groups[first])) {
      tensors.push_back(held[first]);
    } else if (sharing == Sharing::as_made && first != i) {
      tensors.push_back(tensors[first]);
    } else {
      tensors.push_back(contents[i].copy());
    }
  }
  return tensors;
}

namespace {

// Where two tensors part, for messages.
std::string first_difference(const Tensor& want, const Tensor& got) {
  std::ostringstream out;
  out << ": expected " << want.dtype() << want.shape() << ", got " << got.dtype() << got.shape();
  if (want.dtype() != got.dtype() || !(want.shape() == got.shape())) return out.str();
  out << std::hexfloat;
  reference::with_type(want.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto* a = static_cast<const T*>(detail::TensorAccess::impl(want)->data());
    const auto* b = static_cast<const T*>(detail::TensorAccess::impl(got)->data());
    for (std::int64_t i = 0; i < want.size(); ++i) {
      if (std::memcmp(a + i, b + i, sizeof(T)) == 0 || (a[i] != a[i] && b[i] != b[i])) continue;
      out << "; first at element " << i << ": expected " << +a[i] << ", got " << +b[i];
      return;
    }
  });
  return out.str();
}

std::optional<std::string> difference(const char* what, const Tensors& want, const Tensors& got) {
  if (want.size() != got.size()) return std::string("another number of ") + what + "s";
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (identical(want[i], got[i])) continue;
    return std::string(what) + " " + std::to_string(i) + " differs" +
           first_difference(want[i], got[i]);
  }
  return std::nullopt;
}

}  // namespace

Tensor other_content(const Tensor& content) {
  Tensor other = content.copy();
  if (is_floating(other.dtype())) other = other * 0.5 + 0.25;
  auto* bytes = static_cast<std::byte*>(detail::TensorAccess::impl(other)->storage->data());
  const std::size_t size = size_of(other.dtype());
  const auto count = static_cast<std::size_t>(other.size());
  for (std::size_t i = 0; i + 1 < count; ++i) {
    const std::size_t j = i + (i * 7919 + 13) % (count - i);
    std::swap_ranges(bytes + i * size, bytes + (i + 1) * size, bytes + j * size);
  }
  return other;
}

namespace {

PassOptions some_passes(std::uint64_t bits) {
  PassOptions passes;
  passes.fold = bits & 1;
  passes.simplify = bits & 2;
  passes.cse = bits & 4;
  passes.eliminate_dead_values = bits & 8;
  passes.fuse = bits & 16;
  return passes;
}

}  // namespace

Outcome observe(const Tensors& inputs, const std::function<Tensors()>& call, unsigned control) {
  Outcome outcome;
  const random::StreamScope stream(kStreamSeed);
  {
    const test::CapturedOutput output;
    try {
      const HostEnvironment environment(control);
      outcome.results = call();
      outcome.environment_kept = environment.kept();
    } catch (const ValueError& error) {
      outcome.error = error.what();
      return outcome;
    } catch (const ShapeError&) {
      outcome.error = "(a ShapeError)";  // which names the op, or the call
      return outcome;
    }
    outcome.printed = output.text();
  }
  outcome.stream = random::state();
  const auto same = [](const Tensor& a, const Tensor& b) {
    return detail::TensorAccess::impl(a) == detail::TensorAccess::impl(b);
  };
  Tensors known = inputs;
  for (const Tensor& result : outcome.results) {
    known.push_back(result);
    std::size_t first = 0;
    while (!same(known[first], result)) ++first;
    outcome.handles.push_back(first);
  }
  for (const Tensor& input : inputs) outcome.inputs.push_back(input.copy());
  return outcome;
}

std::vector<Isa> runnable_isas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa <= support::default_isa()) isas.push_back(isa);
  }
  return isas;
}

std::vector<Mode> modes(Isa also, std::uint64_t seed) {
  const Isa widest = support::default_isa();
  std::vector<Mode> all = {{"graph", {.backend = Backend::graph, .isa = widest}},
                           {"native " + std::string(to_string(widest)), {.isa = widest}}};
  if (also < widest) {
    all.push_back(
        {"graph " + std::string(to_string(also)), {.backend = Backend::graph, .isa = also}});
    all.push_back({"native " + std::string(to_string(also)), {.isa = also}});
  }
  if (seed % 4 == 0) {
    const Backend backend = seed % 8 == 0 ? Backend::native : Backend::graph;
    all.push_back({to_string(backend) + std::string(" with passes ") +
                       std::to_string(seed / 8 % 32) + " of 32",
                   {.backend = backend, .isa = widest, .passes = some_passes(seed / 8)}});
  }
  return all;
}

Tensors contents_of(const Program& program) {
  Tensors contents;
  for (const Input& input : program.inputs) contents.push_back(input.value);
  return contents;
}

Tensors other_contents_of(const Program& program) {
  Tensors contents;
  for (std::size_t i = 0; i < program.inputs.size(); ++i)
    contents.push_back(other_content(program.inputs[first_of(program, i)].value));
  return contents;
}

Tensors copies_of(const Tensors& tensors) {
  Tensors copies;
  for (const Tensor& tensor : tensors) copies.push_back(tensor.copy());
  return copies;
}

Outcome run_imperatively(const Program& program, const Tensors& contents, Sharing sharing,
                         unsigned control) {
  const Tensors inputs = tensors_of_run(program, contents, copies_of(contents), sharing);
  return observe(inputs, [&] { return run(program, inputs); }, control);
}

HybridProgram::HybridProgram(const Program& program, const HybridizeOptions& options, Tensors held)
    : program_(program), captured_(std::move(held)) {
  const auto body = [this](const Tensors& arguments) {
    Tensors inputs;
    std::size_t next = 0;
    for (std::size_t i = 0; i < program_.inputs.size(); ++i) {
      inputs.push_back(captured(program_.inputs[i]) ? captured_[first_of(program_, i)]
                                                    : arguments[next++]);
    }
    return differential::run(program_, inputs);
  };
  const auto resolver = [this](const Tensor& tensor) -> std::optional<std::string> {
    for (std::size_t i = 0; i < program_.inputs.size(); ++i) {
      if (program_.inputs[i].kind != ir::InputKind::parameter) continue;
      if (detail::TensorAccess::impl(captured_[first_of(program_, i)]) ==
          detail::TensorAccess::impl(tensor))
        return "parameter" + std::to_string(i);
    }
    return std::nullopt;
  };
  function_ = std::make_unique<detail::CachedFunction>(body, options, resolver);
}

Tensors HybridProgram::tensors(const Tensors& contents, Sharing sharing) {
  const std::vector<bool> groups = captured_groups(program_);
  for (std::size_t i = 0; i < contents.size(); ++i) {
    if (groups[i]) captured_[i].assign(contents[i]);
  }
  return tensors_of_run(program_, contents, captured_, sharing);
}

Outcome HybridProgram::run_on(const Tensors& inputs, unsigned control) {
  Tensors arguments;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!captured(program_.inputs[i])) arguments.push_back(inputs[i]);
  }
  return observe(inputs, [&] { return function_->call(arguments, 0).take(); }, control);
}

std::optional<std::string> difference(const Outcome& want, const Outcome& got) {
  if (!got.environment_kept) return "the caller's floating-point environment was changed";
  if (want.error != got.error)
    return "expected error '" + want.error + "', got '" + got.error + "'";
  if (!want.error.empty()) return std::nullopt;
  if (auto text = difference("result", want.results, got.results)) return text;
  if (auto text = difference("input", want.inputs, got.inputs)) return *text + " afterwards";
  if (want.handles != got.handles) return "a result is a handle of another tensor";
  if (want.printed != got.printed)
    return "expected to print\n" + want.printed + "got\n" + got.printed;
  if (!(want.stream == got.stream)) {
    return "expected the stream at draw " + std::to_string(want.stream.draw) + ", got " +
           std::to_string(got.stream.draw);
  }
  return std::nullopt;
}

TracedProgram::TracedProgram(const Program& program) {
  const Tensors contents = contents_of(program);
  inputs = tensors_of_run(program, contents, copies_of(contents), Sharing::as_made);
  std::vector<detail::ArgumentSpec> specs;
  std::vector<std::size_t> places;  // of each argument, its input
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (captured(program.inputs[i])) continue;
    detail::ArgumentSpec spec;
    spec.dtype = inputs[i].dtype();
    spec.shape = inputs[i].shape();
    spec.concrete = inputs[i];
    for (std::size_t j = 0; j < places.size() && spec.same_as == SIZE_MAX; ++j) {
      if (first_of(program, places[j]) == first_of(program, i)) spec.same_as = j;
    }
    specs.push_back(spec);
    places.push_back(i);
  }
  const auto body = [&](const Tensors& arguments) {
    Tensors all = inputs;
    for (std::size_t i = 0; i < places.size(); ++i) all[places[i]] = arguments[i];
    return run(program, all);
  };
  trace = detail::trace_function(body, specs, {});
  for (detail::Binding& binding : trace.inputs) {
    if (binding.kind == ir::InputKind::argument) binding.tensor = specs[binding.argument].concrete;
  }
}

Tensor TracedProgram::bound(std::size_t input) const {
  return trace.inputs.at(input).tensor;
}

Tensors TracedProgram::arguments() const {
  Tensors arguments;
  for (const bool captured : {false, true}) {
    for (const detail::Binding& binding : trace.inputs) {
      if (!binding.tensor.defined()) continue;
      if ((binding.kind != ir::InputKind::argument) == captured)
        arguments.push_back(binding.tensor);
    }
  }
  return arguments;
}

std::string trace_text(const Program& program) {
  try {
    return ir::print(*TracedProgram(program).trace.graph);
  } catch (const std::exception& error) {
    return std::string("(no trace: ") + error.what() + ")\n";
  }
}

}  // namespace mlpjit::differential
