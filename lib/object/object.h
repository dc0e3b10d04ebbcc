#pragma once
// Compiled code as bytes, before it has a place in memory: what a compiler gives, what a linker
// makes code of, and what can be kept in a file meanwhile.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mlpjit::object {

struct Object;

// A function of another object that an object calls.
struct Use {
  std::string symbol;
  std::shared_ptr<const Object> from;
};

// Who has an object has all that it uses: deeper, and a chain of programs of which each uses a
// function of the one before would never be freed.
inline constexpr int kDeepest = 4;

// Position-independent, refers to nothing but itself and what it uses.
struct Object {
  std::string bytes;                 // a relocatable file of the target's system (ELF)
  std::vector<std::string> symbols;  // the functions that it defines
  std::vector<Use> uses;
  int depth = 0;               // of the objects that it uses, and they, and so on: at most kDeepest
  std::string target;          // by name (lib/plan/target.h): the instructions that it needs
  std::uint32_t abi = 0;       // kAbiVersion of what calls it
  std::uint32_t numerics = 0;  // kNumericsVersion of what it calculates
  std::string made_from;       // the plan, the compiler and its version: text for people
};

// Equal down to the objects that they use.
bool operator==(const Use& a, const Use& b);
bool operator==(const Object& a, const Object& b);

// With the objects that it uses. Replaces the file whole or not at all. Throws UserError where it
// cannot be written.
void save(const Object& object, const std::string& path);
// Throws FormatError where the file is no object, or was damaged.
Object load(const std::string& path);

}  // namespace mlpjit::object
