#pragma once
// The one door to LLVM: a plan goes in, an object comes out. No LLVM type on this side.
// Implemented by libmlpjit-codegen, which is opened at the first compile (lib/runtime/loader.h).

#include <memory>
#include <string>

#include "lib/codegen/linker.h"
#include "lib/object/object.h"
#include "lib/plan/plan.h"

namespace mlpjit::codegen {

struct CompileOptions {
  bool keep_text = false;  // fill llvm_ir and assembly of the report, with all functions
  bool reuse = true;       // call functions of programs before where they are the same
};

struct CompileReport {
  double emit_ms = 0;     // plan to LLVM IR
  double codegen_ms = 0;  // LLVM IR to object
  std::string llvm_ir, assembly;
};

class Compiler {
 public:
  virtual ~Compiler() = default;
  // For the plan's target, whatever machine this is. Safe from any number of threads, and until the
  // very end of the process. Throws UnsupportedError where there is no code generator for the
  // target, InternalError when LLVM refuses.
  virtual std::shared_ptr<const object::Object> compile(const plan::Plan& plan,
                                                        const CompileOptions& options,
                                                        CompileReport& report) const = 0;
  virtual std::string llvm_version() const = 0;
};

// Both, as libmlpjit-codegen has them.
class Toolchain {
 public:
  virtual ~Toolchain() = default;
  virtual const Compiler& compiler() const = 0;
  virtual const Linker& linker() const = 0;
};

}  // namespace mlpjit::codegen

// What libmlpjit-codegen exports. Plans cross as C++ objects, so the two libraries must be of one
// build: who opens this one compares the ids first (cmake/build_id.cmake says what goes into them).
extern "C" {
const char* mlpjit_codegen_build();
mlpjit::codegen::Toolchain* mlpjit_codegen_create();
}
