#include "src/model/json.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <optional>

#include "lib/support/byte_order_mark.h"
#include "mlpjit/error.h"

namespace mlpjit::detail {
namespace {

constexpr std::size_t kColumns = 140;

// Takes the events of RapidJSON's iterative reader.
class Handler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Handler> {
 public:
  explicit Handler(const rapidjson::MemoryStream& stream) : stream_(stream) {}

  Json root;
  std::string problem;  // what was wrong, when a callback gave false
  std::optional<std::uint32_t> problem_at;

  bool Null() { return add(nullptr, 4); }
  bool Bool(bool flag) { return add(flag, flag ? 4 : 5); }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool) {
    return add(Json::Number{std::string(text, length)}, length);
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    return add(std::string(text, length), length + 2);
  }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    auto& members = std::get<Json::Object>(open_.back()->value);
    members.push_back({std::string(text, length), {}, before(length + 2)});
    return true;
  }
  bool StartObject() { return start(Json::Object()); }
  bool StartArray() { return start(Json::Array()); }
  bool EndObject(rapidjson::SizeType) {
    const bool distinct = check_names(std::get<Json::Object>(open_.back()->value));
    open_.pop_back();
    return distinct;
  }
  bool EndArray(rapidjson::SizeType) {
    open_.pop_back();
    return true;
  }

 private:
  // The reader has just taken `length` bytes; escapes make it a few more, which does not matter for
  // a place in a message.
  std::uint32_t before(std::size_t length) const {
    const std::size_t now = stream_.Tell();
    return static_cast<std::uint32_t>(now > length ? now - length : 0);
  }
  bool fail(std::string what) {
    problem = std::move(what);
    return false;
  }
  template <class Value>
  bool add(Value value, std::size_t length) {
    if (++count_ > kMaxJsonValues)
      return fail(fmt::format("expected at most {} values", kMaxJsonValues));
    Json* slot = &root;
    if (!open_.empty()) {
      Json& parent = *open_.back();
      if (auto* items = std::get_if<Json::Array>(&parent.value)) {
        slot = &items->emplace_back();
      } else {
        slot = &std::get<Json::Object>(parent.value).back().value;
      }
    }
    slot->value = std::move(value);
    slot->at = before(length);
    last_ = slot;
    return true;
  }
  template <class Container>
  bool start(Container container) {
    if (open_.size() == kMaxJsonDepth)
      return fail(fmt::format("expected values nested at most {} deep", kMaxJsonDepth));
    if (!add(std::move(container), 1)) return false;
    open_.push_back(last_);
    return true;
  }
  bool check_names(const Json::Object& members) {
    std::vector<const Json::Member*> sorted;
    for (const Json::Member& member : members) sorted.push_back(&member);
    std::sort(sorted.begin(), sorted.end(), [](const Json::Member* a, const Json::Member* b) {
      return a->name != b->name ? a->name < b->name : a->at < b->at;
    });
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i]->name != sorted[i - 1]->name) continue;
      problem_at = sorted[i]->at;
      return fail(fmt::format("the name '{}' appears twice in one object", sorted[i]->name));
    }
    return true;
  }

  const rapidjson::MemoryStream& stream_;
  // Growing a container moves its elements; the open ones are each the last of their parent, and a
  // parent gets no other element while they are open.
  std::vector<Json*> open_;
  Json* last_ = nullptr;
  std::size_t count_ = 0;
};

class Printer {
 public:
  std::string text;

  void print(const Json& json, std::size_t indent) {
    const std::size_t start = text.size();
    const std::size_t column =
        start - (text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
    if (one_line(json, start + (kColumns > column ? kColumns - column : 0))) return;
    text.resize(start);
    if (const auto* items = json.array()) {
      broken(*items, '[', ']', indent, [&](const Json& item) { print(item, indent + 2); });
    } else if (const auto* members = json.object()) {
      broken(*members, '{', '}', indent, [&](const Json::Member& member) {
        quote(member.name);
        text += ": ";
        print(member.value, indent + 2);
      });
    } else {
      one_line(json, SIZE_MAX);  // a long string cannot be broken
    }
  }

 private:
  // False, with a beginning of it written, when the text would grow beyond `limit`.
  bool one_line(const Json& json, std::size_t limit) {
    if (text.size() > limit) return false;
    if (const auto* items = json.array()) {
      text += '[';
      for (std::size_t i = 0; i < items->size(); ++i) {
        if (i > 0) text += ", ";
        if (!one_line((*items)[i], limit)) return false;
      }
      text += ']';
    } else if (const auto* members = json.object()) {
      text += '{';
      for (std::size_t i = 0; i < members->size(); ++i) {
        if (i > 0) text += ", ";
        quote((*members)[i].name);
        text += ": ";
        if (!one_line((*members)[i].value, limit)) return false;
      }
      text += '}';
    } else if (const auto* string = json.string()) {
      quote(*string);
    } else if (const auto* number = json.number()) {
      text += number->text;
    } else if (const bool* flag = std::get_if<bool>(&json.value)) {
      text += *flag ? "true" : "false";
    } else {
      text += "null";
    }
    return text.size() <= limit;
  }

  template <class Items, class Each>
  void broken(const Items& items, char open, char close, std::size_t indent, const Each& each) {
    text += open;
    for (std::size_t i = 0; i < items.size(); ++i) {
      text += i > 0 ? ",\n" : "\n";
      text.append(indent + 2, ' ');
      each(items[i]);
    }
    text += '\n';
    text.append(indent, ' ');
    text += close;
  }

  void quote(const std::string& string) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                      rapidjson::CrtAllocator, rapidjson::kWriteValidateEncodingFlag>
        writer(buffer);
    if (!writer.String(string.data(), static_cast<rapidjson::SizeType>(string.size()))) {
      throw UserError(fmt::format("a symbol file is UTF-8, '{}' is not", string));
    }
    text.append(buffer.GetString(), buffer.GetSize());
  }
};

}  // namespace

const Json* Json::find(std::string_view name) const {
  const Object* members = object();
  if (members == nullptr) return nullptr;
  for (const Member& member : *members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

std::string_view kind_of(const Json& json) {
  switch (json.value.index()) {
    case 0: return "null";
    case 1: return "true or false";
    case 2: return "a number";
    case 3: return "a string";
    case 4: return "an array";
    default: return "an object";
  }
}

JsonText::JsonText(std::string file, std::string text)
    : file_(std::move(file)), text_(std::move(text)), lines_{0} {
  text_.erase(0, text_.size() - support::without_byte_order_mark(text_, file_ + ":1:1").size());
  if (text_.size() > kMaxJsonBytes) {
    throw FormatError(
        fmt::format("{}: expected at most {} bytes, found {}", file_, kMaxJsonBytes, text_.size()));
  }
  lines_.reserve(1 + static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '\n')));
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') lines_.push_back(static_cast<std::uint32_t>(i + 1));
  }
}

std::pair<std::uint32_t, std::uint32_t> JsonText::position(std::uint32_t at) const {
  const auto next = std::upper_bound(lines_.begin(), lines_.end(), at);
  return {static_cast<std::uint32_t>(next - lines_.begin()), at - *(next - 1) + 1};
}

void JsonText::fail(std::uint32_t at, const std::string& what) const {
  const auto [line, column] = position(at);
  throw FormatError(fmt::format("{}:{}:{}: {}", file_, line, column, what));
}

Json parse_json(const JsonText& source) {
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                              rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  const std::string& text = source.text();
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  Handler handler(stream);
  const auto outcome = reader.Parse<kFlags>(stream, handler);
  if (outcome.IsError()) {
    const bool ours = !handler.problem.empty();
    source.fail(handler.problem_at.value_or(static_cast<std::uint32_t>(outcome.Offset())),
                ours ? handler.problem : rapidjson::GetParseError_En(outcome.Code()));
  }
  if (stream.Tell() != text.size()) {
    source.fail(static_cast<std::uint32_t>(stream.Tell()),
                "expected nothing but spaces behind the value");
  }
  return std::move(handler.root);
}

std::string to_text(const Json& json) {
  Printer printer;
  printer.print(json, 0);
  printer.text += '\n';
  return std::move(printer.text);
}

}  // namespace mlpjit::detail
