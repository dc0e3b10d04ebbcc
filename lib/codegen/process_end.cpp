// The static objects of this library, LLVM's among them, are never destroyed. Code is compiled, run
// and freed until the very end of a process: by destructors of objects that were made before this
// library was opened, by atexit handlers, and by threads that are still at it when main returns.
//
// Destructors are registered through this function. Being hidden and linked in, it is the one that
// all of this library calls, and nobody else. Objects of threads are not its business.

extern "C" {

__attribute__((visibility("hidden"), used)) int __cxa_atexit(void (*)(void*), void*, void*);

int __cxa_atexit(void (*)(void*), void*, void*) {
  return 0;
}

}  // extern "C"
