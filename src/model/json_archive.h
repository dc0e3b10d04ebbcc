#pragma once
// Archives of cereal over Json: one description of a record, `archive(place, nvp, optional, ...)`,
// writes it and reads it. Unlike cereal's own JSON archives they know members that may be left out,
// refuse members that are not described, and say where in the file something is wrong.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cereal/cereal.hpp>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "src/model/json.h"

namespace mlpjit::detail {

// Where a record stands in the text that it was read from.
struct Place {
  std::uint32_t at = 0;
};

// A member that is left out when it has its default, which it keeps when it is absent.
template <class T>
struct OptionalMember {
  const char* name;
  T& value;
};
template <class T>
OptionalMember<T> optional(const char* name, T& value) {
  return {name, value};
}

// A record is a class with a description, `template <class A> void serialize(A&, Record&)`.
template <class T>
concept Record = requires { typename T::is_record; };

class JsonWriter : public cereal::OutputArchive<JsonWriter> {
 public:
  JsonWriter() : OutputArchive(this), slot_(&root_) {}
  Json take() { return std::move(root_); }

  void put(Json json) { *slot_ = std::move(json); }
  template <class T>
  void member(const char* name, const T& value) {
    Json* const object = slot_;
    Json inner;
    slot_ = &inner;
    (*this)(value);
    slot_ = object;
    std::get<Json::Object>(object->value).push_back({name, std::move(inner)});
  }
  template <class T>
  void item(const T& value) {
    Json* const array = slot_;
    Json inner;
    slot_ = &inner;
    (*this)(value);
    slot_ = array;
    std::get<Json::Array>(array->value).push_back(std::move(inner));
  }

 private:
  Json root_;
  Json* slot_;
};

class JsonReader : public cereal::InputArchive<JsonReader> {
 public:
  // `path` leads to `root`, for messages.
  JsonReader(const JsonText& source, const Json& root, std::string path = {})
      : InputArchive(this), source_(source), now_(&root), path_(std::move(path)) {}

  const Json& now() const { return *now_; }
  // Throws FormatError that names where `now` stands.
  [[noreturn]] void fail(const std::string& what) const {
    source_.fail(now_->at, path_.empty() ? what : path_ + ": " + what);
  }
  [[noreturn]] void fail_expected(const std::string& expected) const {
    fail(fmt::format("expected {}, found {}", expected, kind_of(*now_)));
  }

  template <class T>
  void member(const char* name, T& value, bool required) {
    used_.emplace_back(name);
    if (const Json* found = now_->find(name)) return visit(*found, std::string(".") + name, value);
    if (required) fail(fmt::format("expected a member '{}', found none", name));
  }
  template <class T>
  void item(const Json& json, std::size_t index, T& value) {
    visit(json, fmt::format("[{}]", index), value);
  }

  void begin_record() {
    if (now_->object() == nullptr) fail_expected("an object");
    used_.clear();
  }
  // Whether every member was described.
  void end_record(const std::vector<std::string>& used) const {
    for (const Json::Member& member : *now_->object()) {
      if (std::find(used.begin(), used.end(), member.name) != used.end()) continue;
      source_.fail(member.at, fmt::format("{}unknown member '{}'; there are: {}",
                                          path_.empty() ? "" : path_ + ": ", member.name,
                                          fmt::join(used, ", ")));
    }
  }
  const std::vector<std::string>& used() const { return used_; }

 private:
  template <class T>
  void visit(const Json& json, const std::string& step, T& value) {
    const Json* const outer = now_;
    const std::size_t length = path_.size();
    std::vector<std::string> used = std::move(used_);
    path_ += path_.empty() && step[0] == '.' ? step.substr(1) : step;
    now_ = &json;
    (*this)(value);
    now_ = outer;
    path_.resize(length);
    used_ = std::move(used);
  }

  const JsonText& source_;
  const Json* now_;
  std::string path_;               // "nodes[3].attributes"
  std::vector<std::string> used_;  // members described so far of the record
};

template <Record T>
void prologue(JsonWriter& archive, const T&) {
  archive.put({Json::Object(), 0});
}
template <Record T>
void epilogue(JsonWriter&, const T&) {}
template <Record T>
void prologue(JsonReader& archive, const T&) {
  archive.begin_record();
}
template <Record T>
void epilogue(JsonReader& archive, const T&) {
  archive.end_record(archive.used());
}

inline void save(JsonWriter&, const Place&) {}
inline void load(JsonReader& archive, Place& place) {
  place.at = archive.now().at;
}

template <class T>
void save(JsonWriter& archive, const cereal::NameValuePair<T>& member) {
  archive.member(member.name, member.value);
}
template <class T>
void load(JsonReader& archive, cereal::NameValuePair<T>& member) {
  archive.member(member.name, member.value, true);
}
template <class T>
bool is_default(const T& value) {
  if constexpr (requires { value.empty(); }) {
    return value.empty();
  } else if constexpr (requires { value.has_value(); }) {
    return !value.has_value();
  } else {
    return value == T();
  }
}
template <class T>
void save(JsonWriter& archive, const OptionalMember<T>& member) {
  if (!is_default(member.value)) archive.member(member.name, member.value);
}
template <class T>
void load(JsonReader& archive, OptionalMember<T>& member) {
  archive.member(member.name, member.value, false);
}

template <class T>
void save(JsonWriter& archive, const std::optional<T>& value) {
  archive(*value);
}
template <class T>
void load(JsonReader& archive, std::optional<T>& value) {
  archive(value.emplace());
}

inline void save(JsonWriter& archive, const bool& flag) {
  archive.put({flag, 0});
}
inline void load(JsonReader& archive, bool& flag) {
  const bool* found = std::get_if<bool>(&archive.now().value);
  if (found == nullptr) archive.fail_expected("true or false");
  flag = *found;
}

inline void save(JsonWriter& archive, const std::string& text) {
  archive.put({text, 0});
}
inline void load(JsonReader& archive, std::string& text) {
  const std::string* found = archive.now().string();
  if (found == nullptr) archive.fail_expected("a string");
  text = *found;
}

inline void save(JsonWriter& archive, const int& number) {
  archive.put({Json::Number{std::to_string(number)}, 0});
}
inline void load(JsonReader& archive, int& number) {
  const Json::Number* found = archive.now().number();
  if (found == nullptr) archive.fail_expected("an integer");
  const char* const end = found->text.data() + found->text.size();
  const auto [stop, error] = std::from_chars(found->text.data(), end, number);
  if (error != std::errc{} || stop != end)
    archive.fail("expected an integer, found " + found->text);
}

// As it is.
inline void save(JsonWriter& archive, const Json& json) {
  archive.put(json);
}
inline void load(JsonReader& archive, Json& json) {
  json = archive.now();
}

template <class T>
void save(JsonWriter& archive, const std::vector<T>& values) {
  archive.put({Json::Array(), 0});
  for (const T& value : values) archive.item(value);
}
template <class T>
void load(JsonReader& archive, std::vector<T>& values) {
  const Json::Array* items = archive.now().array();
  if (items == nullptr) archive.fail_expected("an array");
  // Grown as items prove to be what they should: a record is larger than a wrong item's text.
  values.clear();
  for (std::size_t i = 0; i < items->size(); ++i)
    archive.item((*items)[i], i, values.emplace_back());
}

inline void save(JsonWriter& archive, const std::map<std::string, std::string>& strings) {
  Json::Object members;
  for (const auto& [name, value] : strings) members.push_back({name, {value, 0}, 0});
  archive.put({std::move(members), 0});
}
inline void load(JsonReader& archive, std::map<std::string, std::string>& strings) {
  const Json::Object* members = archive.now().object();
  if (members == nullptr) archive.fail_expected("an object of strings");
  for (const Json::Member& member : *members) {
    const std::string* text = member.value.string();
    if (text == nullptr) archive.fail(fmt::format("expected a string for '{}'", member.name));
    strings[member.name] = *text;
  }
}

}  // namespace mlpjit::detail
