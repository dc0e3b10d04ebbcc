#pragma once
// The program that is dumped: layer sizes, text, or the files of an exported model.

#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/ir/sizes.h"
#include "tools/network.h"

namespace mlpjit::dump {

struct ProgramOptions {
  // What was given: "512-256-128-2", a file, or "-" for standard input.
  std::string program;
  // The parameter file of a symbol file; "" when none was given.
  std::string params;
  // How a network given by sizes is made.
  tools::NetworkOptions network;
  std::int64_t batch = 1;
  // Sizes of its symbols.
  ir::Sizes sizes;
};

// Whether the program is given by sizes; then the options of a file do nothing, else those of a
// network.
bool is_network(const std::string& program);

// Throws UserError, FormatError when there is none or it cannot be read.
ir::Graph read_program(const ProgramOptions& options);

}  // namespace mlpjit::dump
