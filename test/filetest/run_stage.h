#pragma once
// Stages that need more than the text of a program.

#include <string>

namespace mlpjit::filetest {

// The plan of the optimised program for a target, by its name; `divided`: every step that can be
// is divided among threads. Checked to be valid and to read back as the same.
std::string run_plan(const std::string& program, const std::string& target, bool divided);

// The LLVM IR for a target.
bool has_llvm();
std::string run_llvm(const std::string& program, const std::string& target);

// What the program gives in every backend, on the inputs in its comments, all the same or a failure.
std::string run_program(const std::string& program);

}  // namespace mlpjit::filetest
