#pragma once
// Files: reading at known places, and writing that is seen whole or not at all.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mlpjit::support {

// A regular file open for reading. Errors are FormatError and name the file and the system's
// reason.
class InputFile {
 public:
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  // Fills `out` from `offset`; the range must lie in the file.
  void read(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::string path_;
  int handle_ = -1;
  std::uint64_t size_ = 0;
};

// Writes the parts one after the other to a temporary beside `path`, flushes it to the disk, and
// renames it. Whatever fails, `path` is as before and no temporary stays. Throws UserError.
void write_file(const std::string& path, std::span<const std::span<const std::byte>> parts);

}  // namespace mlpjit::support
