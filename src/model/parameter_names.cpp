#include "src/model/parameter_names.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace mlpjit::detail {
namespace {

// What the stars of a pattern stand for in a text that it fits; each but the last as short as can
// be. From left to right, so that no name takes long.
std::optional<std::vector<std::string>> matched(std::string_view pattern, std::string_view text) {
  const std::size_t first = pattern.find('*');
  if (first == std::string_view::npos)
    return pattern == text ? std::optional(std::vector<std::string>()) : std::nullopt;
  if (!text.starts_with(pattern.substr(0, first))) return std::nullopt;
  text.remove_prefix(first);
  pattern.remove_prefix(first + 1);
  std::vector<std::string> stars;
  for (std::size_t star = pattern.find('*'); star != std::string_view::npos;
       star = pattern.find('*')) {
    const std::string_view between = pattern.substr(0, star);
    const std::size_t at = text.find(between);
    if (at == std::string_view::npos) return std::nullopt;
    stars.emplace_back(text.substr(0, at));
    text.remove_prefix(at + between.size());
    pattern.remove_prefix(star + 1);
  }
  if (!text.ends_with(pattern)) return std::nullopt;
  stars.emplace_back(text.substr(0, text.size() - pattern.size()));
  return stars;
}

// The stars of `to` are filled in their order.
std::string filled(std::string_view to, const std::vector<std::string>& stars) {
  std::string text;
  std::size_t next = 0;
  for (const char c : to) {
    if (c == '*' && next < stars.size())
      text += stars[next++];
    else
      text += c;
  }
  return text;
}

// The name by one rule, where it fits.
std::optional<std::string> by_rule(const std::string& from, const std::string& to,
                                   const std::string& name) {
  if (from.find('*') == std::string::npos) {
    if (!name.starts_with(from)) return std::nullopt;
    return to + name.substr(from.size());
  }
  const auto stars = matched(from, name);
  return stars ? std::optional(filled(to, *stars)) : std::nullopt;
}

std::pair<std::string, std::string> split_last(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  const std::size_t length = dot == std::string::npos ? 0 : dot + 1;
  return {name.substr(0, length), name.substr(length)};
}

}  // namespace

std::string Renaming::operator()(const std::string& name) {
  std::optional<std::string> best;
  std::size_t length = 0;
  for (const auto& [from, to] : rules_) {
    const std::optional<std::string> renamed = by_rule(from, to, name);
    if (!renamed) continue;
    used_.insert(from);
    if (best && from.size() <= length) continue;
    best = renamed;
    length = from.size();
  }
  return best.value_or(name);
}

std::string Renaming::unused() const {
  std::string text;
  for (const auto& [from, to] : rules_) {
    if (!used_.contains(from))
      text += fmt::format("{}{{\"{}\", \"{}\"}}", text.empty() ? "" : ", ", from, to);
  }
  return text;
}

std::string member_name(const std::string& name, const nn::ParameterDict& parameters) {
  if (parameters.contains(name)) return name;
  const auto [layer, member] = split_last(name);
  const std::string ours = member == "weight" ? "gamma" : member == "bias" ? "beta" : "";
  return !ours.empty() && parameters.contains(layer + ours) ? layer + ours : name;
}

bool is_batch_count(std::string_view name) {
  return name == "num_batches_tracked" || name.ends_with(".num_batches_tracked");
}

bool is_of_program(std::string_view name) {
  return name.starts_with("constant.") || name.starts_with("capture.") ||
         name.starts_with("check.");
}

}  // namespace mlpjit::detail
