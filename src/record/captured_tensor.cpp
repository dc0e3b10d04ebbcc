#include "src/record/captured_tensor.h"

#include <memory>
#include <mutex>
#include <unordered_map>

#include "src/record/tensor_impl.h"

namespace mlpjit::detail {

// Handles and their number change together under the lock of all counts, but for handles that go:
// those are counted out first. So who has the lock never sees more counted handles than there are.
struct CapturedTensor::Count {
  std::atomic<long> handles{0};

  struct All {
    std::mutex mutex;
    std::unordered_map<const TensorImpl*, std::unique_ptr<Count>> of;
  };
  static All& all() {
    static All* const one = new All;  // programs may outlive any other
    return *one;
  }
};

CapturedTensor::CapturedTensor(const Tensor& tensor) {
  if (!tensor.defined()) return;
  Count::All& all = Count::all();
  const std::lock_guard lock(all.mutex);
  std::unique_ptr<Count>& count = all.of[TensorAccess::impl(tensor).get()];
  if (!count) count = std::make_unique<Count>();
  count_ = count.get();
  tensor_ = tensor;
  count_->handles.fetch_add(1, std::memory_order_relaxed);
}

CapturedTensor::~CapturedTensor() {
  if (count_ == nullptr) return;
  Count::All& all = Count::all();
  const std::lock_guard lock(all.mutex);
  if (count_->handles.fetch_sub(1, std::memory_order_relaxed) == 1)
    all.of.erase(TensorAccess::impl(tensor_).get());
  // The handle goes after the lock: members are destroyed last.
}

bool CapturedTensor::lost() const {
  if (count_ == nullptr ||
      TensorAccess::impl(tensor_).use_count() > count_->handles.load(std::memory_order_relaxed)) {
    return false;
  }
  return surely_lost();
}

// Two loads may have seen different moments.
bool CapturedTensor::surely_lost() const {
  const std::lock_guard lock(Count::all().mutex);
  return TensorAccess::impl(tensor_).use_count() == count_->handles.load(std::memory_order_relaxed);
}

}  // namespace mlpjit::detail
