#pragma once
// Objects of a thread that stay usable to its very end.

namespace mlpjit::support {

// The calling thread's own T, made at the first use and destroyed when the thread ends. What runs
// after that (destructors of other thread-local or static objects, atexit handlers) finds a fresh
// one, which is never destroyed, where a thread_local T would be used after its destruction. Tag
// tells objects of one type apart.
template <class T, class Tag>
T& thread_object() {
  constinit static thread_local T* object = nullptr;
  if (object == nullptr) [[unlikely]] {
    struct AtThreadEnd {
      ~AtThreadEnd() {
        delete object;
        object = nullptr;
      }
    };
    static thread_local const AtThreadEnd at_thread_end;
    object = new T;
  }
  return *object;
}

}  // namespace mlpjit::support
