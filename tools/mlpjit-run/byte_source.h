#pragma once
// Bytes one after the other: of a file, of standard input, of an entry of an archive.

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlpjit::run {

// A FILE that closes itself, unless it is a standard stream.
class File {
 public:
  File() = default;
  explicit File(std::FILE* file) : file_(file) {}
  File(File&& other) noexcept : file_(other.file_) { other.file_ = nullptr; }
  File& operator=(File&& other) noexcept;
  ~File() { close(); }
  std::FILE* get() const { return file_; }
  std::FILE* release();
  // Whether all that was written has arrived.
  bool close();

  // One that no folder names any more, so that it is gone with the program. @throws UserError.
  static File temporary(const std::string& folder);

 private:
  std::FILE* file_ = nullptr;
};

// TMPDIR, or /tmp.
std::string temporary_folder();

class ByteSource {
 public:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // As messages name it.
  const std::string& name() const { return name_; }
  // Fewer bytes than asked for only at the end. @throws UserError where they cannot be read.
  virtual std::size_t read(char* bytes, std::size_t size) = 0;
  // The share of the bytes that was read, of 1; nothing where nobody knows how many there are.
  virtual std::optional<double> fraction() const { return std::nullopt; }

 private:
  std::string name_;
};

class FileSource final : public ByteSource {
 public:
  // A file, or standard input for "-". @throws UserError where it cannot be opened.
  explicit FileSource(const std::string& path);
  std::size_t read(char* bytes, std::size_t size) override;
  std::optional<double> fraction() const override;
  // The first bytes, which are read again afterwards; fewer where there are no more.
  std::string_view peek(std::size_t size);

 private:
  std::size_t read_file(char* bytes, std::size_t size);

  File file_;
  std::uint64_t size_ = 0, read_ = 0;  // 0 of what has no size
  std::string ahead_;
};

// All that was not read yet, in a temporary file.
File spooled(ByteSource& bytes);

}  // namespace mlpjit::run
