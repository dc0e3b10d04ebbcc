// check_output PROGRAM EXPECTED: runs the program and compares its output with the file, line by
// line.

#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "expected_text.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: check_output PROGRAM EXPECTED\n";
    return 2;
  }
  std::vector<std::string> expected;
  if (!read_lines(argv[2], expected)) return 2;

  std::FILE* program = popen(("'" + std::string(argv[1]) + "'").c_str(), "r");
  if (program == nullptr) {
    std::cerr << argv[1] << ": cannot be run\n";
    return 2;
  }
  std::string output;
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, program)) > 0;)
    output.append(buffer, got);
  const int status = pclose(program);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::cerr << argv[1] << " ended with status " << status << "\n" << output;
    return 1;
  }
  const std::vector<std::string> lines = lines_of(output);
  for (std::size_t i = 0; i < std::max(lines.size(), expected.size()); ++i) {
    const std::string line = i < lines.size() ? lines[i] : "(no line)";
    const std::string wanted = i < expected.size() ? expected[i] : "(no line)";
    if (i < lines.size() && i < expected.size() && matches(line, wanted)) continue;
    std::cerr << argv[2] << ":" << i + 1 << ": expected\n  " << wanted << "\nfound\n  " << line
              << "\n";
    return 1;
  }
  return 0;
}
