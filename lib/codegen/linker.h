#pragma once
// The linker: where an object becomes code. No LLVM type on this side.

#include <memory>

#include "lib/codegen/abi.h"
#include "lib/object/object.h"

namespace mlpjit::codegen {

// Machine code in memory, freed with this. Immutable, any number of threads may run it.
class Code {
 public:
  virtual ~Code() = default;
  virtual EntryPoint entry() const = 0;
};

class Linker {
 public:
  virtual ~Linker() = default;
  // With the code of the objects that it uses, which exists once for all who use it. Safe from any
  // number of threads, and until the very end of the process. Throws UnsupportedError where the
  // object is for another machine or another ABI, and where memory cannot be made executable;
  // InternalError when LLVM refuses.
  virtual std::shared_ptr<const Code> link(std::shared_ptr<const object::Object> object) const = 0;
};

// LLVM's (linker.cpp), for all code of the process.
std::unique_ptr<Linker> make_linker();

}  // namespace mlpjit::codegen
