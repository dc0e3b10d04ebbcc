#include "expected_text.h"

#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>

bool read_lines(const std::string& path, std::vector<std::string>& lines) {
  std::ifstream file(path);
  if (!file) {
    std::cerr << path << ": cannot be opened\n";
    return false;
  }
  std::stringstream text;
  text << file.rdbuf();
  lines = lines_of(text.str());
  return true;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

namespace {
void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}
}  // namespace

bool matches(const std::string& line, const std::string& expected) {
  if (expected.find('<') == std::string::npos) return line == expected;
  std::string pattern =
      std::regex_replace(expected, std::regex(R"([.^$|()\[\]{}*+?\\])"), R"(\$&)");
  replace_all(pattern, "<number>", R"([0-9]+(\.[0-9]+)?)");
  replace_all(pattern, "<any>", ".*");
  return std::regex_match(line, std::regex(pattern));
}
