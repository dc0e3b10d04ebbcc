#include "lib/support/nearest.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace mlpjit::support {
namespace {

// Edits that make one word of the other: optimal string alignment.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view name, std::span<const std::string_view> known) {
  std::size_t nearest = name.size() < 6 ? 1 : 2;
  std::vector<std::string_view> meant;
  for (const std::string_view other : known) {
    const std::size_t far = distance(name, other);
    if (far > nearest || far >= std::max(name.size(), other.size())) continue;
    if (far < nearest) meant.clear();
    nearest = far;
    meant.push_back(other);
  }
  if (meant.empty()) return {};
  std::string text = "; did you mean ";
  for (std::size_t i = 0; i < meant.size(); ++i) {
    text += i == 0 ? "" : i + 1 == meant.size() ? " or " : ", ";
    text += "'" + std::string(meant[i]) + "'";
  }
  return text + "?";
}

}  // namespace mlpjit::support
