#pragma once
// What the tools share: layer sizes on the command line, and output that must not be lost.

#include <cstdint>
#include <string>
#include <vector>

namespace mlpjit::tools {

// "512-256-128-2" -> the sizes, an input and an output at least. Throws UserError.
std::vector<std::int64_t> parse_layer_sizes(const std::string& text);

// Throws UserError when what went to standard output did not arrive (a full disk, say).
void finish_output();

}  // namespace mlpjit::tools
