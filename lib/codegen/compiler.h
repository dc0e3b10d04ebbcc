#pragma once
// The one door to LLVM: a plan goes in, machine code comes out. No LLVM type on this side.
// Implemented by libmlpjit-codegen, which is opened at the first compile (lib/runtime/loader.h).

#include <cstddef>
#include <memory>
#include <string>

#include "lib/codegen/abi.h"
#include "lib/plan/plan.h"

namespace mlpjit::codegen {

struct CompileOptions {
  bool keep_text = false;  // fill llvm_ir and assembly of the report
};

struct CompileReport {
  double emit_ms = 0;     // plan to LLVM IR
  double codegen_ms = 0;  // LLVM IR to object
  double link_ms = 0;
  std::size_t code_bytes = 0;
  std::string llvm_ir, assembly;
};

// Machine code in memory; freed with the object. Immutable, any number of threads may run it.
class Code {
 public:
  virtual ~Code() = default;
  virtual EntryPoint entry() const = 0;
};

class Compiler {
 public:
  virtual ~Compiler() = default;
  // Safe from any number of threads, and until the very end of the process. Throws UnsupportedError
  // where memory cannot be made executable, InternalError when LLVM refuses.
  virtual std::unique_ptr<Code> compile(const plan::Plan& plan, const CompileOptions& options,
                                        CompileReport& report) const = 0;
  virtual std::string llvm_version() const = 0;
};

}  // namespace mlpjit::codegen

// What libmlpjit-codegen exports. Plans cross as C++ objects, so the two libraries must be of one
// build: who opens this one compares the ids first (cmake/build_id.cmake says what goes into them).
extern "C" {
const char* mlpjit_codegen_build();
mlpjit::codegen::Compiler* mlpjit_codegen_create();
}
