#pragma once
// The format .npz of numpy: an archive (zip) of arrays, each NAME.npy. By libzip.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/mlpjit-run/byte_source.h"

struct zip;

namespace mlpjit::run {

inline constexpr std::string_view kNpzMagic = "PK\3\4";
inline constexpr std::string_view kEmptyNpzMagic = "PK\5\6";

class NpzReader {
 public:
  // A file that can seek. Both @throw UserError naming the archive where it is none.
  explicit NpzReader(const std::string& path);
  NpzReader(File file, std::string name);

  const std::string& name() const { return name_; }
  // Of its arrays, in its order.
  const std::vector<std::string>& arrays() const { return arrays_; }
  // Of what is no array.
  const std::vector<std::string>& others() const { return others_; }
  // The bytes of an array, in .npy. Several may be read by turns, and outlive this.
  std::unique_ptr<ByteSource> open(const std::string& array) const;

 private:
  void list();

  std::string name_;
  std::shared_ptr<zip> archive_;
  std::vector<std::string> arrays_, others_;
};

struct NpzEntry {
  std::string array;
  File npy;
};

// Writes an archive, not compressed, as np.savez does; the same arrays give the same bytes. What is
// wrong, or nothing.
std::string write_npz(const std::string& path, std::vector<NpzEntry> entries);

}  // namespace mlpjit::run
