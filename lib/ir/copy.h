#pragma once
// The copier: how ops get from one function into another, or to a second place in the same one.
// Inlining, fusion, the recorder, the export and compact() all copy by it.

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/ir/graph.h"

namespace mlpjit::ir {

class Copier {
 public:
  // What the copies of values are called.
  enum class Names : std::uint8_t {
    numbered,  // "0", "1", ... as if nobody had named the originals
    given,     // the names that somebody gave, with a suffix where they are taken; else numbers
    all,       // as the originals, numbers included: for a copy of a whole function
  };

  // `from` and `to` may be one function; not so the region copied to and one inside of what is
  // copied.
  Copier(const Function& from, Function& to, Names names) : from_(from), to_(to), names_(names) {}

  // `to` stands for `from` in what is copied after this.
  void bind(ValueId from, ValueId to) { values_[from] = to; }
  bool has(ValueId from) const { return values_.contains(from); }
  // What stands for a value. One that is neither bound nor copied stands for itself within one
  // function; from another it is an InternalError.
  ValueId operator[](ValueId from) const;
  std::vector<ValueId> operator[](std::span<const ValueId> from) const;

  // Comes in front of the layer paths of what is copied.
  void set_path(std::string path) { path_ = std::move(path); }

  // Copies an op with its regions to the end of a region of `to`.
  OpId op(OpId from, RegionId to);
  // Copies the ops of a region, not its arguments and results.
  void ops(RegionId from, RegionId to);

 private:
  RegionId region(RegionId from);
  std::string name_of(ValueId from) const;
  std::string path_of(std::string path) const;

  const Function& from_;
  Function& to_;
  Names names_;
  std::string path_;
  std::unordered_map<ValueId, ValueId> values_;
};

// The function without arena entries that nothing reaches; ids are dense and in text order.
Function compact(const Function& function);

}  // namespace mlpjit::ir
