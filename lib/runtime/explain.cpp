#include "lib/runtime/explain.h"

#include <fmt/format.h>

#include <algorithm>
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
          cereal::make_nvp("reason", kernel.reason), cereal::make_nvp("fused", kernel.fused));
}

template <class Archive>
void serialize(Archive& archive, PhaseTimes& ms) {
  archive(cereal::make_nvp("trace", ms.trace), cereal::make_nvp("passes", ms.passes),
          cereal::make_nvp("plan", ms.plan), cereal::make_nvp("lower", ms.lower),
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
          cereal::make_nvp("row_block", signature.row_block),
          cereal::make_nvp("workspace_bytes", signature.workspace_bytes),
          cereal::make_nvp("workspace_formula", signature.workspace_formula),
          cereal::make_nvp("unshared_bytes", signature.unshared_bytes),
          cereal::make_nvp("packed_bytes", signature.packed_bytes),
          cereal::make_nvp("code_bytes", signature.code_bytes),
          cereal::make_nvp("reused_functions", signature.reused_functions),
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

namespace {

// Bytes of the UTF-8 sequence at `at`; 0 where there is none (RFC 3629).
std::size_t utf8_length(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const unsigned lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < lowest || byte(1) > highest) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// JSON is UTF-8, names of layers are any bytes: what is no text becomes U+FFFD.
std::string as_utf8(const std::string& text) {
  std::string valid;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    valid += length == 0 ? "\xef\xbf\xbd" : text.substr(at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return valid;
}

}  // namespace

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
  return as_utf8(out.str());
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
      {"trace", ms.trace},     {"passes", ms.passes}, {"plan", ms.plan}, {"lower", ms.lower},
      {"codegen", ms.codegen}, {"link", ms.link},     {"load", ms.load}};
  for (const auto& [name, value] : phases) {
    if (value >= 0.005) fmt::format_to(out, " {} {:.2f}", name, value);
  }
  fmt::format_to(out, "\n");
}

// Names of layers and texts of errors are anybody's: what would break a line is written as in C++.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\t') {
      line += "\\t";
    } else if (code < 0x20 || code == 0x7f) {
      line += fmt::format("\\x{:02x}", code);
    } else {
      line += c;
    }
  }
  return line;
}

// "1 hit", "2 hits".
std::string counted(std::uint64_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

void write_kernel(Text out, const KernelSummary& kernel) {
  // The planner's texts begin with "library: " themselves.
  const std::string kind = kernel.kind + ": ";
  const bool said = kernel.reason.starts_with(kind);
  fmt::format_to(out, "    kernel   {}{}{}{}: {}{}{}\n", one_line(kernel.name),
                 kernel.fused.empty() ? "" : " (", kernel.fused, kernel.fused.empty() ? "" : ")",
                 said ? "" : kernel.kind, said || kernel.reason.empty() ? "" : ", ", kernel.reason);
}

void write_signature(Text out, const SignatureSummary& signature) {
  fmt::format_to(out, "  {}: {}, {} on {}\n", one_line(signature.name),
                 counted(signature.hits, "hit", "hits"), signature.backend, signature.isa);
  for (const Guard& guard : signature.guards) {
    fmt::format_to(out, "    guard    {} is {}\n", one_line(guard.subject), guard.expected);
  }
  for (const std::string& line : signature.audit) {
    fmt::format_to(out, "    audit    {}\n", one_line(line));
  }
  for (const PassSummary& pass : signature.passes) {
    fmt::format_to(out, "    pass     {}: {}{}{}{}, {:.3f} ms\n", pass.name,
                   counted(static_cast<std::uint64_t>(pass.changes), "change", "changes"),
                   pass.ops.empty() ? "" : " (", pass.ops, pass.ops.empty() ? "" : ")", pass.ms);
  }
  if (!signature.kernels.empty()) {
    fmt::format_to(out, "    fusions  {}\n", signature.fusions);
    if (signature.row_block > 0)
      fmt::format_to(out, "    rows     {} at a time\n", signature.row_block);
    for (const KernelSummary& kernel : signature.kernels) write_kernel(out, kernel);
    fmt::format_to(out,
                   "    bytes    workspace {} ({} without reuse), packed weights {}, code {}{}\n",
                   workspace_text(signature), bytes_text(signature.unshared_bytes),
                   bytes_text(signature.packed_bytes), bytes_text(signature.code_bytes),
                   signature.reused_functions == 0
                       ? ""
                       : " and " + counted(signature.reused_functions, "function", "functions") +
                             " of programs before");
  }
  write_times(out, signature.ms);
}

}  // namespace

std::string to_string(const Explanation& explanation) {
  const support::FloatEnvScope environment;
  std::string text;
  const Text out = std::back_inserter(text);
  fmt::format_to(
      out, "{}: {}, {}, {}, {}; {} of {}\n", one_line(explanation.name),
      counted(explanation.hits, "hit", "hits"), counted(explanation.misses, "miss", "misses"),
      counted(explanation.compiles, "compile", "compiles"),
      counted(explanation.evictions, "eviction", "evictions"),
      counted(explanation.entries, "executable", "executables"), bytes_text(explanation.bytes));
  if (!explanation.last_miss.empty())
    fmt::format_to(out, "  last miss: {}\n", one_line(explanation.last_miss));
  if (explanation.failures > 0) {
    fmt::format_to(out, "  {}, the last one: {}\n",
                   counted(explanation.failures, "failure", "failures"),
                   one_line(explanation.last_failure));
  }
  if (!explanation.exact_batch.empty())
    fmt::format_to(out, "  exact batch sizes: {}\n", one_line(explanation.exact_batch));
  for (const SignatureSummary& signature : explanation.signatures) write_signature(out, signature);
  return text;
}

std::ostream& operator<<(std::ostream& out, const Explanation& explanation) {
  return out << to_string(explanation);
}

}  // namespace mlpjit

namespace mlpjit::runtime {

namespace {

// "dense, relu"; of long ones the start.
std::string fused_text(const std::vector<ir::Opcode>& ops) {
  constexpr std::size_t kMost = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(ops.size(), kMost); ++i)
    text += fmt::format("{}{}", text.empty() ? "" : ", ", ir::to_string(ops[i]));
  if (ops.size() > kMost) text += fmt::format(" and {} more", ops.size() - kMost);
  return text;
}

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
    summary.kernels.push_back({kernel.name, kernel.kind, kernel.reason, fused_text(kernel.fused)});
  }
  summary.fusions = report.fusions;
  summary.row_block = report.row_block;
  summary.workspace_bytes = report.workspace_bytes;
  summary.workspace_formula = report.workspace_formula;
  summary.unshared_bytes = report.unshared_bytes;
  summary.packed_bytes = report.packed_bytes;
  summary.code_bytes = report.code_bytes;
  summary.reused_functions = report.reused_functions;
  summary.ms = {.passes = report.passes_ms,
                .plan = report.plan_ms,
                .lower = report.emit_ms,
                .codegen = report.codegen_ms,
                .link = report.link_ms,
                .load = report.load_ms,
                .total = report.total_ms};
  return summary;
}

void tell(const CacheStats& stats, Explanation& explanation) {
  explanation.hits = stats.hits;
  explanation.misses = stats.misses;
  explanation.compiles = stats.compiles;
  explanation.failures = stats.failures;
  explanation.evictions = stats.evictions;
  explanation.entries = stats.entries;
  explanation.bytes = stats.bytes;
}

}  // namespace mlpjit::runtime
