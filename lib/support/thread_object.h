#pragma once
// Objects of a thread that stay usable to its very end.

#include <cxxabi.h>

#include <utility>

#include "lib/support/cache_line.h"

// The ABI's __dso_handle, by a name that the compiler does not declare by itself.
extern "C" __attribute__((visibility("hidden"))) void* mlpjit_dso_handle __asm__("__dso_handle");

namespace mlpjit::support {

// The calling thread's own T, made at the first use and destroyed when the thread ends. What runs
// within that (the host's code that T holds) or after it (destructors of other thread-local or
// static objects, atexit handlers) finds a fresh one, where a thread_local T would be used after
// its destruction. That is destroyed after them, too, a few times over: two objects whose
// destructors use each other must come to an end. Tag tells objects of one type apart.
template <class T, class Tag>
T& thread_object() {
  struct alignas(kApart) Apart {
    T object;
  };
  constinit static thread_local Apart* own = nullptr;
  constinit static thread_local int made = 0;
  if (own == nullptr) [[unlikely]] {
    own = new Apart{};
    const auto destroy = [](void*) { delete std::exchange(own, nullptr); };
    if (made++ < 4) abi::__cxa_thread_atexit(destroy, nullptr, &mlpjit_dso_handle);
  }
  return own->object;
}

}  // namespace mlpjit::support
