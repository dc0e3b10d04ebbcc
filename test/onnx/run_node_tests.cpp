// Runs the backend tests of ONNX, folders of a model and its inputs and outputs, and prints a line
// for each: passed; refused, and why; out of scope, for types that mlpjit has not; or FAILED.
//   run_node_tests FOLDER [NAME...]

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>

#include "mlpjit/mlpjit.h"
#include "src/onnx/read_model.h"
#include "src/onnx/tensor_data.h"

namespace mlpjit::onnx {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

// Types of another kind of network, and inputs that are no tensors.
struct OutOfScope {
  std::string why;
};

DType dtype_of(DataType type) {
  switch (type) {
    case DataType::f32: return DType::f32;
    case DataType::f64: return DType::f64;
    case DataType::i32: return DType::i32;
    case DataType::i64: return DType::i64;
    case DataType::boolean: return DType::boolean;
    default: throw OutOfScope{to_string(type)};
  }
}

void look_for_types(const Model& model) {
  for (const auto* list : {&model.graph.inputs, &model.graph.outputs}) {
    for (const ValueInfo& info : *list) {
      if (info.kind != ValueInfo::Kind::tensor) throw OutOfScope{"sequences, maps or optionals"};
      dtype_of(info.type);
    }
  }
}

Tensors tensors_of(const fs::path& folder, const char* kind) {
  Tensors tensors;
  for (int i = 0;; ++i) {
    const fs::path file = folder / fmt::format("{}_{}.pb", kind, i);
    if (!fs::exists(file)) return tensors;
    const std::string bytes = bytes_of(file);
    const TensorData data = read_tensor_message(bytes, file.string());
    tensors.push_back(read_tensor(data, dtype_of(data.type), file.string()));
  }
}

// A close bound of ours, and the one of ONNX's own runner, with which some expectations need to be
// met: those were calculated in another way, or with other constants.
struct Bound {
  double relative, absolute;
};
constexpr Bound kClose{1e-5, 1e-5}, kOnnx{1e-3, 1e-7};

std::string difference(const Tensor& actual, const Tensor& expected, const Bound& bound) {
  if (actual.dtype() != expected.dtype())
    return fmt::format("dtype {}, expected {}", to_string(actual.dtype()),
                       to_string(expected.dtype()));
  if (!identical(actual.shape(), expected.shape()))
    return "shape " + to_string(actual.shape()) + ", expected " + to_string(expected.shape());
  const std::vector<double> a = cast(actual, DType::f64).to_vector<double>();
  const std::vector<double> e = cast(expected, DType::f64).to_vector<double>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == e[i] || (std::isnan(a[i]) && std::isnan(e[i]))) continue;
    if (!(std::abs(a[i] - e[i]) <= bound.absolute + bound.relative * std::abs(e[i])))
      return fmt::format("element {} is {}, expected {}", i, a[i], e[i]);
  }
  return "";
}

std::string run(const fs::path& folder) {
  std::string passed = "passed";
  const std::string file = (folder / "model.onnx").string();
  const std::string bytes = bytes_of(file);
  look_for_types(read_model(bytes, file));
  nn::SymbolBlock net = nn::SymbolBlock::imports(file);
  nn::SymbolBlock compiled = net.clone();
  compiled.hybridize();
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory()) continue;
    const Tensors inputs = tensors_of(entry.path(), "input");
    const Tensors expected = tensors_of(entry.path(), "output");
    const Tensors results = net(inputs), native = compiled(inputs);
    if (results.size() != expected.size()) throw Error("another number of results");
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!difference(results[i], expected[i], kClose).empty())
        passed = "passed, within the bounds of ONNX's own runner";
      if (const std::string why = difference(results[i], expected[i], kOnnx); !why.empty())
        throw Error(fmt::format("output {}: {}", i, why));
      if (!identical(results[i], native[i]))
        throw Error(fmt::format("output {} differs compiled", i));
    }
  }
  return passed;
}

std::string one_line(std::string text, const fs::path& folder) {
  for (const std::string& part : {folder.string() + "/", std::string("model.onnx: ")}) {
    for (std::size_t at; (at = text.find(part)) != std::string::npos;) text.erase(at, part.size());
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string outcome(const fs::path& folder) {
  try {
    return run(folder);
  } catch (const OutOfScope& scope) {
    return "out of scope: " + scope.why;
  } catch (const UnsupportedError& error) {
    return "refused: " + one_line(error.what(), folder);
  } catch (const std::exception& error) {
    return "FAILED: " + one_line(error.what(), folder);
  }
}

}  // namespace
}  // namespace mlpjit::onnx

int main(int count, char** arguments) {
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    const std::string name = entry.path().filename().string();
    const bool wanted =
        count == 2 || std::find(arguments + 2, arguments + count, name) != arguments + count;
    if (wanted && std::filesystem::exists(entry.path() / "model.onnx"))
      folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  for (const std::filesystem::path& folder : folders)
    std::cout << folder.filename().string() << ": " << mlpjit::onnx::outcome(folder) << std::endl;
  return 0;
}
