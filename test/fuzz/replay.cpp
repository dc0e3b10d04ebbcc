// A target without a fuzzer: its function on the files of some folders. What ends the program ends
// it after the name of the file.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "test/fuzz/target.h"

namespace {

namespace fs = std::filesystem;

// As `./bootstrap fuzz` has them.
constexpr std::chrono::seconds kMostTime{10};
constexpr long kMostKilobytes = 2048L << 10;

// What is wrong with a file, or nothing.
std::string fault_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  const std::string text = bytes.str();
  const auto start = std::chrono::steady_clock::now();
  try {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  } catch (const std::exception& error) {
    return error.what();
  }
  if (std::chrono::steady_clock::now() - start > kMostTime) return "it takes too long";
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > kMostKilobytes)
    return "it takes too much memory";
  return {};
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<fs::path> files;
  for (int i = 1; i < count; ++i) {
    for (const auto& entry : fs::directory_iterator(arguments[i]))
      if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  int faults = 0;
  for (const fs::path& file : files) {
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);
    const std::string fault = fault_of(file);
    if (fault.empty()) continue;
    std::printf("FAILED: %s\n", fault.c_str());
    ++faults;
  }
  std::printf("%zu files, %d failed\n", files.size(), faults);
  return faults == 0 && !files.empty() ? 0 : 1;
}
