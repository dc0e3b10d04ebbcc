#pragma once
// What the programs must print, as .expected files say it: <number> stands for any decimal number
// and <any> for any text; the rest is literal.

#include <string>
#include <vector>

// The lines of a file, or nothing (and a message on standard error) where it cannot be opened.
bool read_lines(const std::string& path, std::vector<std::string>& lines);

std::vector<std::string> lines_of(const std::string& text);

bool matches(const std::string& line, const std::string& expected);
