#pragma once
// What the parts of the verifier share: internal to lib/plan.

#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "lib/plan/plan.h"

namespace mlpjit::plan {

// Thrown and caught here.
struct Fault {
  std::string text;
};

template <class... Args>
void check(bool holds, fmt::format_string<Args...> format, Args&&... args) {
  if (!holds) throw Fault{fmt::format(format, std::forward<Args>(args)...)};
}

// Sizes are checked for these batch sizes.
inline constexpr std::int64_t kBatches[] = {1, 2, 3, 64};

// What one kernel and its units keep to by themselves.
void verify_kernel(const Plan& plan, const Step& step);

}  // namespace mlpjit::plan
