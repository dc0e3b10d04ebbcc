#include "lib/object/object.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <span>
#include <sstream>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <cereal/archives/portable_binary.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/support/file.h"
#include "mlpjit/error.h"

namespace mlpjit::object {
namespace {

// A file: this, the XXH3 hash of what follows, then the members in cereal's portable form.
constexpr std::array<char, 8> kMagic = {'m', 'l', 'p', 'j', 'i', 't', 'o', '3'};
constexpr std::size_t kHeader = kMagic.size() + sizeof(XXH64_canonical_t);

template <class Archive, class Any>
void members(Archive& archive, Any& object) {
  archive(object.target, object.abi, object.numerics, object.made_from, object.symbols,
          object.bytes);
}

// Its members; the objects that it uses, each with its own; then its uses by their numbers.
template <class Archive>
void write(Archive& archive, const Object& object) {
  members(archive, object);
  std::vector<const Object*> others;
  for (const Use& use : object.uses) {
    if (std::ranges::find(others, use.from.get()) == others.end()) others.push_back(use.from.get());
  }
  archive(static_cast<std::uint32_t>(others.size()));
  for (const Object* other : others) write(archive, *other);
  archive(static_cast<std::uint32_t>(object.uses.size()));
  for (const Use& use : object.uses) {
    const auto number = std::ranges::find(others, use.from.get()) - others.begin();
    archive(use.symbol, static_cast<std::uint32_t>(number));
  }
}

template <class Archive>
Object read(Archive& archive, int depth) {
  if (depth > kDeepest) throw cereal::Exception("objects that use others without end");
  Object object;
  members(archive, object);
  std::uint32_t count = 0;
  archive(count);
  std::vector<std::shared_ptr<const Object>> others;
  for (std::uint32_t i = 0; i < count; ++i)
    others.push_back(std::make_shared<const Object>(read(archive, depth + 1)));
  archive(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string symbol;
    std::uint32_t number = 0;
    archive(symbol, number);
    if (number >= others.size()) throw cereal::Exception("a function of no object");
    object.depth = std::max(object.depth, others[number]->depth + 1);
    object.uses.push_back({std::move(symbol), others[number]});
  }
  return object;
}

XXH64_canonical_t hash_of(const std::string& text) {
  XXH64_canonical_t hash;
  XXH64_canonicalFromHash(&hash, XXH3_64bits(text.data(), text.size()));
  return hash;
}

}  // namespace

bool operator==(const Use& a, const Use& b) {
  return a.symbol == b.symbol && (a.from == b.from || *a.from == *b.from);
}

bool operator==(const Object& a, const Object& b) {
  return std::tie(a.bytes, a.symbols, a.uses, a.target, a.abi, a.numerics, a.made_from) ==
         std::tie(b.bytes, b.symbols, b.uses, b.target, b.abi, b.numerics, b.made_from);
}

void save(const Object& object, const std::string& path) {
  std::ostringstream out;
  {
    cereal::PortableBinaryOutputArchive archive(out);
    write(archive, object);
  }
  const std::string text = std::move(out).str();
  const XXH64_canonical_t hash = hash_of(text);
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(kMagic)),
                                              std::as_bytes(std::span(hash.digest)),
                                              std::as_bytes(std::span<const char>(text))};
  support::write_file(path, parts);
}

Object load(const std::string& path) {
  const support::InputFile file(path);
  std::string all(file.size(), '\0');
  file.read(0, std::as_writable_bytes(std::span(all)));
  if (all.size() < kHeader || std::memcmp(all.data(), kMagic.data(), kMagic.size()) != 0)
    throw FormatError(path + ": not an object file of mlpjit");
  const std::string text = all.substr(kHeader);
  const XXH64_canonical_t hash = hash_of(text);
  if (std::memcmp(all.data() + kMagic.size(), hash.digest, sizeof hash.digest) != 0)
    throw FormatError(path + ": the object was damaged (its hash is another)");
  try {
    std::istringstream in(text);
    cereal::PortableBinaryInputArchive archive(in);
    return read(archive, 0);
  } catch (const cereal::Exception& error) {
    throw FormatError(path + ": not an object of this version of mlpjit: " + error.what());
  } catch (const std::length_error&) {
    throw FormatError(path + ": not an object of this version of mlpjit: a size without end");
  } catch (const std::bad_alloc&) {
    throw FormatError(path + ": not an object of this version of mlpjit: a size beyond memory");
  }
}

}  // namespace mlpjit::object
