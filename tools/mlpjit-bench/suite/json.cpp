// What the suite found, for programs.

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "tools/mlpjit-bench/suite/suite.h"

namespace mlpjit::bench {
namespace {

using JsonWriter = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void field(JsonWriter& to, const char* name, double value) {
  to.Key(name);
  to.Double(value);
}
void field(JsonWriter& to, const char* name, const std::string& value) {
  to.Key(name);
  to.String(value.c_str());
}

void write(JsonWriter& to, const Machine& machine) {
  to.Key("machine");
  to.StartObject();
  field(to, "gflops_f32", machine.gflops_f32);
  field(to, "gflops_f64", machine.gflops_f64);
  to.Key("bandwidth");
  to.StartArray();
  for (const Bandwidth& each : machine.bandwidth) {
    to.StartObject();
    field(to, "bytes", static_cast<double>(each.bytes));
    field(to, "gb_per_s", each.gb_per_s);
    to.EndObject();
  }
  to.EndArray();
  to.EndObject();
}

void write_timings(JsonWriter& to, const Measured& one) {
  to.Key("same_bits");
  to.Bool(one.same_bits);
  to.Key("timings");
  to.StartArray();
  for (const Timing& timing : one.timings) {
    to.StartObject();
    field(to, "name", timing.name);
    to.Key("peer");
    to.Bool(timing.peer);
    field(to, "min_us", timing.minimum);
    field(to, "p50_us", timing.p50);
    field(to, "p99_us", timing.p99);
    to.EndObject();
  }
  to.EndArray();
}

void write(JsonWriter& to, const CaseResult& one) {
  to.StartObject();
  field(to, "case", one.measured.name());
  field(to, "flops", one.measured.flops());
  field(to, "bytes", one.measured.bytes());
  field(to, "limit_us", one.limit.microseconds());
  field(to, "limited_by", one.limit.what());
  field(to, "compile_ms", one.compile.cold);
  field(to, "one_row_more_ms", one.compile.one_row_more);
  field(to, "twice_the_rows_ms", one.compile.twice_the_rows);
  field(to, "compiled_again_ms", one.compile.again);
  write_timings(to, one);
  to.EndObject();
}

void write(JsonWriter& to, const KernelResult& one) {
  to.StartObject();
  field(to, "kernel", one.measured.name);
  field(to, "flops", one.measured.flops);
  field(to, "bytes", one.measured.bytes());
  field(to, "limit_us", one.limit());
  field(to, "limited_by", one.limited_by());
  write_timings(to, one);
  to.EndObject();
}

}  // namespace

std::string suite_json(const SuiteResult& result) {
  rapidjson::StringBuffer buffer;
  JsonWriter to(buffer);
  to.SetMaxDecimalPlaces(4);
  to.StartObject();
  field(to, "processor", result.processor);
  field(to, "isa", result.isa);
  field(to, "peers", result.peers);
  field(to, "call_ns", result.call_ns);
  field(to, "bound_call_ns", result.bound_call_ns);
  to.Key("round_trips");
  to.StartArray();
  for (const auto& [lines, ns] : result.round_trips) {
    to.StartObject();
    field(to, "lines", lines);
    field(to, "ns", ns);
    to.EndObject();
  }
  to.EndArray();
  write(to, result.machine);
  to.Key("cases");
  to.StartArray();
  for (const CaseResult& one : result.cases) write(to, one);
  to.EndArray();
  to.Key("kernels");
  to.StartArray();
  for (const KernelResult& one : result.kernels) write(to, one);
  to.EndArray();
  to.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace mlpjit::bench
