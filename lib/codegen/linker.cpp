// Objects into memory, with LLVM's ORC.

#include "lib/codegen/linker.h"

#include <atomic>
#include <cerrno>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <llvm/ExecutionEngine/Orc/Core.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>

#include "lib/codegen/apart.h"
#include "lib/codegen/code_memory.h"
#include "lib/codegen/life.h"
#include "lib/codegen/llvm_error.h"
#include "lib/plan/target.h"
#include "lib/support/isa.h"
#include "mlpjit/version.h"

namespace mlpjit::codegen {
namespace {

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
    const Life::Use use = Life::of_llvm().use();
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

// An object is run as it is: what this machine has not would be an illegal instruction.
void check_fits(const object::Object& object) {
  if (object.abi != kAbiVersion) {
    throw UnsupportedError(fmt::format(
        "link: the object is for version {} of the binary interface, this is version {}; compile "
        "it again",
        object.abi, kAbiVersion));
  }
  if (object.numerics != kNumericsVersion) {
    throw UnsupportedError(fmt::format(
        "link: the object calculates by version {} of the numerics contract, this is version {}; "
        "compile it again",
        object.numerics, kNumericsVersion));
  }
  const plan::Target* target = plan::find_target(object.target);
  if (target == nullptr || !plan::runs_here(*target)) {
    throw UnsupportedError(
        fmt::format("link: the object is for {}, this machine has {}; compile it for this one",
                    object.target, to_string(support::detect_isa())));
  }
}

class OrcLinker final : public Linker {
 public:
  std::unique_ptr<Code> link(const object::Object& object) const override {
    check_fits(object);
    const Life::Use use = Life::of_llvm().use_or_refuse();
    std::unique_ptr<Code> code;
    run_apart([&] {
      code = std::make_unique<OrcCode>(
          session_, llvm::MemoryBuffer::getMemBufferCopy(object.bytes, "mlpjit"));
    });
    return code;
  }

 private:
  std::shared_ptr<Session> session_ = std::make_shared<Session>();
};

}  // namespace

std::unique_ptr<Linker> make_linker() {
  return std::make_unique<OrcLinker>();
}

}  // namespace mlpjit::codegen
