// LLVM ORC behind the interface of compiler.h.

#include "lib/codegen/compiler.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <new>
#include <shared_mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/Core.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Target/TargetOptions.h>

#include "lib/codegen/apart.h"
#include "lib/codegen/code_memory.h"
#include "lib/codegen/module_builder.h"
#include "mlpjit/error.h"
#include "mlpjit_build_id.h"

extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86Target();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86AsmPrinter();
}

namespace mlpjit::codegen {
namespace {

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

void refuse(llvm::Error error, const char* what) {
  if (error)
    throw InternalError(fmt::format("codegen: {}: {}", what, llvm::toString(std::move(error))));
}

template <class T>
T expect(llvm::Expected<T> result, const char* what) {
  refuse(result.takeError(), what);
  return std::move(*result);
}

// LLVM has some switches only as command line options; this copy of LLVM is ours alone.
void set_option(llvm::StringRef name, bool value) {
  auto& options = llvm::cl::getRegisteredOptions();
  const auto at = options.find(name);
  if (at == options.end()) throw InternalError("codegen: LLVM has no option " + name.str());
  static_cast<llvm::cl::opt<bool>*>(at->second)->setValue(value);
}

// Why this thread's link failed: a lookup only says which symbols it did not find. The tasks of a
// link run on the thread that asks for it.
thread_local std::string* cause_of_failure = nullptr;
thread_local int refused_memory = 0;  // an errno

void note_cause(llvm::Error error) {
  error = llvm::handleErrors(std::move(error),
                             [](std::unique_ptr<MemoryRefused> refused) -> llvm::Error {
                               refused_memory = refused->error();
                               return llvm::Error(std::move(refused));
                             });
  const std::string text = llvm::toString(std::move(error));
  if (cause_of_failure != nullptr && cause_of_failure->empty()) *cause_of_failure = text;
}

[[noreturn]] void fail_link(const std::string& cause) {
  if (refused_memory == ENOMEM) throw std::bad_alloc();
  if (refused_memory != 0) {
    throw UnsupportedError(
        "Backend::native: this process may not make memory executable (" + cause +
        "): a policy such as prctl(PR_SET_MDWE), a seccomp filter or SELinux forbids it, and so it "
        "does for files in memory; use Backend::graph, which needs no machine code and gives the "
        "same bits");
  }
  throw InternalError("codegen: cannot link: " + cause);
}

// Whether LLVM may still be used. It may to the very end where it is a library of its own, whose
// static objects are never destroyed (process_end.cpp). Linked into a program, they go with the
// program's: from the first handler of its end on, compiling is an error and code stays there.
class Life {
 public:
  // Holds the end up.
  using Use = std::shared_lock<std::shared_mutex>;
  Use use() {
    Use use(mutex_);
    if (ended_) use.unlock();
    return use;
  }
  void end() {
    const std::lock_guard alone(mutex_);
    ended_ = true;
  }

 private:
  std::shared_mutex mutex_;
  bool ended_ = false;
};

Life& life() {
  static Life* const one = new Life;  // never destroyed
  return *one;
}

// The session that all code of the process lives in. Each Code is a JITDylib of its own, so that
// freeing it frees its memory.
class Session {
 public:
  Session()
      : session_(expect(llvm::orc::SelfExecutorProcessControl::Create(
                            nullptr, std::make_unique<llvm::orc::InPlaceTaskDispatcher>()),
                        "no execution session")),
        layer_(session_, memory_) {
    session_.setErrorReporter(note_cause);
  }
  ~Session() { llvm::consumeError(session_.endSession()); }

  llvm::orc::JITDylib& make_dylib() {
    return session_.createBareJITDylib(fmt::format("mlpjit.{}", count_.fetch_add(1)));
  }
  EntryPoint link(llvm::orc::JITDylib& dylib, std::unique_ptr<llvm::MemoryBuffer> object) {
    refuse(layer_.add(dylib, std::move(object)), "cannot add the object");
    std::string cause;
    cause_of_failure = &cause;
    refused_memory = 0;
    auto symbol = session_.lookup({&dylib}, session_.intern(kEntryName));
    cause_of_failure = nullptr;
    if (symbol) return symbol->getAddress().toPtr<EntryPoint>();
    const std::string failure = llvm::toString(symbol.takeError());
    fail_link(cause.empty() ? failure : cause);
  }
  // What cannot be freed stays until the end of the process.
  void remove(llvm::orc::JITDylib& dylib) noexcept {
    const Life::Use use = life().use();
    if (!use.owns_lock()) return;
    llvm::consumeError(session_.removeJITDylib(dylib));
  }

 private:
  llvm::orc::ExecutionSession session_;
  CodeMemory memory_;
  llvm::orc::ObjectLinkingLayer layer_;
  std::atomic<std::uint64_t> count_{0};
};

class OrcCode final : public Code {
 public:
  OrcCode(std::shared_ptr<Session> session, std::unique_ptr<llvm::MemoryBuffer> object)
      : dylib_(std::move(session)), entry_(dylib_.link(std::move(object))) {}
  EntryPoint entry() const override { return entry_; }

 private:
  class Dylib {
   public:
    explicit Dylib(std::shared_ptr<Session> session)
        : session_(std::move(session)), dylib_(session_->make_dylib()) {}
    ~Dylib() { session_->remove(dylib_); }
    Dylib(const Dylib&) = delete;
    Dylib& operator=(const Dylib&) = delete;
    EntryPoint link(std::unique_ptr<llvm::MemoryBuffer> object) {
      return session_->link(dylib_, std::move(object));
    }

   private:
    const std::shared_ptr<Session> session_;
    llvm::orc::JITDylib& dylib_;
  };
  Dylib dylib_;
  const EntryPoint entry_;
};

std::unique_ptr<llvm::TargetMachine> make_machine(const plan::Target& target) {
  std::string error;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(target.triple, error);
  if (found == nullptr) throw InternalError("codegen: " + error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;  // the numerics contract
  options.EnableFastISel = false;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      target.triple, target.cpu, "", options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
      llvm::CodeGenOptLevel::Less, /*JIT=*/true));
}

llvm::SmallVector<char, 0> run_backend(llvm::TargetMachine& machine, llvm::Module& module,
                                       llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, out, nullptr, type, /*DisableVerify=*/true)) {
    throw InternalError("codegen: the target cannot emit objects");
  }
  passes.run(module);
  return bytes;
}

class OrcCompiler final : public Compiler {
 public:
  OrcCompiler() : session_(std::make_shared<Session>()) {}

  std::unique_ptr<Code> compile(const plan::Plan& plan, const CompileOptions& options,
                                CompileReport& report) const override {
    const Life::Use use = life().use();
    if (!use.owns_lock()) {
      throw UnsupportedError(
          "Backend::native: the process is ending, and with it the compiler that is linked into "
          "this program; use Backend::graph, or link with libmlpjit-codegen, which compiles to the "
          "very end");
    }
    std::unique_ptr<Code> code;
    run_apart([&] { code = compile_here(plan, options, report); });
    return code;
  }

  std::string llvm_version() const override { return LLVM_VERSION_STRING; }

 private:
  std::unique_ptr<Code> compile_here(const plan::Plan& plan, const CompileOptions& options,
                                     CompileReport& report) const {
    if (options.keep_text) keep_text(plan, report);
    llvm::LLVMContext context;
    auto start = std::chrono::steady_clock::now();
    const auto machine = make_machine(plan.target);
    const auto module = ModuleBuilder(context, plan).build();
    module->setDataLayout(machine->createDataLayout());
    report.emit_ms = milliseconds_since(start);

    start = std::chrono::steady_clock::now();
    auto object = run_backend(*machine, *module, llvm::CodeGenFileType::ObjectFile);
    report.codegen_ms = milliseconds_since(start);
    report.code_bytes = object.size();

    start = std::chrono::steady_clock::now();
    auto code = std::make_unique<OrcCode>(session_, std::make_unique<llvm::SmallVectorMemoryBuffer>(
                                                        std::move(object), "mlpjit", false));
    report.link_ms = milliseconds_since(start);
    return code;
  }

  // From a module of its own: the code generator changes what it is given.
  static void keep_text(const plan::Plan& plan, CompileReport& report) {
    llvm::LLVMContext context;
    const auto machine = make_machine(plan.target);
    const auto module = ModuleBuilder(context, plan).build();
    module->setDataLayout(machine->createDataLayout());
    llvm::raw_string_ostream(report.llvm_ir) << *module;
    const auto text = run_backend(*machine, *module, llvm::CodeGenFileType::AssemblyFile);
    report.assembly.assign(text.begin(), text.end());
  }

  std::shared_ptr<Session> session_;
};

void initialize_llvm() {
  static const bool done = [] {
    catch_fatal_errors();
#if defined(MLPJIT_STATIC_CODEGEN)
    std::atexit([] { life().end(); });
#endif
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
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

__attribute__((visibility("default"))) mlpjit::codegen::Compiler* mlpjit_codegen_create() {
  mlpjit::codegen::initialize_llvm();
  return new mlpjit::codegen::OrcCompiler();
}

}  // extern "C"
