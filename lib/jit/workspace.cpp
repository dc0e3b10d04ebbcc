#include "lib/jit/workspace.h"

#include "lib/support/storage.h"

namespace mlpjit::jit {

namespace {

struct Arena {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  bool busy = false;

  ~Arena() { free(); }
  void free() {
    support::free_counted(data, bytes);
    data = nullptr;
    bytes = 0;
  }
};
thread_local Arena arena;

}  // namespace

WorkspaceScope::WorkspaceScope(std::size_t bytes) {
  if (bytes == 0) return;
  Arena& mine = arena;
  if (mine.busy) {
    data_ = support::allocate_counted(bytes);
    own_bytes_ = bytes;
    return;
  }
  if (mine.bytes < bytes) {
    mine.free();  // first, so that the old and the new never count together
    mine.data = support::allocate_counted(bytes);
    mine.bytes = bytes;
  }
  mine.busy = true;
  data_ = mine.data;
}

WorkspaceScope::~WorkspaceScope() {
  if (data_ == nullptr) return;
  if (own_bytes_ != 0) {
    support::free_counted(data_, own_bytes_);
  } else {
    arena.busy = false;
  }
}

void release_workspace() {
  if (!arena.busy) arena.free();
}

}  // namespace mlpjit::jit
