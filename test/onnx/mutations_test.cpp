// Files that are no models any more: bytes changed, left out, cut off. Whatever they say, an import
// gives a network or throws an error of the user's, and allocates within its bounds.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "mlpjit/mlpjit.h"

namespace mlpjit::test {
namespace {

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

class Mutated : public testing::Test {
 protected:
  Mutated() : path_(testing::TempDir() + std::to_string(getpid()) + ".mutated.onnx") {}
  ~Mutated() override { std::filesystem::remove(path_); }

  // The error, or "" for a network.
  std::string import(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    try {
      nn::SymbolBlock::imports(path_);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  const std::string path_;
};

std::string mutated(std::string bytes, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    const std::size_t at = below(bytes.size());
    switch (below(5)) {
      case 0: bytes[at] = static_cast<char>(random()); break;
      case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8))); break;
      case 2: bytes.erase(at, 1 + below(8)); break;
      case 3: bytes.insert(at, 1 + below(4), static_cast<char>(random())); break;
      default: bytes[at] = static_cast<char>(0xFF); break;
    }
    if (bytes.empty()) break;
  }
  return bytes;
}

TEST_F(Mutated, ModelsAreNetworksOrErrors) {
  const char* times = std::getenv("MLPJIT_MUTATIONS");
  const int rounds = times != nullptr ? std::atoi(times) : 20;
  std::mt19937 random(7);
  int networks = 0, errors = 0;
  reset_peak_memory();
  for (const auto& entry :
       std::filesystem::directory_iterator(MLPJIT_SOURCE_DIR "/test/onnx/models")) {
    if (entry.path().extension() != ".onnx") continue;
    const std::string bytes = bytes_of(entry.path());
    for (int i = 0; i < rounds; ++i) import(mutated(bytes, random)).empty() ? ++networks : ++errors;
    for (int i = 0; i < rounds / 4; ++i) import(bytes.substr(0, random() % bytes.size()));
  }
  EXPECT_GT(networks, 0);
  EXPECT_GT(errors, networks / 10);
  EXPECT_LT(memory_stats().peak_bytes, std::size_t{600} << 20);
}

TEST_F(Mutated, OtherFilesAreToldApart) {
  EXPECT_NE(import("PK\x03\x04....").find(".keras"), std::string::npos);
  EXPECT_NE(import("\x89HDF\r\n....").find("HDF5"), std::string::npos);
  EXPECT_NE(import("{\"format\": 1}").find("imports(symbol_file, parameter_file)"),
            std::string::npos);
  EXPECT_NE(import(std::string("\x10\0\0\0\0\0\0\0{\"a\": 1}", 16)).find("safetensors"),
            std::string::npos);
  EXPECT_NE(import("").find("no graph"), std::string::npos);
  EXPECT_NE(import("no model at all").find("mutated.onnx"), std::string::npos);
}

}  // namespace
}  // namespace mlpjit::test
