#pragma once
// The binary interface of generated code, version kAbiVersion. See docs/abi.md.

#include <cstddef>
#include <cstdint>

namespace mlpjit::codegen {

inline constexpr std::uint32_t kAbiVersion = 4;

// The function of an object that is an EntryPoint.
inline constexpr const char* kEntryName = "mlpjit_entry";

struct Runtime;

// Units [begin, end) of a step of the plan, at least one. `scratch`: Plan::scratch_bytes of the
// thread's own, aligned to 64, no contents expected.
using RangeFunction = void (*)(const Runtime* runtime, void* const* slots, std::byte* workspace,
                               std::int64_t batch, std::int64_t begin, std::int64_t end,
                               std::byte* scratch);

// What generated code may call, besides functions of other generated code.
struct Runtime {
  // Runs the op of plan step `step` on the same slots and workspace, one that has no kernel or
  // whose kernel refuses a value; returns a status.
  std::int64_t (*library)(const Runtime* runtime, std::uint32_t step, void* const* slots,
                          std::byte* workspace) = nullptr;
  // Exact fused multiply-add for targets without the instruction.
  float (*fma_f32)(float a, float b, float c) = nullptr;
  double (*fma_f64)(double a, double b, double c) = nullptr;
  // Runs units [0, units) of a step, of some `cycles` each, in whatever ranges, on whatever
  // threads, and returns when all are done. Null: the code passes them as one range, on the thread
  // that called it.
  void (*parallel)(const Runtime* runtime, RangeFunction range, void* const* slots,
                   std::byte* workspace, std::int64_t batch, std::int64_t units,
                   std::int64_t cycles) = nullptr;
  void* self = nullptr;  // of the caller; generated code does not look at it
};

// Status: 0, or code | step << 32 with a code below.
enum StatusCode : std::uint32_t {
  kOk = 0,
  kLibraryFailed = 1,  // the callback keeps the exception
  kBadValue = 2,       // a caller that runs no library steps is asked for one: values were refused
};
constexpr StatusCode code_of(std::int64_t status) {
  return static_cast<StatusCode>(static_cast<std::uint32_t>(status));
}
constexpr std::int64_t make_status(StatusCode code, std::uint32_t step) {
  return static_cast<std::int64_t>(code) | (static_cast<std::int64_t>(step) << 32);
}

// slots: pointers in the order of Plan::slots. Buffers of the caller are aligned to their element;
// packed weights, constants and the workspace to 64. Inputs do not overlap outputs, an
// update at most its own input. `batch`: the
// value of the plan's symbol in this call; not looked at where all sizes are known. noexcept.
using EntryPoint = std::int64_t (*)(const Runtime* runtime, void* const* slots,
                                    std::byte* workspace, std::int64_t batch);

}  // namespace mlpjit::codegen
