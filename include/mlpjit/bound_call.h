#pragma once
/// @file
/// Calls for hard real time: everything that takes time is done when the call is bound, nothing but
/// the arithmetic when it is run.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "mlpjit/detail/value_list.h"
#include "mlpjit/dtype.h"
#include "mlpjit/export.h"
#include "mlpjit/tensor.h"

// A macro of X11's; behind it, `auto status = run(...)` names the type.
#pragma push_macro("Status")
#undef Status

namespace mlpjit {

namespace detail {
class BoundState;
struct BoundAccess;
}  // namespace detail

/// How a bound call ended. Other than `ok`, nothing was written, but for `failed`.
enum class Status : std::uint8_t {
  ok,
  wrong_count,  ///< another number of inputs or outputs than bound
  wrong_dtype,  ///< a buffer of another element type than bound
  wrong_size,   ///< a range of another number of elements than bound
  null_buffer,  ///< no buffer where elements are
  misaligned,   ///< a buffer that is not aligned to its element
  overlap,      ///< an output that overlaps an input or another output
  unbound,      ///< a BoundCall that was moved from, or is in use by another thread
  failed,       ///< a bug of mlpjit's
  bad_value,    ///< an index out of range in gather or one_hot; calling the net itself says which
};
/// "ok", "wrong_count", ...
MLPJIT_API std::string_view to_string(Status status);

/// Elements that a bound call reads: a pointer to the first of as many as bound, row-major, aligned
/// to the element; or a contiguous range, whose size is checked.
class BoundInput {
 public:
  /// The count of a pointer.
  static constexpr std::size_t kUncounted = (std::numeric_limits<std::size_t>::max)();

  template <detail::Element T>
  BoundInput(const T* data) noexcept  // NOLINT: pointers are given as they are
      : data_(data), dtype_(dtype_of<std::remove_cv_t<T>>) {}
  template <std::ranges::contiguous_range R>
    requires detail::Element<std::ranges::range_value_t<R>>
  BoundInput(const R& range) noexcept  // NOLINT: so are ranges
      : data_(std::ranges::data(range)),
        count_(std::ranges::size(range)),
        dtype_(dtype_of<std::ranges::range_value_t<R>>) {}
  template <class T>
  BoundInput(const HeldElements<T>& elements) noexcept  // NOLINT: so is what data() gives
      : BoundInput(std::span<T>(elements)) {}

  /// For elements whose type is known only at run time.
  BoundInput(DType dtype, const void* data, std::size_t count = kUncounted) noexcept
      : data_(data), count_(count), dtype_(dtype) {}

  const void* data() const noexcept { return data_; }
  /// The number of elements; kUncounted for a pointer.
  std::size_t count() const noexcept { return count_; }
  DType dtype() const noexcept { return dtype_; }

 private:
  const void* data_;
  std::size_t count_ = kUncounted;
  DType dtype_;
};

/// Elements that a bound call writes, given as those that it reads.
class BoundOutput {
 public:
  template <detail::Element T>
    requires(!std::is_const_v<T>)
  BoundOutput(T* data) noexcept  // NOLINT: pointers are given as they are
      : data_(data), dtype_(dtype_of<T>) {}
  template <std::ranges::contiguous_range R>
    requires(detail::Element<std::ranges::range_value_t<R>> &&
             !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<R>>>)
  BoundOutput(R&& range) noexcept  // NOLINT: so are ranges
      : data_(std::ranges::data(range)),
        count_(std::ranges::size(range)),
        dtype_(dtype_of<std::ranges::range_value_t<R>>) {}
  template <class T>
    requires(!std::is_const_v<T>)
  BoundOutput(const HeldElements<T>& elements) noexcept  // NOLINT: so is what mutable_data() gives
      : BoundOutput(std::span<T>(elements)) {}

  BoundOutput(DType dtype, void* data, std::size_t count = BoundInput::kUncounted) noexcept
      : data_(data), count_(count), dtype_(dtype) {}

  void* data() const noexcept { return data_; }
  std::size_t count() const noexcept { return count_; }
  DType dtype() const noexcept { return dtype_; }

 private:
  void* data_;
  std::size_t count_ = BoundInput::kUncounted;
  DType dtype_;
};

/// A program with its inputs' sizes, its packed weights and its workspace. What `bind` gives; see
/// there for what it refuses. One thread at a time runs it; bind several for several threads: code
/// and packed weights are shared, and each call sees the weights that were published last
/// (docs/weights.md), all of one publication.
class MLPJIT_API BoundCall {
 public:
  BoundCall(BoundCall&&) noexcept;
  BoundCall& operator=(BoundCall&&) noexcept;
  ~BoundCall();

  /// Runs it on the caller's memory. No allocation, no lock, no exception, no system call, no page
  /// fault. Inputs and outputs in the order of the network's.
  Status operator()(std::initializer_list<BoundInput> inputs,
                    std::initializer_list<BoundOutput> outputs) noexcept {
    return run(inputs.begin(), inputs.size(), outputs.begin(), outputs.size());
  }
  /// The same for numbers of buffers that are known only at run time.
  Status run(const BoundInput* inputs, std::size_t input_count, const BoundOutput* outputs,
             std::size_t output_count) noexcept;

  /// Runs it on tensors, and writes the results into `outputs`, which have the right types. For
  /// tests and tools: it checks, and may throw.
  /// @throws UserError, ShapeError, DTypeError when the tensors do not fit or share memory,
  /// ValueError where an index is out of range.
  void operator()(const Tensors& inputs, const Tensors& outputs);
  void operator()(const Tensor& input, const Tensor& output) { (*this)({input}, Tensors{output}); }

  /// What it is bound to.
  detail::ValueList<TensorSpec> inputs() const;
  detail::ValueList<TensorSpec> outputs() const;
  /// Bytes of its own: workspace and pointers. Code and packed weights are shared.
  std::size_t bytes() const;

 private:
  friend struct detail::BoundAccess;
  explicit BoundCall(std::unique_ptr<detail::BoundState> state);
  std::unique_ptr<detail::BoundState> state_;
};

}  // namespace mlpjit

#pragma pop_macro("Status")
