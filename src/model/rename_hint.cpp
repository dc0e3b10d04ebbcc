#include "src/model/rename_hint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "src/model/parameter_names.h"

namespace mlpjit::detail {
namespace {

using Sizes = std::vector<std::int64_t>;

// What a layer holds, by the last part of the names.
template <class Value>
struct Layer {
  std::string prefix;  // with the dot: "0.", "" at the root
  std::map<std::string, Value> members;
};

template <class Value>
void put(std::vector<Layer<Value>>& layers, const std::string& name, Value value) {
  const std::size_t dot = name.rfind('.');
  const std::size_t length = dot == std::string::npos ? 0 : dot + 1;
  const std::string prefix = name.substr(0, length);
  auto layer = std::find_if(layers.begin(), layers.end(),
                            [&](const Layer<Value>& each) { return each.prefix == prefix; });
  if (layer == layers.end()) layer = layers.insert(layers.end(), {prefix, {}});
  layer->members.emplace(name.substr(length), std::move(value));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "2." before "10.": headers may be sorted by letters.
bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const auto number = [](std::string_view text, std::size_t& at) {
        const std::size_t begin = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        return text.substr(begin, at - begin);
      };
      const std::string_view x = number(a, i), y = number(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

bool fits(const Layer<nn::Parameter>& wanted, const Layer<Sizes>& given,
          const nn::LoadOptions& options) {
  if (wanted.members.size() != given.members.size()) return false;
  return std::all_of(wanted.members.begin(), wanted.members.end(), [&](const auto& member) {
    auto found = given.members.find(member.first);
    if (found == given.members.end() && member.first == "gamma")
      found = given.members.find("weight");
    if (found == given.members.end() && member.first == "beta") found = given.members.find("bias");
    return found != given.members.end() && fits_parameter(found->second, member.second, options);
  });
}

}  // namespace

std::string rename_hint(const nn::ParameterDict& parameters, const StoredTensors& stored,
                        const nn::LoadOptions& options) {
  if (!options.rename.empty()) return {};
  std::vector<Layer<nn::Parameter>> wanted;
  for (const auto& [path, parameter] : parameters) put(wanted, path, parameter);
  std::vector<Layer<Sizes>> given;
  for (const std::string& name : stored.names()) {
    if (!is_batch_count(name)) put(given, name, stored.sizes(name));
  }
  if (wanted.size() != given.size()) return {};
  std::stable_sort(given.begin(), given.end(),
                   [](const auto& a, const auto& b) { return natural_less(a.prefix, b.prefix); });
  std::vector<std::string> pairs;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!fits(wanted[i], given[i], options)) return {};
    if (wanted[i].prefix != given[i].prefix)
      pairs.push_back(fmt::format("{{\"{}\", \"{}\"}}", given[i].prefix, wanted[i].prefix));
  }
  return fmt::format("{{{}}}", fmt::join(pairs, ", "));
}

}  // namespace mlpjit::detail
