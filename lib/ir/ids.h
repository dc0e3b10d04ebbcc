#pragma once
// Dense typed ids into a function's arenas: an id of one kind cannot be taken for another.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace mlpjit::ir {

template <class Tag>
struct Id {
  static constexpr std::uint32_t kInvalid = UINT32_MAX;
  std::uint32_t index = kInvalid;

  constexpr Id() = default;
  constexpr explicit Id(std::size_t i) : index(static_cast<std::uint32_t>(i)) {}
  constexpr bool valid() const { return index != kInvalid; }
  friend constexpr auto operator<=>(Id, Id) = default;
};

using ValueId = Id<struct ValueTag>;
using OpId = Id<struct OpTag>;
using RegionId = Id<struct RegionTag>;

}  // namespace mlpjit::ir

template <class Tag>
struct std::hash<mlpjit::ir::Id<Tag>> {
  std::size_t operator()(mlpjit::ir::Id<Tag> id) const noexcept { return id.index; }
};
