// check_chapter CHAPTER ROOT: every fenced block of code or output in the chapter follows a line
// `<!-- PATH -->`, and is an excerpt of that file (a program, or what it must print). In a block a
// line "..." stands for lines left out. Indentation of programs does not count.

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "expected_text.h"

namespace {

struct Block {
  std::size_t line;  // of the fence, from 1
  std::string path;  // empty where the chapter names none
  std::vector<std::string> lines;
};

// The blocks; commands for a shell need no source.
std::vector<Block> blocks_of(const std::vector<std::string>& chapter) {
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < chapter.size(); ++i) {
    if (chapter[i].rfind("```", 0) != 0) continue;
    Block block{i + 1, {}, {}};
    const std::string before = i == 0 ? std::string() : chapter[i - 1];
    if (before.rfind("<!-- ", 0) == 0) block.path = before.substr(5, before.size() - 9);
    const bool shell = chapter[i] == "```sh";
    for (++i; i < chapter.size() && chapter[i] != "```"; ++i) block.lines.push_back(chapter[i]);
    if (!shell) blocks.push_back(std::move(block));
  }
  return blocks;
}

std::string without_indent(const std::string& line) {
  const std::size_t start = line.find_first_not_of(' ');
  return start == std::string::npos ? std::string() : line.substr(start);
}

bool same(const std::string& shown, const std::string& source, bool program) {
  return program ? without_indent(shown) == without_indent(source) : matches(shown, source);
}

// The first line of the block that is not in the source where it should be, or its size.
std::size_t first_difference(const Block& block, const std::vector<std::string>& source) {
  const bool program = block.path.size() > 4 && block.path.substr(block.path.size() - 4) == ".cpp";
  std::size_t at = 0, furthest = 0;
  for (std::size_t begin = 0; begin < block.lines.size();) {
    std::size_t end = begin;
    while (end < block.lines.size() && without_indent(block.lines[end]) != "...") ++end;
    bool found = false;
    for (std::size_t start = at; !found && start + (end - begin) <= source.size(); ++start) {
      std::size_t i = begin;
      while (i < end && same(block.lines[i], source[start + i - begin], program)) ++i;
      furthest = std::max(furthest, i);
      found = i == end;
      if (found) at = start + (end - begin);
    }
    if (!found) return std::min(std::max(furthest, begin), end - 1);
    begin = end + 1;
    furthest = begin;
  }
  return block.lines.size();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: check_chapter CHAPTER ROOT\n";
    return 2;
  }
  std::vector<std::string> chapter;
  if (!read_lines(argv[1], chapter)) return 2;
  const std::vector<Block> blocks = blocks_of(chapter);
  int faults = 0;
  for (const Block& block : blocks) {
    const auto fault = [&](std::size_t line) -> std::ostream& {
      ++faults;
      return std::cerr << argv[1] << ":" << line << ": ";
    };
    std::vector<std::string> source;
    if (block.path.empty()) {
      fault(block.line) << "the block names no file\n";
    } else if (!read_lines(std::string(argv[2]) + "/" + block.path, source)) {
      fault(block.line) << "no such file\n";
    } else if (const std::size_t i = first_difference(block, source); i < block.lines.size()) {
      fault(block.line + 1 + i) << "not in " << block.path << " where it should be:\n  "
                                << block.lines[i] << "\n";
    }
  }
  if (blocks.empty()) std::cerr << argv[1] << ": no block to check\n";
  return faults == 0 && !blocks.empty() ? 0 : 1;
}
