#include "lib/support/publication.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "mlpjit/error.h"

namespace mlpjit::support {

void check_may_write(const Storage& storage, const char* call) {
  const Update* update = thread_reader.update;
  if (update == nullptr || !(storage.published() || update->has(storage))) return;
  throw UserError(std::string(call) +
                  ": the tensor is one that programs read, and is written to within the call of a "
                  "program that updates tensors (by a stream that it prints to, say); write to it "
                  "when the call is over");
}

Publication::Publication(bool seen)
    : seen_(seen),
      outer_(seen ? thread_reader.publication : nullptr),
      first_inside_(Storage::id_after_all()) {
  if (seen && outer_ == nullptr) thread_reader.publication = this;
}

Publication::~Publication() {
  if (outer_ != nullptr) return;
  if (seen_) thread_reader.publication = nullptr;
  if (thread_reader.depth > 0) thread_reader.changed();
  for (const Entry& entry : entries_) {
    if (entry.made != nullptr) entry.storage->discard(entry.made);
  }
}

const Contents* Publication::prepared(const Storage& storage) const noexcept {
  const auto found = index_.find(&storage);
  return found == index_.end() ? nullptr : entries_[found->second].made;
}

void* Publication::prepare(Storage& storage, bool keep) {
  if (outer_ != nullptr) return outer_->prepare(storage, keep);
  if (const auto found = index_.find(&storage); found != index_.end()) {
    Entry& entry = entries_[found->second];
    if (thread_reader.programs > 0) {
      auto next = std::make_unique<Contents>(storage.bytes());
      if (storage.bytes() > 0) std::memcpy(next->data(), entry.made->data(), storage.bytes());
      entry.before.emplace_back(std::exchange(entry.made, nullptr));
      entry.made = next.release();
    }
    entry.made->forget_derived();
    if (thread_reader.depth > 0) thread_reader.changed();
    return entry.made->data();
  }
  if (storage.id() >= first_inside_ && !storage.published()) {
    storage.latest().forget_derived();
    return storage.latest().data();
  }
  entries_.push_back({storage.shared_from_this(), nullptr, {}});
  {
    // As long as the latest are copied; what no program reads no other thread writes to.
    std::unique_lock lock(storage.write_lock_, std::defer_lock);
    if (storage.published()) lock.lock();
    entries_.back().made = storage.fresh(keep);
  }
  index_.emplace(&storage, entries_.size() - 1);
  if (thread_reader.depth > 0) thread_reader.changed();
  return entries_.back().made->data();
}

void Publication::commit() {
  if (outer_ != nullptr || entries_.empty()) return;
  if (Publication* outer = seen_ ? nullptr : thread_reader.publication) {
    for (const Entry& entry : entries_) {
      void* to = outer->prepare(*entry.storage, false);
      if (entry.storage->bytes() > 0) std::memcpy(to, entry.made->data(), entry.storage->bytes());
    }
    return;
  }
  Freed freed;  // let go when the locks are open again
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.storage->id() < b.storage->id(); });
  index_.clear();
  std::vector<std::unique_lock<ForkSafeLock>> locks;
  locks.reserve(entries_.size());
  std::vector<std::pair<Storage*, Contents*>> made;
  made.reserve(entries_.size());
  for (Entry& entry : entries_) {
    Storage& storage = *entry.storage;
    if (storage.published()) locks.emplace_back(storage.write_lock_);
    if (storage.exposed()) continue;
    storage.derive_all(*entry.made);
    entry.made->hand_over();
    made.emplace_back(&storage, entry.made);
  }
  if (!made.empty()) freed = publish(made);
  if (seen_) thread_reader.publication = nullptr;
  for (Entry& entry : entries_) {
    const Storage& storage = *entry.storage;
    if (!storage.exposed())
      entry.made = nullptr;
    else if (storage.bytes() > 0)
      std::memcpy(storage.latest().data(), entry.made->data(), storage.bytes());
  }
}

Write::Write(Storage& storage, bool keep, const char* call) : storage_(storage) {
  check_may_write(storage, call);
  if (Publication* publication = thread_reader.publication) {
    before_ = to_ = publication->prepare(storage, true);
    return;
  }
  if (storage.published() && !storage.exposed()) lock_ = std::unique_lock(storage.write_lock_);
  if (lock_.owns_lock() && !storage.exposed()) {
    const Contents& latest = storage.latest();
    before_ = latest.data();
    // Whoever looks at a span sees old or current elements, and this thread what it writes.
    const bool seen = latest.visible(thread_reader.since, thread_reader.author);
    if (latest.spanned_.load(std::memory_order_relaxed) != 0 || !seen || !sole_.emplace()) {
      made_ = storage.fresh(keep);
      to_ = made_->data();
      return;
    }
  }
  storage.latest().forget_derived();
  before_ = to_ = storage.latest().data();
}

Write::~Write() {
  if (made_ != nullptr) storage_.discard(made_);
}

void Write::done() {
  if (made_ != nullptr) {
    storage_.derive_all(*made_);
    made_->hand_over();
    const std::pair<Storage*, Contents*> made{&storage_, made_};
    freed_ = publish({&made, 1});
    made_ = nullptr;
  } else if (lock_.owns_lock()) {
    freed_ = publish({});  // what was derived is gone
  }
}

Update::Update(std::span<Storage* const> storages) : joins_(thread_reader.publication) {
  if (thread_reader.update != nullptr) {
    throw UserError(
        "a program that updates tensors is called within the call of another one (by a stream that "
        "it prints to, say); call it when the other call is over, or make one program of both");
  }
  storages_.reserve(storages.size());
  for (Storage* storage : storages) storages_.emplace_back(storage, nullptr);
  std::sort(storages_.begin(), storages_.end(),
            [](const auto& a, const auto& b) { return a.first->id() < b.first->id(); });
  storages_.erase(std::unique(storages_.begin(), storages_.end()), storages_.end());
  for (const auto& [storage, made] : storages_) {
    if (joins_ == nullptr) storage->write_lock_.lock();
  }
  thread_reader.update = this;
}

Update::~Update() {
  thread_reader.update = nullptr;
  for (const auto& [storage, made] : storages_) {
    if (made != nullptr) storage->discard(made);
    if (joins_ == nullptr) storage->write_lock_.unlock();
  }
}

bool Update::has(const Storage& storage) const {
  return std::any_of(storages_.begin(), storages_.end(),
                     [&](const auto& entry) { return entry.first == &storage; });
}

const Contents& Update::before(const Storage& storage) const {
  const Contents* known = joins_ == nullptr ? nullptr : joins_->prepared(storage);
  return known == nullptr ? storage.latest() : *known;
}

void* Update::to(Storage& storage) {
  if (joins_ != nullptr) return joins_->prepare(storage, true);
  if (!storage.published() || storage.exposed()) return storage.latest().data();
  const auto entry = std::find_if(storages_.begin(), storages_.end(),
                                  [&](const auto& each) { return each.first == &storage; });
  if (entry->second == nullptr) entry->second = storage.fresh(false);
  return entry->second->data();
}

void Update::commit() {
  std::size_t published = 0;
  for (auto& [storage, made] : storages_) {
    if (made != nullptr) {
      storage->derive_all(*made);
      ++published;
    } else if (joins_ != nullptr) {
      joins_->prepare(*storage, true);  // what the program derived is of the elements before
    } else {
      storage->latest().forget_derived();
    }
  }
  if (published == 0) return;
  // Those that are published first, for one span.
  std::partition(storages_.begin(), storages_.end(),
                 [](const auto& entry) { return entry.second != nullptr; });
  freed_ = publish({storages_.data(), published});
  for (auto& entry : storages_) entry.second = nullptr;
}

}  // namespace mlpjit::support
