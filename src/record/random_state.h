#pragma once
// This thread's random stream, as the random ops take it.

#include <cstdint>

namespace mlpjit::detail {

// {seed, draw number}.
std::int64_t* random_state();

}  // namespace mlpjit::detail
