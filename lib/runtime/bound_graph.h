#pragma once
// An executable bound to its weights and to memory of its own, so that running it does nothing but
// the arithmetic.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/runtime/call_context.h"
#include "lib/runtime/native_graph.h"
#include "lib/support/memory.h"
#include "lib/support/storage.h"

namespace mlpjit::runtime {

// Why calls of an executable cannot be bound: one line per step or input that takes time nobody can
// tell. Empty: they can.
std::vector<std::string> obstacles_to_bind(const CompiledGraph& executable);

// Whether it has a while_loop, the turns of which depend on its inputs.
bool has_loops(const CompiledGraph& executable);
// Of a run's status: whether an op refused a value.
bool is_bad_value(std::int64_t status);

class BoundGraph {
 public:
  struct Weight {
    std::uint32_t input = 0;
    std::shared_ptr<support::Storage> storage;
  };

  // Without obstacles. Packs the weights, and keeps those that write them packing. Throws UserError
  // for a weight whose memory others write to.
  BoundGraph(std::shared_ptr<const CompiledGraph> executable, std::vector<Weight> weights,
             std::int64_t batch);
  BoundGraph(const BoundGraph&) = delete;
  BoundGraph& operator=(const BoundGraph&) = delete;

  // By the calling thread until end(): false when somebody is running it already.
  bool begin() noexcept {
    const std::uint64_t since = own_.reader.try_begin();
    if (since != since_ && since != 0) look_up(since);
    return since != 0;
  }
  void set_input(std::uint32_t input, const void* data) noexcept {
    slots_[input] = const_cast<void*>(data);
  }
  void set_result(std::uint32_t result, void* data) noexcept {
    slots_[first_output_ + result] = data;
  }
  // 0 or a status of generated code.
  std::int64_t run() noexcept {
    for (const PackedArgument& argument : packed_arguments_)
      plan::pack(*argument.layout, slots_[argument.input], argument.memory.get());
    return compiled_->invoke(context_, slots_.data(), workspace_.get(), batch_);
  }
  void end() noexcept { own_.reader.end(); }

  std::size_t bytes() const;

 private:
  // Where a weight's elements go, or what is derived from them.
  struct Bound {
    std::uint32_t slot = 0;
    support::Pin pin;
  };
  // An input of each call that a dense layer has for its weight: packed by the call.
  struct PackedArgument {
    std::uint32_t input = 0;
    const plan::PackedLayout* layout = nullptr;
    support::CountedMemory memory;
  };
  struct OwnReader {
    support::Reader& reader = support::Reader::take(false);
    OwnReader() = default;
    ~OwnReader() { reader.leave(); }
    OwnReader(const OwnReader&) = delete;
    OwnReader& operator=(const OwnReader&) = delete;
  };

  void look_up(std::uint64_t since) noexcept;

  const std::shared_ptr<const NativeGraph> compiled_;
  std::vector<Bound> weights_;
  std::vector<PackedArgument> packed_arguments_;
  const std::int64_t batch_;
  std::uint32_t first_output_ = 0;
  std::vector<void*> slots_;
  support::CountedMemory workspace_;
  CallContext context_;
  OwnReader own_;
  std::uint64_t since_ = 0;  // the publication that the weights in the slots are of
};

}  // namespace mlpjit::runtime
