#pragma once
// Stages that need more than the text of a program.

#include <string>

namespace mlpjit::filetest {

// The plan of the optimised program for an instruction set, by its name.
std::string run_plan(const std::string& program, const std::string& isa);

// What the program gives in every backend, on the inputs in its comments, all the same or a failure.
std::string run_program(const std::string& program);

}  // namespace mlpjit::filetest
