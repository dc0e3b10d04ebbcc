#include "src/model/symbol_checks.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <unordered_map>

#include "lib/ir/sizes.h"
#include "mlpjit/error.h"
#include "src/model/checks.h"

namespace mlpjit::detail {
namespace {

using ValuesByName = std::unordered_map<std::string_view, ir::ValueId>;

// What ops of the body give; a check can hold no other values.
ValuesByName values_by_name(const ir::Function& main) {
  ValuesByName values;
  for (const ir::OpId op : main.body().ops) {
    for (const ir::ValueId id : main.op(op).results) {
      if (!main.value(id).type.token) values.emplace(main.value(id).name, id);
    }
  }
  return values;
}

std::uint64_t hash_from(const SymbolPlace& place, const CheckedValueRecord& record) {
  std::uint64_t hash = 0;
  const char* const end = record.hash.data() + record.hash.size();
  const auto [stop, error] = std::from_chars(record.hash.data(), end, hash, 16);
  if (record.hash.size() != 16 || error != std::errc{} || stop != end) {
    place.fail(record.place.at,
               fmt::format("expected a hash of 16 hexadecimal digits, found '{}'", record.hash));
  }
  return hash;
}

CheckedValue value_from_record(const JsonText& source, const CheckedValueRecord& record,
                               const ValuesByName& values, StoredConstants& constants) {
  const SymbolPlace place{source, fmt::format("checks: value '{}'", record.value)};
  const auto found = values.find(record.value);
  if (found == values.end())
    place.fail(record.place.at,
               "expected the name of a value that a node of the program gives, each once");
  if (record.elements.has_value() == (!record.hash.empty() || record.norm.has_value()))
    place.fail(record.place.at, "expected either 'elements', or 'hash' and 'norm'");
  if (record.elements)
    return checked_value(found->second, literal_from_json(place, *record.elements, constants));
  if (!record.norm) place.fail(record.place.at, "expected 'norm' beside 'hash', found none");
  return {found->second, {}, hash_from(place, record), real_from_json(place, *record.norm)};
}

}  // namespace

CheckRecord check_to_record(const Check& check, const ir::Function& main,
                            WrittenConstants& constants) {
  CheckRecord record;
  for (const ir::Literal& input : check.inputs)
    record.inputs.push_back(literal_to_json(input, constants));
  for (const CheckedValue& value : check.values) {
    CheckedValueRecord& to = record.values.emplace_back();
    to.value = main.value(value.id).name;
    if (value.elements) {
      to.elements = literal_to_json(*value.elements, constants);
    } else {
      to.hash = fmt::format("{:016x}", value.hash);
      to.norm = real_to_json(value.norm);
    }
  }
  return record;
}

Check check_from_record(const JsonText& source, const CheckRecord& record, const ir::Function& main,
                        StoredConstants& constants) {
  const SymbolPlace place{source, "checks"};
  Check check;
  ir::Sizes sizes;
  for (std::size_t i = 0; i < main.inputs().size(); ++i) {
    if (main.inputs()[i].kind != ir::InputKind::argument) continue;
    const ir::Type& type = main.value(main.body().arguments[i]).type;
    if (check.inputs.size() == record.inputs.size())
      place.fail(record.place.at, "expected an input for each argument of the program");
    const Json& json = record.inputs[check.inputs.size()];
    const ir::Literal input = literal_from_json(place, json, constants);
    try {
      ir::match_shape(type.shape, input.shape, "input " + main.inputs()[i].name, sizes);
    } catch (const ShapeError& error) {
      place.fail(json.at, error.what());
    }
    if (input.dtype != type.dtype) {
      place.fail(json.at, fmt::format("expected {} as input '{}', found {}", to_string(type.dtype),
                                      main.inputs()[i].name, to_string(input.dtype)));
    }
    check.inputs.push_back(input);
  }
  if (check.inputs.size() != record.inputs.size())
    place.fail(record.place.at, "expected an input for each argument of the program");
  ValuesByName values = values_by_name(main);
  if (record.values.size() > kMostCheckedValues) {
    place.fail(record.place.at, fmt::format("expected at most {} values, found {}",
                                            kMostCheckedValues, record.values.size()));
  }
  for (const CheckedValueRecord& value : record.values) {
    check.values.push_back(value_from_record(source, value, values, constants));
    values.erase(value.value);  // each once
  }
  return check;
}

}  // namespace mlpjit::detail
