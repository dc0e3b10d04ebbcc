#pragma once
// The functions that this process has compiled: a program calls those of programs before it that
// are made from the same, instead of having them compiled again. So another batch size of a known
// network takes no more than its calls of steps.

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/object/object.h"
#include "lib/plan/target.h"

namespace mlpjit::codegen {

// The name of a function that is made from `form` for a target: functions of one name do the same.
std::string symbol_of(std::string_view kind, std::string_view form, const plan::Target& target);

// Safe from any number of threads.
class KnownFunctions {
 public:
  // The object that has it; null where there is none, or nobody has it any more.
  std::shared_ptr<const object::Object> find(const std::string& symbol) const;
  void add(const std::vector<std::string>& symbols, std::shared_ptr<const object::Object> object);

 private:
  void forget_freed();

  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<const object::Object>> objects_;  // by symbol
  std::size_t looked_through_ = 0;  // how many of these were left the last time
  // Kept, though nobody may have them: of networks that are made again.
  std::deque<std::shared_ptr<const object::Object>> recent_;
};

}  // namespace mlpjit::codegen
