// check_output PROGRAM EXPECTED: runs the program and compares its output with the file, line by
// line. In the file <number> stands for any decimal number and <any> for any text; the rest is
// literal.

#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

bool matches(const std::string& line, const std::string& expected) {
  if (expected.find('<') == std::string::npos) return line == expected;
  std::string pattern =
      std::regex_replace(expected, std::regex(R"([.^$|()\[\]{}*+?\\])"), R"(\$&)");
  replace_all(pattern, "<number>", R"([0-9]+(\.[0-9]+)?)");
  replace_all(pattern, "<any>", ".*");
  return std::regex_match(line, std::regex(pattern));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: check_output PROGRAM EXPECTED\n";
    return 2;
  }
  std::ifstream file(argv[2]);
  if (!file) {
    std::cerr << argv[2] << ": cannot be opened\n";
    return 2;
  }
  std::stringstream expected_text;
  expected_text << file.rdbuf();

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
  const std::vector<std::string> lines = lines_of(output), expected = lines_of(expected_text.str());
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
