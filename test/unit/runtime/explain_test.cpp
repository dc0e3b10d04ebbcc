#include "lib/runtime/explain.h"
#include "lib/ir/opcodes.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <sstream>

namespace mlpjit {
namespace {

Explanation example() {
  Explanation explanation;
  explanation.name = "net \"a\"\n";
  explanation.hits = 41;
  explanation.misses = 2;
  explanation.compiles = 2;
  explanation.entries = 1;
  explanation.failures = 1;
  explanation.last_failure = "item: \"x\"\x01";
  explanation.bytes = 123'456;
  explanation.last_miss = "argument 0: f32[1, 512] became f32[2, 512]";
  explanation.exact_batch = "a size is read";
  SignatureSummary signature;
  signature.name = "f32[2, 512]";
  signature.hits = 1;
  signature.guards = {{"argument 0", "f32[2, 512]"}, {"training", "false"}};
  signature.backend = "native";
  signature.isa = "avx2";
  signature.passes = {{"fold", 3, 0.25, "add -2, constant +1"}};
  signature.kernels = {{"0.dense", "dense", "4 x 2 panels", "dense, relu"},
                       {"a\nb.gather", "library", "library: no kernel of its own"}};
  signature.fusions = 1;
  signature.row_block = 48;
  signature.workspace_bytes = 64;
  signature.workspace_formula = "64*B";
  signature.unshared_bytes = 128;
  signature.packed_bytes = 2048;
  signature.code_bytes = 777;
  signature.reused_functions = 3;
  signature.audit = {"0.dense: the constant 3 became 4"};
  signature.ms.total = 12.5;
  signature.ms.codegen = 10;
  explanation.signatures.push_back(signature);
  return explanation;
}

TEST(Explain, JsonHoldsEveryMemberUnderItsName) {
  rapidjson::Document json;
  const std::string text = to_json(example());
  json.Parse(text.c_str());
  ASSERT_FALSE(json.HasParseError()) << text;
  EXPECT_STREQ(json["name"].GetString(), "net \"a\"\n");
  EXPECT_EQ(json["hits"].GetUint64(), 41u);
  EXPECT_EQ(json["bytes"].GetUint64(), 123'456u);
  const auto& signature = json["signatures"][0];
  EXPECT_STREQ(signature["guards"][1]["subject"].GetString(), "training");
  EXPECT_EQ(signature["passes"][0]["changes"].GetInt(), 3);
  EXPECT_STREQ(signature["passes"][0]["ops"].GetString(), "add -2, constant +1");
  EXPECT_STREQ(signature["kernels"][0]["kind"].GetString(), "dense");
  EXPECT_STREQ(signature["kernels"][0]["fused"].GetString(), "dense, relu");
  EXPECT_EQ(signature["reused_functions"].GetUint64(), 3u);
  EXPECT_EQ(signature["packed_bytes"].GetUint64(), 2048u);
  EXPECT_DOUBLE_EQ(signature["ms"]["total"].GetDouble(), 12.5);
  EXPECT_EQ(json["failures"].GetUint64(), 1u);
  EXPECT_STREQ(json["last_failure"].GetString(), "item: \"x\"\x01");
  EXPECT_EQ(json.MemberCount(), 12u);
  EXPECT_STREQ(signature["audit"][0].GetString(), "0.dense: the constant 3 became 4");
  EXPECT_STREQ(signature["workspace_formula"].GetString(), "64*B");
  EXPECT_STREQ(json["exact_batch"].GetString(), "a size is read");
  EXPECT_EQ(signature["row_block"].GetInt64(), 48);
  EXPECT_EQ(signature.MemberCount(), 17u);
}

TEST(Explain, JsonIsUtf8WhateverLayersAreCalled) {
  const auto name_of = [](const std::string& name) {
    Explanation explanation;
    explanation.name = name;
    rapidjson::Document json;
    const std::string text = to_json(explanation);
    json.Parse<rapidjson::kParseValidateEncodingFlag>(text.c_str());
    return json.HasParseError() ? "no JSON: " + text : std::string(json["name"].GetString());
  };
  for (const char* good : {"caf\u00e9", "\u20ac", "\U0001f600", "\"\\/\b\f\x1f\x7f", "\ud7ff"})
    EXPECT_EQ(name_of(good), good);
  const std::string unknown = "\ufffd";
  EXPECT_EQ(name_of("a\xff"
                    "b"),
            "a" + unknown + "b");
  EXPECT_EQ(name_of("\xc3"), unknown);
  EXPECT_EQ(name_of("\xc3"
                    "a"),
            unknown + "a");
  EXPECT_EQ(name_of("\xe2\x82"), unknown + unknown);
  EXPECT_EQ(name_of("\xc0\xaf"), unknown + unknown);                // overlong
  EXPECT_EQ(name_of("\xed\xa0\x80"), unknown + unknown + unknown);  // a surrogate
  EXPECT_EQ(name_of("\xf5\x80\x80\x80"), unknown + unknown + unknown + unknown);
}

TEST(Explain, NothingCompiledIsAnEmptyList) {
  rapidjson::Document json;
  json.Parse(to_json(Explanation{}).c_str());
  ASSERT_FALSE(json.HasParseError());
  EXPECT_TRUE(json["signatures"].IsArray());
  EXPECT_TRUE(json["signatures"].Empty());
}

TEST(Explain, TextNamesGuardsPassesKernelsBytesAndTimes) {
  std::ostringstream out;
  out << example();
  for (const char* part :
       {"41 hits", "last miss: argument 0", "guard    training is false",
        "fold: 3 changes (add -2, constant +1), 0.250 ms", "rows     48 at a time\n",
        "kernel   0.dense (dense, relu): dense, 4 x 2 panels\n",
        "kernel   a\\nb.gather: library: no kernel of its own\n", "net \"a\"\\n: 41 hits, 2 misses",
        "1 failure, the last one: item: \"x\"\\x01\n", "0 evictions; 1 executable of",
        "audit    0.dense: the constant",
        "workspace 64*B bytes, 64 B at batch 1 (128 B without reuse)",
        "code 777 B and 3 functions of programs before\n", "exact batch sizes: a size is read",
        "12.50: codegen 10.00"}) {
    EXPECT_NE(out.str().find(part), std::string::npos) << part << " in\n" << out.str();
  }
}

TEST(Explain, AReportBecomesASummary) {
  runtime::Report report;
  report.isa = support::Isa::avx512;
  report.kernels = {{"a", "row", "why", {ir::Opcode::exp, ir::Opcode::softmax}},
                    {"b", "elementwise", "", std::vector(14, ir::Opcode::add)}};
  report.passes = {{"cse", 2, 0.5, {{ir::Opcode::add, -2}, {ir::Opcode::constant, 1}}}};
  report.packed_bytes = 9;
  report.link_ms = 0.125;
  const SignatureSummary summary = runtime::summarize(report);
  EXPECT_EQ(summary.backend, "native");
  EXPECT_EQ(summary.isa, "avx512");
  EXPECT_EQ(summary.kernels.at(0).reason, "why");
  EXPECT_EQ(summary.kernels.at(0).fused, "exp, softmax");
  EXPECT_TRUE(summary.kernels.at(1).fused.ends_with("add, add and 2 more"));
  EXPECT_EQ(summary.passes.at(0).changes, 2);
  EXPECT_NE(summary.passes.at(0).ops.find("add -2"), std::string::npos);
  EXPECT_NE(summary.passes.at(0).ops.find("constant +1"), std::string::npos);
  EXPECT_EQ(summary.packed_bytes, 9u);
  EXPECT_EQ(summary.ms.link, 0.125);
}

}  // namespace
}  // namespace mlpjit
