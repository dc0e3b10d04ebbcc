// The limits of docs/formats.md, each at the last value that is accepted and at the first that is
// not: a limit that is off by one refuses a model that another reader takes, or lets a hostile file
// further than was thought through.

#include <gtest/gtest.h>

#include <cstring>

#include "mlpjit/mlpjit.h"
#include "src/model/json.h"
#include "test/unit/model/temporary_folder.h"
#include "test/unit/nn/modes.h"

namespace mlpjit {
namespace {

using test::error_of;
using test::expect_mentions;

detail::Json json_of(std::string text) {
  return detail::parse_json({"m.json", std::move(text)});
}
void expect_json_refused(const std::string& text, const std::vector<std::string>& parts) {
  expect_mentions(error_of<FormatError>([&] { json_of(text); }), parts);
}

std::string repeated(const std::string& text, std::size_t count) {
  std::string all;
  all.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST(JsonLimits, ValuesNest512Deep) {
  const auto arrays = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  const auto objects = [](std::size_t depth) {
    return repeated("{\"a\":", depth - 1) + "{}" + std::string(depth - 1, '}');
  };
  const auto mixed = [](std::size_t pairs) {
    return repeated("{\"a\":[", pairs) + "1" + repeated("]}", pairs);
  };
  EXPECT_NE(json_of(arrays(512)).array(), nullptr);
  EXPECT_NE(json_of(objects(512)).object(), nullptr);
  EXPECT_NE(json_of(mixed(256)).object(), nullptr);
  EXPECT_NE(json_of("[" + arrays(511) + "," + arrays(511) + "]").array(), nullptr);
  expect_json_refused(arrays(513), {"m.json:1:513", "512 deep"});
  expect_json_refused(objects(513), {"512 deep"});
  expect_json_refused(mixed(256).replace(6 * 256, 1, "[1]"), {"512 deep"});
  expect_json_refused("[" + arrays(511) + "," + arrays(512) + "]", {"512 deep"});
}

TEST(JsonLimits, AFileHas2097152Values) {
  constexpr std::size_t kMost = 2097152;  // the array itself is one of them
  const auto array = [](std::size_t values) { return "[" + repeated("0,", values - 2) + "0]"; };
  EXPECT_EQ(json_of(array(kMost)).array()->size(), kMost - 1);
  expect_json_refused(array(kMost + 1), {"2097152 values"});
  // Names are no values, what they stand for is.
  const std::string object = "{\"a\":null,\"b\":[true,\"x\"]}";  // five values
  EXPECT_NO_THROW(json_of("[" + object + "," + repeated("0,", kMost - 7) + "0]"));
  expect_json_refused("[" + object + "," + repeated("0,", kMost - 6) + "0]", {"2097152 values"});
}

TEST(JsonLimits, ATextHas64MiB) {
  constexpr std::size_t kMost = std::size_t{64} << 20;
  std::string text = "[1]" + std::string(kMost - 3, ' ');
  EXPECT_EQ(json_of(text).array()->size(), 1u);
  text += ' ';
  expect_json_refused(text, {"m.json", "67108864", "67108865"});
}

class SymbolLimits : public test::TemporaryFolder {
 protected:
  nn::SymbolBlock model(const std::string& members) const {
    test::write_bytes(path("m.json"),
                      R"({"format": "mlpjit-symbol", "schema_version": 1, "numerics_version": )" +
                          std::to_string(kNumericsVersion) + ", " + members + "}");
    save_safetensors(path("m.params"), {});
    return nn::SymbolBlock::imports(path("m.json"), path("m.params"));
  }
  void expect_refused(const std::string& members, const std::vector<std::string>& parts) const {
    expect_mentions(error_of<FormatError>([&] { model(members); }), parts);
  }
};

const std::string kScalar = R"("inputs": [{"name": "x", "dtype": "f32", "shape": []}])";
const std::string kHead = R"("heads": [{"name": "y", "value": "y"}])";

std::string function(const std::string& name, const std::string& nodes) {
  return R"({"name": ")" + name + R"(", )" + kScalar + R"(, "nodes": [)" + nodes +
         R"(], "results": ["y"]})";
}
std::string node(const std::string& name, const std::string& input) {
  return R"({"op": "negative", "name": ")" + name + R"(", "inputs": [")" + input + R"("]})";
}
std::string call(const std::string& callee, const std::string& name, const std::string& input) {
  return R"({"op": "call", "name": ")" + name + R"(", "inputs": [")" + input +
         R"("], "attributes": {"callee": ")" + callee + R"("}})";
}

TEST_F(SymbolLimits, AFileHas1024Functions) {
  const auto file = [](std::size_t count) {
    std::string functions = function("f0", node("y", "x"));
    for (std::size_t i = 1; i < count; ++i)
      functions += ", " + function("f" + std::to_string(i), node("y", "x"));
    return kScalar + R"(, "nodes": [)" + call("f0", "y", "x") + "], " + kHead +
           R"(, "functions": [)" + functions + "]";
  };
  EXPECT_EQ(model(file(1024))(tensor(2.f)).item<float>(), -2);
  expect_refused(file(1025), {"1024 functions", "1025"});
}

TEST_F(SymbolLimits, AFunctionHas65536Inputs) {
  const auto file = [](std::size_t count) {
    std::string inputs = R"({"name": "x", "dtype": "f32", "shape": []})";
    for (std::size_t i = 1; i < count; ++i)
      inputs += R"(,{"name": "i)" + std::to_string(i) + R"(", "dtype": "f32", "shape": []})";
    return R"("inputs": [)" + inputs + R"(], "nodes": [)" + node("y", "x") + "], " + kHead;
  };
  EXPECT_EQ(model(file(65536)).input_names().size(), 65536u);
  expect_refused(file(65537), {"65536 inputs", "65537"});
}

TEST_F(SymbolLimits, RegionsNest64Deep) {
  const auto file = [](std::size_t depth) {
    std::string open, close;
    for (std::size_t i = 0; i < depth; ++i) {
      const std::string name = i == 0 ? "y" : "r" + std::to_string(i);
      open += R"({"op": "cond", "name": ")" + name +
              R"(", "inputs": ["p"], "regions": [{"nodes": [], "results": ["p"]}, {"nodes": [)";
      close = R"(], "results": [")" +
              (i + 1 < depth ? "r" + std::to_string(i + 1) : std::string("p")) + R"("]}]})" + close;
    }
    return R"("inputs": [{"name": "p", "dtype": "bool", "shape": []}], "nodes": [)" + open + close +
           "], " + kHead;
  };
  EXPECT_EQ(model(file(64))(tensor(true)).item<bool>(), true);
  expect_refused(file(65), {"64 deep"});
}

TEST_F(SymbolLimits, CallsNest256Deep) {
  const auto file = [](std::size_t depth) {
    std::string functions = function("f1", node("y", "x"));
    for (std::size_t i = 2; i <= depth; ++i) {
      functions +=
          ", " + function("f" + std::to_string(i), call("f" + std::to_string(i - 1), "y", "x"));
    }
    return kScalar + R"(, "nodes": [)" + call("f" + std::to_string(depth), "y", "x") + "], " +
           kHead + R"(, "functions": [)" + functions + "]";
  };
  EXPECT_EQ(model(file(256))(tensor(2.f)).item<float>(), -2);
  expect_refused(file(257), {"256"});
}

// Each function calls the one before twice: one of k such steps above two nodes has 2^(k + 2) - 2
// nodes when all calls are written out.
TEST_F(SymbolLimits, AProgramHas4194304NodesWrittenOut) {
  const auto file = [](std::size_t more) {
    std::string functions = function("f0", node("a", "x") + ", " + node("y", "a"));
    for (int i = 1; i <= 20; ++i) {
      const std::string before = "f" + std::to_string(i - 1);
      functions += ", " + function("f" + std::to_string(i),
                                   call(before, "a", "x") + ", " + call(before, "y", "a"));
    }
    std::string nodes = call("f20", more == 0 ? "y" : "n0", "x");
    for (std::size_t i = 1; i <= more; ++i) {
      nodes += ", " + node(i == more ? "y" : "n" + std::to_string(i), "n" + std::to_string(i - 1));
    }
    return kScalar + R"(, "nodes": [)" + nodes + "], " + kHead + R"(, "functions": [)" + functions +
           "]";
  };
  EXPECT_NO_THROW(model(file(1)));
  expect_refused(file(2), {"4194304 nodes"});
}

std::vector<std::byte> safetensors(const std::string& header, std::size_t data) {
  std::vector<std::byte> bytes(8 + header.size() + data);
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, sizeof length);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}
void expect_header_refused(const std::string& header, std::size_t data,
                           const std::vector<std::string>& parts) {
  const auto bytes = safetensors(header, data);
  expect_mentions(error_of<FormatError>([&] { parse_safetensors(bytes); }), parts);
}

TEST(SafetensorsLimits, AHeaderHas100000000Bytes) {
  const std::string one = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  std::string header = one + std::string(100'000'000 - one.size(), ' ');
  EXPECT_EQ(parse_safetensors(safetensors(header, 4)).size(), 1u);
  header += ' ';
  expect_header_refused(header, 4, {"100000001", "100000000"});
  // As many bytes as there are, and one more than that.
  auto bytes = safetensors("{}", 0);
  EXPECT_TRUE(parse_safetensors(bytes).empty());
  bytes[0] = std::byte{3};
  expect_mentions(error_of<FormatError>([&] { parse_safetensors(bytes); }),
                  {"length is 3", "at most 2"});
}

TEST(SafetensorsLimits, AHeaderNestsThreeDeep) {
  const auto with = [](const std::string& shape) {
    return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,4]}})";
  };
  EXPECT_EQ(parse_safetensors(safetensors(with("[1]"), 4)).size(), 1u);
  expect_header_refused(with("[[1]]"), 4, {"'shape' is an array"});
  expect_header_refused(R"({"__metadata__":{"a":{}}})", 0, {"strings"});
  expect_header_refused(std::string(513, '['), 0, {"an object"});
  expect_header_refused(repeated("{\"a\":", 513), 0, {"nothing else"});
}

TEST(SafetensorsLimits, TensorsHave8SizesAndCoverTheDataExactly) {
  const auto one = [](const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  EXPECT_EQ(parse_safetensors(safetensors(one("[1,1,1,1,1,1,1,2]", "[0,8]"), 8))["a"].rank(), 8);
  expect_header_refused(one("[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, {"at most 8"});
  expect_header_refused(one("[2]", "[0,7]"), 8, {"takes 8 bytes"});
  expect_header_refused(one("[2]", "[0,9]"), 8, {"lie outside the 8 bytes"});
  expect_header_refused(one("[2]", "[1,9]"), 9, {"begin at byte", "no tensor"});
  expect_header_refused(one("[2]", "[0,8]"), 9, {"1 bytes more"});
  expect_header_refused(one("[2]", "[0]"), 8, {"two numbers"});
  expect_header_refused(one("[2]", "[0,8,8]"), 8, {"two numbers"});
  expect_header_refused(one("[9223372036854775808]", "[0,8]"), 8, {"below 2^63"});
  expect_header_refused(one("[4611686018427387904]", "[0,8]"), 8, {"too large"});
  const std::string two = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                          R"("b":{"dtype":"F32","shape":[1],"data_offsets":[)";
  EXPECT_EQ(parse_safetensors(safetensors(two + "8,12]}}", 12)).size(), 2u);
  expect_header_refused(two + "7,11]}}", 12, {"'b'", "overlap"});
  expect_header_refused(two + "9,13]}}", 13, {"'b'", "no tensor"});
}

}  // namespace
}  // namespace mlpjit
