// LLVM behind the interface of compiler.h.

#include "lib/codegen/compiler.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/Support/CommandLine.h>

#include "lib/codegen/apart.h"
#include "lib/codegen/generator.h"
#include "lib/codegen/life.h"
#include "lib/codegen/module_builder.h"
#include "lib/codegen/x86.h"
#include "mlpjit/error.h"
#include "mlpjit/version.h"
#include "mlpjit_build_id.h"

namespace mlpjit::codegen {
namespace {

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

// LLVM has some switches only as command line options; this copy of LLVM is ours alone.
void set_option(llvm::StringRef name, bool value) {
  auto& options = llvm::cl::getRegisteredOptions();
  const auto at = options.find(name);
  if (at == options.end()) throw InternalError("codegen: LLVM has no option " + name.str());
  static_cast<llvm::cl::opt<bool>*>(at->second)->setValue(value);
}

// What was made of what, for people.
std::string provenance(const plan::Plan& plan) {
  return fmt::format("{} steps for {}; mlpjit {}, LLVM {}", plan.steps.size(),
                     plan::to_string(plan.target), kBuildId, LLVM_VERSION_STRING);
}

std::vector<std::string> functions_of(const llvm::Module& module) {
  std::vector<std::string> names;
  for (const llvm::Function& function : module) {
    if (!function.isDeclaration()) names.push_back(function.getName().str());
  }
  return names;
}

class LlvmCompiler final : public Compiler {
 public:
  std::shared_ptr<const object::Object> compile(const plan::Plan& plan,
                                                const CompileOptions& options,
                                                CompileReport& report) const override {
    const Life::Use use = Life::of_llvm().use_or_refuse();
    std::shared_ptr<const object::Object> object;
    run_apart([&] { object = compile_here(plan, options, report); });
    return object;
  }

  std::string llvm_version() const override { return LLVM_VERSION_STRING; }

 private:
  std::shared_ptr<const object::Object> compile_here(const plan::Plan& plan,
                                                     const CompileOptions& options,
                                                     CompileReport& report) const {
    if (options.keep_text) keep_text(plan, report);
    llvm::LLVMContext context;
    auto start = std::chrono::steady_clock::now();
    std::unique_ptr<Generator> generator = generators_.take(plan.target);
    ModuleBuilder builder(context, plan, options.reuse ? &known_ : nullptr);
    auto module = builder.build();
    module->setDataLayout(generator->layout());
    report.emit_ms = milliseconds_since(start);

    start = std::chrono::steady_clock::now();
    const auto object = std::make_shared<object::Object>();
    object->target = plan.target.name;
    object->abi = kAbiVersion;
    object->numerics = kNumericsVersion;
    object->symbols = functions_of(*module);
    object->uses = builder.uses();
    for (const object::Use& use : object->uses)
      object->depth = std::max(object->depth, use.from->depth + 1);
    object->made_from = provenance(plan);
    const auto& bytes = generator->run(*module);
    object->bytes.assign(bytes.begin(), bytes.end());
    module.reset();  // before others have what may still look at it
    generators_.give_back(plan.target, std::move(generator));
    if (object->depth < object::kDeepest) known_.add(builder.exports(), object);
    report.codegen_ms = milliseconds_since(start);
    return object;
  }

  // From a module of its own: the code generator changes what it is given.
  static void keep_text(const plan::Plan& plan, CompileReport& report) {
    llvm::LLVMContext context;
    Generator generator(plan.target, llvm::CodeGenFileType::AssemblyFile);
    const auto module = ModuleBuilder(context, plan, nullptr).build();
    module->setDataLayout(generator.layout());
    llvm::raw_string_ostream(report.llvm_ir) << *module;
    const auto& text = generator.run(*module);
    report.assembly.assign(text.begin(), text.end());
  }

  mutable Generators generators_;
  mutable KnownFunctions known_;
};

class LlvmToolchain final : public Toolchain {
 public:
  const Compiler& compiler() const override { return compiler_; }
  const Linker& linker() const override { return *linker_; }

 private:
  LlvmCompiler compiler_;
  std::unique_ptr<Linker> linker_ = make_linker();
};

void initialize_llvm() {
  static const bool done = [] {
    catch_fatal_errors();
#if defined(MLPJIT_STATIC_CODEGEN)
    std::atexit([] { Life::of_llvm().end(); });
#endif
    x86::initialize();
    // The loops are emitted in the form they should have.
    set_option("disable-lsr", true);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace
}  // namespace mlpjit::codegen

extern "C" {

__attribute__((visibility("default"))) const char* mlpjit_codegen_build() {
  return mlpjit::codegen::kBuildId;
}

__attribute__((visibility("default"))) mlpjit::codegen::Toolchain* mlpjit_codegen_create() {
  mlpjit::codegen::initialize_llvm();
  return new mlpjit::codegen::LlvmToolchain();
}

}  // extern "C"
