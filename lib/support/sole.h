#pragma once
// Whether a shared object has one owner.

#include <atomic>
#include <memory>

namespace mlpjit::support {

#if defined(__SANITIZE_THREAD__)
#define MLPJIT_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MLPJIT_THREAD_SANITIZER
#endif
#endif

// Whether nobody else has the object. Then what the others did with it is seen. Of an object whose
// weak pointers nobody turns into owners meanwhile.
template <class T>
bool is_sole(const std::shared_ptr<T>& object) noexcept {
  if (object.use_count() != 1) return false;
#if defined(MLPJIT_THREAD_SANITIZER)  // knows no fences
  const std::shared_ptr<T> seen = object;
#else
  std::atomic_thread_fence(std::memory_order_acquire);  // with what the last of them let go by
#endif
  return true;
}

}  // namespace mlpjit::support
