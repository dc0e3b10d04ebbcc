#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "mlpjit/mlpjit.h"
#include "test/unit/model/temporary_folder.h"
#include "test/unit/nn/modes.h"

namespace mlpjit {
namespace {

namespace fs = std::filesystem;

using test::bytes_of;
using test::error_of;
using test::expect_mentions;
using test::write_bytes;
using Safetensors = test::TemporaryFolder;
using ParameterFiles = test::TemporaryFolder;

std::string file_of(const std::string& header, const std::string& data = "") {
  std::string bytes(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}
TensorMap parse(const std::string& bytes, const SafetensorsOptions& options = {}) {
  return parse_safetensors(std::as_bytes(std::span(bytes)), options, "f");
}
void expect_refused(const std::string& bytes, const std::vector<std::string>& parts) {
  try {
    parse(bytes);
    ADD_FAILURE() << "taken: " << bytes.substr(8);
  } catch (const FormatError& error) {
    const std::string text = error.what();
    for (const std::string& part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  }
}

TensorMap one_of_each() {
  TensorMap tensors{{"flags", tensor({true, false, true})},
                    {"scalar", tensor(2.5)},
                    {"a", tensor({{1.f, -0.f}, {3.f, 4.f}, {5.f, 6.f}})},
                    {"empty", zeros({0, 7})},
                    {"i32", tensor({1, -2})},
                    {"long \"name\" \xc3\xa9", tensor({std::int64_t{1} << 40})}};
  tensors.metadata = {{"author", "someone"}, {"x", "\n\t\""}};
  return tensors;
}

TEST_F(Safetensors, ComeBackAsTheyWere) {
  const TensorMap tensors = one_of_each();
  save_safetensors(path("t"), tensors);
  EXPECT_EQ(file_count(), 1U) << "no temporary stays";
  const TensorMap back = load_safetensors(path("t"));
  ASSERT_EQ(back.size(), tensors.size());
  auto expected = tensors.begin();
  for (const auto& [name, value] : back) {
    EXPECT_EQ(name, expected->first);
    EXPECT_TRUE(identical(value, expected->second)) << name;
    ++expected;
  }
  EXPECT_EQ(back.metadata, tensors.metadata);
  save_safetensors(path("u"), back);
  EXPECT_EQ(bytes_of(path("t")), bytes_of(path("u")));
}

TEST_F(Safetensors, AreAMapFromNamesToTensors) {
  TensorMap tensors(std::map<std::string, Tensor>{{"b", ones({2})}, {"a", zeros({1})}});
  tensors["c"] = full({1}, 3.0);
  EXPECT_EQ(tensors.size(), 3U);
  EXPECT_TRUE(tensors.contains("c"));
  EXPECT_TRUE(identical(tensors.at("b"), ones({2})));
  try {
    static_cast<const TensorMap&>(tensors).at("d");
    FAIL();
  } catch (const ParameterError& error) {
    EXPECT_STREQ(error.what(), "no tensor 'd'; there are: a, b, c");
  }
}

TEST_F(Safetensors, StartTheirDataAligned) {
  save_safetensors(path("t"), one_of_each());
  std::uint64_t length = 0;
  const std::string bytes = bytes_of(path("t"));
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0U);
}

TEST_F(Safetensors, ReadHalfPrecisionAsF32OnRequest) {
  const std::string header = R"({"h":{"dtype":"F16","shape":[8],"data_offsets":[0,16]},)"
                             R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[16,20]}})";
  const std::uint16_t data[] = {0x3C00, 0xC000, 0x0001, 0x03FF, 0x8000,
                                0x7C00, 0x7BFF, 0x0400, 0x3F80, 0xC040};
  const std::string bytes =
      file_of(header, std::string(reinterpret_cast<const char*>(data), sizeof data));
  const TensorMap tensors = parse(bytes, {.cast = true});
  EXPECT_EQ(tensors.at("h").to_vector<float>(),
            (std::vector<float>{1, -2, 0x1p-24F, 0x1.ff8p-15F, -0.0F, INFINITY, 65504, 0x1p-14F}));
  EXPECT_TRUE(std::signbit(tensors.at("h").to_vector<float>()[4]));
  EXPECT_EQ(tensors.at("b").to_vector<float>(), (std::vector<float>{1, -3}));
  expect_refused(bytes, {"'h'", "F16", ".cast = true"});
}

TEST_F(Safetensors, RefuseMalformedHeadersAndSayWhere) {
  const std::string four(4, '\0');
  const auto one = [](const std::string& body) {
    return file_of("{\"a\":" + body + "}", std::string(4, '\0'));
  };
  EXPECT_EQ(parse(one(R"({"dtype":"F32","shape":[],"data_offsets":[0,4]})")).size(), 1U);
  EXPECT_EQ(parse(file_of("{}   ")).size(), 0U);
  expect_refused("", {"f: byte 0", "8 bytes"});
  expect_refused(std::string(8, '\xff'), {"header's length"});
  expect_refused(file_of(""), {"byte 8"});
  expect_refused(file_of("[]"), {"byte ", "an object"});
  expect_refused(file_of("{} x"), {"byte "});
  expect_refused(file_of(std::string("{}\0", 3)), {"byte 10"});
  expect_refused(file_of("{}", four), {"byte 10", "4 bytes more"});
  expect_refused(file_of(R"({"a":1})"), {"a tensor is an object"});
  expect_refused(file_of(std::string(2'000'000, '[')), {"an object"});
  expect_refused(file_of("{\"a\":" + std::string(2'000'000, '{')), {"header"});
  expect_refused(one(R"({"dtype":"F32","shape":[],"data_offsets":[0,4],"more":1})"),
                 {"nothing else"});
  expect_refused(one(R"({"dtype":"F32","shape":[]})"), {"data_offsets"});
  expect_refused(one(R"({"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]})"),
                 {"'dtype' appears twice"});
  expect_refused(one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"),
                 {"non-negative integers"});
  expect_refused(one(R"({"dtype":"F32","shape":[1.5],"data_offsets":[0,4]})"),
                 {"non-negative integers"});
  expect_refused(one(R"({"dtype":"F32","shape":[[1]],"data_offsets":[0,4]})"),
                 {"non-negative integers"});
  expect_refused(one(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]})"),
                 {"dimensions"});
  expect_refused(one(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]})"),
                 {"2^63"});
  expect_refused(one(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]})"),
                 {"too large"});
  expect_refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"),
                 {"takes 8 bytes", "give 4"});
  expect_refused(one(R"({"dtype":"F32","shape":[],"data_offsets":[0]})"), {"two numbers"});
  expect_refused(one(R"({"dtype":"F32","shape":[],"data_offsets":[0,4,4]})"), {"two numbers"});
  expect_refused(one(R"({"dtype":"F32","shape":[],"data_offsets":[4,0]})"), {"outside"});
  expect_refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"),
                 {"outside the 4 bytes"});
  expect_refused(one(R"({"dtype":"F99","shape":[],"data_offsets":[0,4]})"),
                 {"unknown dtype 'F99'"});
  expect_refused(one(R"({"dtype":"I8","shape":[4],"data_offsets":[0,4]})"), {"I8", "expected F32"});
  expect_refused(one(R"({"dtype":"F32","shape":[0],"data_offsets":[0,0]})"), {"4 bytes more"});
  expect_refused(file_of(R"({"__metadata__":{"a":1}})"), {"are strings"});
  expect_refused(file_of(R"({"__metadata__":{"a":"1","a":"2"}})"), {"'a' appears twice"});
  const std::string twice = R"("a":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]})";
  expect_refused(file_of("{" + twice + "," + twice + "}", four), {"'a' appears twice"});
  const std::string other = R"("b":{"dtype":"BOOL","shape":[2],"data_offsets":[2,4]})";
  expect_refused(file_of("{" + twice + "," + other + "}", four), {"'b'", "overlap"});
  expect_refused(file_of("{" + other + "}", four), {"belong to no tensor"});
  expect_refused(file_of("{" + twice + "}", std::string("\0\1\2\1", 4)),
                 {"expected 0 or 1", "found 2"});
  expect_refused(file_of("{\"\xff\":1}"), {"byte "});
}

TEST_F(Safetensors, SurviveEveryTruncationAndEverySingleByteChange) {
  save_safetensors(path("t"), one_of_each());
  const std::string good = bytes_of(path("t"));
  std::size_t refused = 0;
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(parse(good.substr(0, length)), FormatError) << length;
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bytes = good;
    for (int value = 0; value < 256; ++value) {
      bytes[i] = static_cast<char>(value);
      try {
        parse(bytes);
      } catch (const FormatError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, good.size() * 50);
  EXPECT_THROW(parse(good + "x"), FormatError);
}

TEST_F(Safetensors, RefuseWhatIsNoFile) {
  EXPECT_THROW(load_safetensors(path("absent")), FormatError);
  EXPECT_THROW(load_safetensors(folder_.string()), FormatError);
  EXPECT_THROW(load_safetensors("/dev/zero"), FormatError);
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_THROW(load_safetensors(path("pipe")), FormatError);
}

TEST_F(Safetensors, LeaveTheOldFileWhenTheNewOneCannotBeWritten) {
  write_bytes(path("t"), "old");
  TensorMap undefined;
  undefined["x"];
  EXPECT_THROW(save_safetensors(path("t"), undefined), UserError);
  EXPECT_THROW(save_safetensors(path("t"), {{"\xff", ones({1})}}), UserError);
  EXPECT_THROW(save_safetensors(path("t"), {{"__metadata__", ones({1})}}), UserError);
  EXPECT_EQ(bytes_of(path("t")), "old");
  EXPECT_THROW(save_safetensors(path("no/such/folder"), {{"x", ones({1})}}), UserError);
  fs::create_directory(path("folder"));
  EXPECT_THROW(save_safetensors(path("folder"), {{"x", ones({1})}}), UserError);
  EXPECT_EQ(file_count(), 2U);
}

nn::HybridSequential small_net() {
  nn::HybridSequential net;
  net.add(nn::Dense(3, {.activation = "relu"}), nn::Dense(2));
  return net;
}

TEST_F(ParameterFiles, ComeBackWithoutInitialize) {
  auto net = small_net();
  net.initialize();
  const Tensor x = random::normal({2, 4});
  const Tensor y = net(x);
  net.save_parameters(path("p"));
  auto other = small_net();
  const nn::LoadReport report = other.load_parameters(path("p"));
  EXPECT_EQ(report.loaded.size(), 4U);
  EXPECT_TRUE(identical(other(x), y));
  other.hybridize({.backend = Backend::graph});
  other.initialize(nn::Zeros());
  EXPECT_TRUE(identical(other(x), zeros({2, 2})));
  other.load_parameters(path("p"));
  EXPECT_TRUE(identical(other(x), y)) << "seen by what was compiled";
  EXPECT_EQ(other.explain().compiles, 1U);
}

TEST_F(ParameterFiles, AreNotWrittenWithoutValues) {
  auto net = small_net();
  net.initialize();
  EXPECT_THROW(net.save_parameters(path("p")), ParameterError);
  EXPECT_EQ(file_count(), 0U);
}

TEST_F(ParameterFiles, LoadRenamedTransposedAndConverted) {
  const Tensor w0 = random::normal({3, 4}, 0, 1, DType::f64),
               b0 = random::normal({3}, 0, 1, DType::f64);
  const Tensor w1 = random::normal({2, 3}, 0, 1, DType::f64),
               b1 = random::normal({2}, 0, 1, DType::f64);
  save_safetensors(path("p"), {{"dense0.weight", transpose(w0)},
                               {"dense0.bias", b0},
                               {"dense01.weight", transpose(w1)},
                               {"dense01.bias", b1}});
  auto net = small_net();
  const nn::LoadOptions options{
      .rename = {{"dense0", "wrong"}, {"dense0.", "0."}, {"dense01.", "1."}},
      .transpose = true,
      .cast = true};
  net.load_parameters(path("p"), options);
  EXPECT_TRUE(identical(net.collect_params()["0.weight"].data(), cast(w0, DType::f32)));
  EXPECT_TRUE(identical(net.collect_params()["1.bias"].data(), cast(b1, DType::f32)));
  net.load_parameters(
      path("p"),
      {.rename = {{"dense0.", "0."}, {"dense01.", "1."}}, .transpose = true, .cast = true});
  auto other = small_net();
  EXPECT_THROW(other.load_parameters(path("p")), ParameterError);
  EXPECT_THROW(other.load_parameters(path("p"), {.rename = options.rename, .cast = true}),
               ShapeError);
  EXPECT_THROW(other.load_parameters(path("p"), {.rename = options.rename, .transpose = true}),
               DTypeError);
  EXPECT_FALSE(other.collect_params()["0.bias"].is_initialized()) << "all or none";
}

TEST_F(ParameterFiles, NameWhatIsMissingAndWhatIsTooMuch) {
  save_safetensors(path("p"),
                   {{"0.weight", ones({3, 4})}, {"0.bias", ones({3})}, {"head.bias", ones({2})}});
  auto net = small_net();
  try {
    net.load_parameters(path("p"));
    FAIL();
  } catch (const ParameterError& error) {
    const std::string text = error.what();
    for (const char* part :
         {"lacks 1.weight, 1.bias", "no head.bias", ".rename", ".strict = false"}) {
      EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
    }
  }
  const nn::LoadReport report = net.load_parameters(path("p"), {.strict = false});
  EXPECT_EQ(report.loaded, (std::vector<std::string>{"0.weight", "0.bias"}));
  EXPECT_EQ(report.missing, (std::vector<std::string>{"1.weight", "1.bias"}));
  EXPECT_EQ(report.unused, (std::vector<std::string>{"head.bias"}));
  EXPECT_THROW(net.load_parameters(path("p"), {.rename = {{"head.", "0."}}, .strict = false}),
               ParameterError);
}

// A file of 0.bias and of a tensor that no layer has, or, where `needed`, that one does.
std::string with_foreign(const std::string& name, const std::string& dtype,
                         const std::string& shape, int bytes) {
  const std::string header = R"({"0.bias":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},")" +
                             name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape +
                             R"(,"data_offsets":[12,)" + std::to_string(12 + bytes) + "]}}";
  const float bias[3] = {1, 2, 3};
  return file_of(header, std::string(reinterpret_cast<const char*>(bias), sizeof bias) +
                             std::string(static_cast<std::size_t>(bytes), '\1'));
}

TEST_F(ParameterFiles, AreReadAsFarAsTheNetworkNeedsThem) {
  const struct {
    const char *dtype, *shape;
    int bytes;
  } foreign[] = {{"U8", "[4]", 4},      {"I8", "[4]", 4},      {"I16", "[2]", 4},
                 {"U16", "[2]", 4},     {"U32", "[1]", 4},     {"U64", "[1]", 8},
                 {"F16", "[2]", 4},     {"BF16", "[2]", 4},    {"F8_E4M3", "[4]", 4},
                 {"F8_E5M2", "[4]", 4}, {"F4", "[8]", 4},      {"BOOL", "[4]", 4},
                 {"I64", "[1]", 8},     {"F8_E8M0", "[4]", 4}, {"F32", "[1,1,1,1,1,1,1,1,1]", 4}};
  for (const auto& [dtype, shape, bytes] : foreign) {
    SCOPED_TRACE(dtype);
    write_bytes(path("p"), with_foreign("extra", dtype, shape, bytes));
    auto net = small_net();
    const nn::LoadReport report = net.load_parameters(path("p"), {.strict = false});
    EXPECT_EQ(report.loaded, std::vector<std::string>{"0.bias"});
    EXPECT_EQ(report.unused, std::vector<std::string>{"extra"});
    EXPECT_TRUE(identical(net.collect_params()["0.bias"].data(), tensor({1.f, 2.f, 3.f})));
    try {
      net.load_parameters(path("p"));
      FAIL() << "strict";
    } catch (const ParameterError& error) {
      EXPECT_NE(std::string(error.what()).find("no extra"), std::string::npos) << error.what();
    }
  }
}

TEST_F(ParameterFiles, SayWhatIsNeededAndCannotBeRead) {
  const auto refused = [&](const char* dtype, int bytes) -> std::string {
    write_bytes(path("p"), with_foreign("dense1.bias", dtype, "[2]", bytes));
    auto net = small_net();
    try {
      net.load_parameters(path("p"), {.rename = {{"dense1.", "1."}}, .strict = false});
    } catch (const FormatError& error) {
      EXPECT_FALSE(net.collect_params()["0.bias"].is_initialized()) << "all or none";
      return error.what();
    }
    ADD_FAILURE() << dtype;
    return "";
  };
  const std::string half = refused("F16", 4), byte = refused("U8", 2), strange = refused("F9", 2);
  EXPECT_NE(half.find("'dense1.bias' has dtype F16"), std::string::npos) << half;
  EXPECT_NE(half.find(".cast = true"), std::string::npos) << half;
  EXPECT_NE(byte.find("'dense1.bias' has dtype U8; expected F32, F64"), std::string::npos) << byte;
  EXPECT_NE(strange.find("unknown dtype 'F9'"), std::string::npos) << strange;
  write_bytes(path("p"), with_foreign("1.bias", "F16", "[2]", 4));
  auto net = small_net();
  EXPECT_EQ(net.load_parameters(path("p"), {.cast = true, .strict = false}).loaded.size(), 2U);
}

TEST_F(Safetensors, NameEveryTensorThatCannotBeRead) {
  const std::string header = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]},)"
                             R"("c":{"dtype":"BF16","shape":[1],"data_offsets":[6,8]},)"
                             R"("d":{"dtype":"I16","shape":[1],"data_offsets":[8,10]}})";
  expect_refused(file_of(header, std::string(10, '\0')),
                 {"f: tensor 'a' has dtype U8; expected F32, F64, I32, I64 or BOOL",
                  "tensor 'c' has dtype BF16; read it as f32 with {.cast = true}",
                  "tensor 'd' has dtype I16"});
}

TEST_F(ParameterFiles, OfShiftedLayersAreToldByNameAndGetTheRenamingThatFits) {
  // As PyTorch numbers them, whose activations are layers of their own.
  save_safetensors(path("p"), {{"0.bias", ones({3})},
                               {"0.weight", ones({3, 4})},
                               {"2.bias", ones({2})},
                               {"2.weight", ones({2, 3})}});
  auto net = small_net();
  expect_mentions(error_of<ParameterError>([&] { net.load_parameters(path("p")); }),
                  {"lacks 1.weight, 1.bias", "no 2.bias, 2.weight", R"(.rename = {{"2.", "1."}})"});
  net.load_parameters(path("p"), {.rename = {{"2.", "1."}}});
  EXPECT_TRUE(net.collect_params()["1.bias"].is_initialized());

  // Shifted onto each other: the sizes do not fit, which is not the fault.
  nn::HybridSequential deep;
  deep.add(nn::Dense(3, {.in_units = 4}), nn::Dense(2, {.in_units = 3}),
           nn::Dense(5, {.in_units = 2}));
  save_safetensors(path("q"), {{"0.weight", ones({3, 4})},
                               {"0.bias", ones({3})},
                               {"2.weight", ones({2, 3})},
                               {"2.bias", ones({2})},
                               {"4.weight", ones({5, 2})},
                               {"4.bias", ones({5})}});
  const std::string text = error_of<ParameterError>([&] { deep.load_parameters(path("q")); });
  expect_mentions(text, {"lacks 1.weight", R"(.rename = {{"2.", "1."}, {"4.", "2."}})"});
  EXPECT_EQ(text.find("transpose"), std::string::npos) << text;
  deep.load_parameters(path("q"), {.rename = {{"2.", "1."}, {"4.", "2."}}});
  const std::string loose =
      error_of<ShapeError>([&] { deep.load_parameters(path("q"), {.strict = false}); });
  expect_mentions(loose, {"'2.weight'", "lacks 1.weight, 1.bias"});
  EXPECT_EQ(loose.find("transpose"), std::string::npos) << loose;
}

TEST_F(ParameterFiles, SpeakOfTransposingWhereItHelps) {
  auto net = small_net();
  save_safetensors(path("p"), {{"0.weight", ones({4, 3})},
                               {"0.bias", ones({3})},
                               {"1.weight", ones({3, 2})},
                               {"1.bias", ones({2})}});
  expect_mentions(error_of<ShapeError>([&] { net.load_parameters(path("p")); }),
                  {"'0.weight'", "{.transpose = true}"});
  net.load_parameters(path("p"), {.transpose = true});
  save_safetensors(path("p"), {{"0.weight", ones({4, 5})},
                               {"0.bias", ones({3})},
                               {"1.weight", ones({3, 2})},
                               {"1.bias", ones({2})}});
  const std::string text = error_of<ShapeError>([&] { net.load_parameters(path("p")); });
  EXPECT_EQ(text.find("transpose"), std::string::npos) << text;
}

TEST_F(Safetensors, AreWrittenThroughLinksAndOverRegularFilesOnly) {
  save_safetensors(path("t"), one_of_each());
  fs::create_symlink(path("t"), path("link"));
  const TensorMap other = {{"w", ones({2})}};
  save_safetensors(path("link"), other);
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_TRUE(identical(load_safetensors(path("t")).at("w"), ones({2})));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  fs::create_directory(path("folder"));
  for (const char* name : {"pipe", "folder"}) {
    EXPECT_THROW(save_safetensors(path(name), other), UserError) << name;
    EXPECT_FALSE(fs::is_regular_file(path(name)));
  }
  EXPECT_THROW(save_safetensors(path("a") + std::string("\0b", 2), other), UserError);
  EXPECT_FALSE(fs::exists(path("a")));
}

}  // namespace
}  // namespace mlpjit
