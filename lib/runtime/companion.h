#pragma once
// Libraries that stand beside libmlpjit and are opened when they are first needed: a program that
// never asks for them never pays for them.

#include <functional>
#include <string>
#include <vector>

namespace mlpjit::runtime {

struct Companion {
  const char* file;      // "libmlpjit-codegen.so"
  const char* variable;  // of the environment: names another file
};

// The files that are tried, in this order: the one that the variable names, and no other; beside
// the library or program that holds this code; in ../lib of that folder; where the dynamic linker
// looks.
std::vector<std::string> candidates_for(const Companion& companion);

// Opens the first candidate for which `refusal` gives "", for ever; null where there is none, and
// then `tried` has a line for each. `refusal` says why an opened library is not the one.
void* open_companion(const Companion& companion, const std::function<std::string(void*)>& refusal,
                     std::string& tried);

}  // namespace mlpjit::runtime
