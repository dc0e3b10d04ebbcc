#pragma once

#include <atomic>
#include <memory>

namespace mlpjit::support {

// Whether nobody else has the object. Then what the others did with it is seen. Of an object
// without weak pointers.
template <class T>
bool is_sole(const std::shared_ptr<T>& object) noexcept {
  if (object.use_count() != 1) return false;
#if defined(__SANITIZE_THREAD__)  // knows no fences
  const std::shared_ptr<T> seen = object;
#else
  std::atomic_thread_fence(std::memory_order_acquire);  // with what the last of them let go by
#endif
  return true;
}

}  // namespace mlpjit::support
