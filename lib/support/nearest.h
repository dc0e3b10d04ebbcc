#pragma once
// Names that somebody may have meant.

#include <span>
#include <string>
#include <string_view>

namespace mlpjit::support {

// "; did you mean 'relu'?" of the known names nearest to `name`, all of those equally near; ""
// where none is near: a letter changed, left out, added or exchanged with its neighbour, or, from
// six letters on, two.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> known);

}  // namespace mlpjit::support
