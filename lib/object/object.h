#pragma once
// Compiled code as bytes, before it has a place in memory: what a compiler gives, what a linker
// makes code of, and what can be kept in a file meanwhile.

#include <cstdint>
#include <string>
#include <vector>

namespace mlpjit::object {

// Position-independent, refers to nothing outside itself.
struct Object {
  std::string bytes;                 // a relocatable file of the target's system (ELF)
  std::vector<std::string> symbols;  // the functions that it defines
  std::string target;                // by name (lib/plan/target.h): the instructions that it needs
  std::uint32_t abi = 0;             // kAbiVersion of what calls it
  std::uint32_t numerics = 0;        // kNumericsVersion of what it calculates
  std::string made_from;             // the plan, the compiler and its version: text for people

  friend bool operator==(const Object&, const Object&) = default;
};

// Replaces the file whole or not at all. Throws UserError where it cannot be written.
void save(const Object& object, const std::string& path);
// Throws FormatError where the file is no object, or was damaged.
Object load(const std::string& path);

}  // namespace mlpjit::object
