#pragma once
// Files: reading at known places, and writing that is seen whole or not at all.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

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

// A file on its way: written to a temporary beside its place, and put there by publish(). Until
// then, and whatever fails, the file that was there is as before; no temporary stays. Links are
// followed. A file that is replaced hands on its mode and, where the system allows it, its owner
// and group; one that may not be written is refused, though its folder would let us replace it.
// Errors are UserError and name the path as it was given.
class OutputFile {
 public:
  // Looks at what is there; writes nothing yet.
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Writes the parts one after the other and flushes them to the disk. Once.
  void write(std::span<const std::span<const std::byte>> parts);
  // Renames what was written. Once.
  void publish();

 private:
  [[noreturn]] void fail(const std::string& why) const;
  void look_at_target();
  void inherit(int handle) const;

  // What a file hands on to the one that replaces it.
  struct Inheritance {
    unsigned mode, owner, group;
  };

  std::string path_, target_;
  std::optional<Inheritance> old_;
  std::string temporary_;  // "" when there is none
};

// All of it at once.
void write_file(const std::string& path, std::span<const std::span<const std::byte>> parts);

}  // namespace mlpjit::support
