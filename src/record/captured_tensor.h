#pragma once
// A tensor that a program of jit() or hybridize() captured. Its handles of this kind are counted: a
// tensor that has no others is one that the function lost, as when its variable was assigned
// another.

#include <atomic>
#include <utility>

#include "mlpjit/tensor.h"

namespace mlpjit::detail {

// A handle. Made, copied and destroyed by any thread.
class CapturedTensor {
 public:
  CapturedTensor() = default;
  explicit CapturedTensor(const Tensor& tensor);
  CapturedTensor(const CapturedTensor& other) : CapturedTensor(other.tensor_) {}
  CapturedTensor(CapturedTensor&& other) noexcept
      : tensor_(std::move(other.tensor_)), count_(std::exchange(other.count_, nullptr)) {}
  CapturedTensor& operator=(CapturedTensor other) noexcept {
    std::swap(tensor_, other.tensor_);
    std::swap(count_, other.count_);
    return *this;
  }
  CapturedTensor& operator=(const Tensor& tensor) { return *this = CapturedTensor(tensor); }
  ~CapturedTensor();

  const Tensor& handle() const { return tensor_; }
  operator const Tensor&() const { return tensor_; }  // NOLINT
  bool defined() const { return tensor_.defined(); }

  // Whether all handles of the tensor are of this kind: nobody but programs can reach it. Two
  // relaxed loads where others have it too.
  bool lost() const;

 private:
  struct Count;
  bool surely_lost() const;

  Tensor tensor_;
  Count* count_ = nullptr;  // of the tensor; shared
};

}  // namespace mlpjit::detail
