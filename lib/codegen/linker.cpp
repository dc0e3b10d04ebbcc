// Objects into memory, with LLVM's ORC.

#include "lib/codegen/linker.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

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
  using Addresses = std::vector<std::pair<std::string, llvm::orc::ExecutorAddr>>;
  // The object with the functions of others that it calls.
  void add(llvm::orc::JITDylib& dylib, std::unique_ptr<llvm::MemoryBuffer> object,
           const Addresses& others) {
    llvm::orc::SymbolMap symbols;
    for (const auto& [name, address] : others) {
      symbols[session_.intern(name)] = {
          address, llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
    }
    if (!symbols.empty()) {
      refuse(dylib.define(llvm::orc::absoluteSymbols(std::move(symbols))),
             "cannot add the functions of other objects");
    }
    refuse(layer_.add(dylib, std::move(object)), "cannot add the object");
  }
  // The first time it links.
  llvm::orc::ExecutorAddr address(llvm::orc::JITDylib& dylib, const std::string& name) {
    std::string cause;
    cause_of_failure = &cause;
    refused_memory = 0;
    auto symbol = session_.lookup({&dylib}, session_.intern(name));
    cause_of_failure = nullptr;
    if (symbol) return symbol->getAddress();
    const std::string failure = llvm::toString(symbol.takeError());
    fail_link(cause.empty() ? failure : cause);
  }
  // What cannot be freed stays until the end of the process.
  void remove(llvm::orc::JITDylib& dylib) noexcept {
    const Life::Use use = Life::of_llvm().use();
    if (!use.owns_lock()) return;
    llvm::consumeError(session_.removeJITDylib(dylib));
    // Names of symbols stay until they are swept, all of them at once.
    constexpr std::uint64_t kOften = 64;
    if (removed_.fetch_add(1) % kOften == 0) session_.getSymbolStringPool()->clearDeadEntries();
  }

 private:
  llvm::orc::ExecutionSession session_;
  CodeMemory memory_;
  llvm::orc::ObjectLinkingLayer layer_;
  std::atomic<std::uint64_t> count_{0}, removed_{0};
};

// Has the object, so that other programs may use it as long as the code is there.
class OrcCode final : public Code {
 public:
  // `others` have the functions that the object uses, in the order of its uses.
  OrcCode(std::shared_ptr<Session> session, std::shared_ptr<const object::Object> object,
          std::vector<std::shared_ptr<const OrcCode>> others)
      : object_(std::move(object)), others_(std::move(others)), dylib_(std::move(session)) {
    Session::Addresses addresses;
    for (std::size_t i = 0; i < others_.size(); ++i) {
      const std::string& symbol = object_->uses[i].symbol;
      addresses.emplace_back(symbol, others_[i]->address(symbol));
    }
    dylib_.add(llvm::MemoryBuffer::getMemBuffer(object_->bytes, "mlpjit", false), addresses);
    if (std::ranges::find(object_->symbols, kEntryName) != object_->symbols.end())
      entry_ = dylib_.address(kEntryName).toPtr<EntryPoint>();
  }
  EntryPoint entry() const override { return entry_; }
  llvm::orc::ExecutorAddr address(const std::string& symbol) const {
    return dylib_.address(symbol);
  }

 private:
  class Dylib {
   public:
    explicit Dylib(std::shared_ptr<Session> session)
        : session_(std::move(session)), dylib_(session_->make_dylib()) {}
    ~Dylib() { session_->remove(dylib_); }
    Dylib(const Dylib&) = delete;
    Dylib& operator=(const Dylib&) = delete;
    void add(std::unique_ptr<llvm::MemoryBuffer> object, const Session::Addresses& others) {
      session_->add(dylib_, std::move(object), others);
    }
    llvm::orc::ExecutorAddr address(const std::string& name) const {
      return session_->address(dylib_, name);
    }

   private:
    const std::shared_ptr<Session> session_;
    llvm::orc::JITDylib& dylib_;
  };

  const std::shared_ptr<const object::Object> object_;
  const std::vector<std::shared_ptr<const OrcCode>> others_;  // freed after what calls them
  Dylib dylib_;
  EntryPoint entry_ = nullptr;
};

// The code of objects, as long as somebody has it.
class LinkedObjects {
 public:
  std::shared_ptr<const OrcCode> find(const object::Object& object) const {
    const std::lock_guard lock(mutex_);
    const auto found = code_.find(&object);
    return found == code_.end() ? nullptr : found->second.lock();
  }
  // Gives the one that was there first. Code has its object: while it is there, no other object has
  // that address.
  std::shared_ptr<const OrcCode> add(const object::Object& object,
                                     std::shared_ptr<const OrcCode> code) {
    const std::lock_guard lock(mutex_);
    if (code_.size() >= std::max<std::size_t>(256, 2 * looked_through_)) {
      std::erase_if(code_, [](const auto& entry) { return entry.second.expired(); });
      looked_through_ = code_.size();
    }
    std::weak_ptr<const OrcCode>& known = code_[&object];
    if (auto first = known.lock()) return first;
    known = code;
    return code;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<const object::Object*, std::weak_ptr<const OrcCode>> code_;
  std::size_t looked_through_ = 0;  // how many of these were left the last time
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
  std::shared_ptr<const Code> link(std::shared_ptr<const object::Object> object) const override {
    const Life::Use use = Life::of_llvm().use_or_refuse();
    std::shared_ptr<const Code> code;
    run_apart([&] { code = link_here(std::move(object)); });
    if (code->entry() == nullptr) throw InternalError("codegen: an object without an entry");
    return code;
  }

 private:
  std::shared_ptr<const OrcCode> link_here(std::shared_ptr<const object::Object> object) const {
    if (auto code = linked_.find(*object)) return code;
    check_fits(*object);
    std::vector<std::shared_ptr<const OrcCode>> others;
    for (const object::Use& use : object->uses) others.push_back(link_here(use.from));
    const object::Object& known = *object;
    return linked_.add(
        known, std::make_shared<const OrcCode>(session_, std::move(object), std::move(others)));
  }

  std::shared_ptr<Session> session_ = std::make_shared<Session>();
  mutable LinkedObjects linked_;
};

}  // namespace

std::unique_ptr<Linker> make_linker() {
  return std::make_unique<OrcLinker>();
}

}  // namespace mlpjit::codegen
