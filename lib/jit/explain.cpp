#include "lib/jit/explain.h"

#include <fmt/format.h>

#include <cereal/archives/json.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <iterator>
#include <ostream>
#include <sstream>

#include "lib/support/float_env.h"

namespace mlpjit {

// Each record described once, for every archive of cereal; JSON takes the names from here.
template <class Archive>
void serialize(Archive& archive, Guard& guard) {
  archive(cereal::make_nvp("subject", guard.subject), cereal::make_nvp("expected", guard.expected));
}

template <class Archive>
void serialize(Archive& archive, PassSummary& pass) {
  archive(cereal::make_nvp("name", pass.name), cereal::make_nvp("changes", pass.changes),
          cereal::make_nvp("ops", pass.ops), cereal::make_nvp("ms", pass.ms));
}

template <class Archive>
void serialize(Archive& archive, KernelSummary& kernel) {
  archive(cereal::make_nvp("name", kernel.name), cereal::make_nvp("kind", kernel.kind),
          cereal::make_nvp("reason", kernel.reason));
}

template <class Archive>
void serialize(Archive& archive, PhaseTimes& ms) {
  archive(cereal::make_nvp("trace", ms.trace), cereal::make_nvp("passes", ms.passes),
          cereal::make_nvp("plan", ms.plan), cereal::make_nvp("emit", ms.emit),
          cereal::make_nvp("codegen", ms.codegen), cereal::make_nvp("link", ms.link),
          cereal::make_nvp("load", ms.load), cereal::make_nvp("total", ms.total));
}

template <class Archive>
void serialize(Archive& archive, SignatureSummary& signature) {
  archive(cereal::make_nvp("name", signature.name), cereal::make_nvp("hits", signature.hits),
          cereal::make_nvp("guards", signature.guards),
          cereal::make_nvp("backend", signature.backend), cereal::make_nvp("isa", signature.isa),
          cereal::make_nvp("passes", signature.passes),
          cereal::make_nvp("kernels", signature.kernels),
          cereal::make_nvp("fusions", signature.fusions),
          cereal::make_nvp("workspace_bytes", signature.workspace_bytes),
          cereal::make_nvp("workspace_formula", signature.workspace_formula),
          cereal::make_nvp("unshared_bytes", signature.unshared_bytes),
          cereal::make_nvp("packed_bytes", signature.packed_bytes),
          cereal::make_nvp("code_bytes", signature.code_bytes),
          cereal::make_nvp("audit", signature.audit), cereal::make_nvp("ms", signature.ms));
}

template <class Archive>
void serialize(Archive& archive, Explanation& explanation) {
  archive(cereal::make_nvp("name", explanation.name), cereal::make_nvp("hits", explanation.hits),
          cereal::make_nvp("misses", explanation.misses),
          cereal::make_nvp("compiles", explanation.compiles),
          cereal::make_nvp("failures", explanation.failures),
          cereal::make_nvp("evictions", explanation.evictions),
          cereal::make_nvp("entries", explanation.entries),
          cereal::make_nvp("bytes", explanation.bytes),
          cereal::make_nvp("last_miss", explanation.last_miss),
          cereal::make_nvp("last_failure", explanation.last_failure),
          cereal::make_nvp("exact_batch", explanation.exact_batch),
          cereal::make_nvp("signatures", explanation.signatures));
}

std::string to_json(const Explanation& explanation) {
  const support::FloatEnvScope environment;
  std::ostringstream out;
  {
    // Few enough digits to read, enough for every time that can be measured.
    const cereal::JSONOutputArchive::Options options(
        6, cereal::JSONOutputArchive::Options::IndentChar::space, 2);
    cereal::JSONOutputArchive archive(out, options);
    Explanation copy = explanation;
    serialize(archive, copy);
  }
  out << "\n";
  return out.str();
}

namespace {

using Text = std::back_insert_iterator<std::string>;

std::string bytes_text(std::size_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  if (bytes < 10'000'000) return fmt::format("{:.1f} KB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string workspace_text(const SignatureSummary& signature) {
  if (signature.workspace_formula.empty()) return bytes_text(signature.workspace_bytes);
  return fmt::format("{} bytes, {} at batch 1", signature.workspace_formula,
                     bytes_text(signature.workspace_bytes));
}

void write_times(Text out, const PhaseTimes& ms) {
  fmt::format_to(out, "    ms       {:.2f}:", ms.total);
  const std::pair<const char*, double> phases[] = {
      {"trace", ms.trace},     {"passes", ms.passes}, {"plan", ms.plan}, {"emit", ms.emit},
      {"codegen", ms.codegen}, {"link", ms.link},     {"load", ms.load}};
  for (const auto& [name, value] : phases) {
    if (value > 0) fmt::format_to(out, " {} {:.2f}", name, value);
  }
  fmt::format_to(out, "\n");
}

void write_signature(Text out, const SignatureSummary& signature) {
  fmt::format_to(out, "  {}: {} hit{}, {} on {}\n", signature.name, signature.hits,
                 signature.hits == 1 ? "" : "s", signature.backend, signature.isa);
  for (const Guard& guard : signature.guards) {
    fmt::format_to(out, "    guard    {} is {}\n", guard.subject, guard.expected);
  }
  for (const std::string& line : signature.audit) {
    fmt::format_to(out, "    audit    {}\n", line);
  }
  for (const PassSummary& pass : signature.passes) {
    fmt::format_to(out, "    pass     {}: {} change{}{}{}{}, {:.3f} ms\n", pass.name, pass.changes,
                   pass.changes == 1 ? "" : "s", pass.ops.empty() ? "" : " (", pass.ops,
                   pass.ops.empty() ? "" : ")", pass.ms);
  }
  if (!signature.kernels.empty()) {
    fmt::format_to(out, "    fusions  {}\n", signature.fusions);
    for (const KernelSummary& kernel : signature.kernels) {
      fmt::format_to(out, "    kernel   {}: {}{}{}\n", kernel.name, kernel.kind,
                     kernel.reason.empty() ? "" : ", ", kernel.reason);
    }
    fmt::format_to(out,
                   "    bytes    workspace {} ({} without reuse), packed weights {}, code {}\n",
                   workspace_text(signature), bytes_text(signature.unshared_bytes),
                   bytes_text(signature.packed_bytes), bytes_text(signature.code_bytes));
  }
  write_times(out, signature.ms);
}

}  // namespace

std::string to_string(const Explanation& explanation) {
  const support::FloatEnvScope environment;
  std::string text;
  const Text out = std::back_inserter(text);
  fmt::format_to(out, "{}: {} hits, {} misses, {} compiles, {} evictions; {} executables of {}\n",
                 explanation.name, explanation.hits, explanation.misses, explanation.compiles,
                 explanation.evictions, explanation.entries, bytes_text(explanation.bytes));
  if (!explanation.last_miss.empty())
    fmt::format_to(out, "  last miss: {}\n", explanation.last_miss);
  if (!explanation.exact_batch.empty())
    fmt::format_to(out, "  exact batch sizes: {}\n", explanation.exact_batch);
  for (const SignatureSummary& signature : explanation.signatures) write_signature(out, signature);
  return text;
}

std::ostream& operator<<(std::ostream& out, const Explanation& explanation) {
  return out << to_string(explanation);
}

}  // namespace mlpjit

namespace mlpjit::jit {

namespace {

// "add -2, constant +1", in the order of the op table.
std::string ops_text(const std::map<ir::Opcode, int>& ops) {
  std::string text;
  for (const auto& [opcode, more] : ops)
    text += fmt::format("{}{} {:+}", text.empty() ? "" : ", ", ir::to_string(opcode), more);
  return text;
}

}  // namespace

SignatureSummary summarize(const Report& report) {
  SignatureSummary summary;
  summary.backend = to_string(report.backend);
  summary.isa = to_string(report.isa);
  for (const passes::PassReport& pass : report.passes)
    summary.passes.push_back({pass.name, pass.changes, pass.ms, ops_text(pass.ops)});
  for (const KernelReport& kernel : report.kernels) {
    summary.kernels.push_back({kernel.name, kernel.kind, kernel.reason});
  }
  summary.fusions = report.fusions;
  summary.workspace_bytes = report.workspace_bytes;
  summary.workspace_formula = report.workspace_formula;
  summary.unshared_bytes = report.unshared_bytes;
  summary.packed_bytes = report.packed_bytes;
  summary.code_bytes = report.code_bytes;
  summary.ms = {.passes = report.passes_ms,
                .plan = report.plan_ms,
                .emit = report.emit_ms,
                .codegen = report.codegen_ms,
                .link = report.link_ms,
                .load = report.load_ms,
                .total = report.total_ms};
  return summary;
}

}  // namespace mlpjit::jit
