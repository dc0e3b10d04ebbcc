#include "lib/runtime/call_context.h"

#include <cmath>

namespace mlpjit::runtime {

codegen::Runtime CallContext::make_runtime() {
  codegen::Runtime runtime;
  runtime.library = &CallContext::run_library;
  runtime.fma_f32 = [](float a, float b, float c) { return std::fma(a, b, c); };
  runtime.fma_f64 = [](double a, double b, double c) { return std::fma(a, b, c); };
  return runtime;
}

std::int64_t CallContext::run_library(const codegen::Runtime* runtime, std::uint32_t step,
                                      void* const* slots, std::byte* workspace) noexcept {
  auto* call = static_cast<CallContext*>(runtime->self);
  if (call->library_ == Library::refused) return codegen::make_status(codegen::kBadValue, step);
  try {
    call->steps_.run(step, slots, workspace, call->batch_);
    return codegen::kOk;
  } catch (...) {
    call->error_ = std::current_exception();  // no exception crosses generated code
    return codegen::make_status(codegen::kLibraryFailed, step);
  }
}

void CallContext::run_divided(const codegen::Runtime* runtime, codegen::RangeFunction range,
                              void* const* slots, std::byte* workspace, std::int64_t batch,
                              std::int64_t units, std::int64_t cycles) noexcept {
  const auto* call = static_cast<const CallContext*>(runtime->self);
  const std::shared_ptr<Team> team = Team::of_this_thread(*call->sharing_);
  if (team == nullptr) return range(runtime, slots, workspace, batch, 0, units, call->scratch_);
  team->run({runtime, range, slots, workspace, batch, units, call->scratch_bytes_}, cycles,
            call->scratch_);
}

}  // namespace mlpjit::runtime
