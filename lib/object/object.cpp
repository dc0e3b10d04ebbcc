#include "lib/object/object.h"

#include <array>
#include <cstring>
#include <span>
#include <sstream>

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
constexpr std::array<char, 8> kMagic = {'m', 'l', 'p', 'j', 'i', 't', 'o', '2'};
constexpr std::size_t kHeader = kMagic.size() + sizeof(XXH64_canonical_t);

template <class Archive, class Any>
void members(Archive& archive, Any& object) {
  archive(object.target, object.abi, object.numerics, object.made_from, object.symbols,
          object.bytes);
}

XXH64_canonical_t hash_of(const std::string& text) {
  XXH64_canonical_t hash;
  XXH64_canonicalFromHash(&hash, XXH3_64bits(text.data(), text.size()));
  return hash;
}

}  // namespace

void save(const Object& object, const std::string& path) {
  std::ostringstream out;
  {
    cereal::PortableBinaryOutputArchive archive(out);
    members(archive, object);
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
  Object object;
  try {
    std::istringstream in(text);
    cereal::PortableBinaryInputArchive archive(in);
    members(archive, object);
  } catch (const cereal::Exception& error) {
    throw FormatError(path + ": not an object of this version of mlpjit: " + error.what());
  }
  return object;
}

}  // namespace mlpjit::object
