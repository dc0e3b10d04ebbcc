#include "tools/mlpjit-run/byte_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "mlpjit/error.h"

namespace mlpjit::run {

File& File::operator=(File&& other) noexcept {
  if (this == &other) return *this;
  close();
  file_ = other.release();
  return *this;
}

std::FILE* File::release() {
  std::FILE* const file = file_;
  file_ = nullptr;
  return file;
}

bool File::close() {
  std::FILE* const file = release();
  if (file == nullptr) return true;
  return file == stdin || file == stdout ? std::fflush(file) == 0 : std::fclose(file) == 0;
}

std::string temporary_folder() {
  const char* const folder = std::getenv("TMPDIR");
  return folder == nullptr || *folder == 0 ? "/tmp" : folder;
}

File File::temporary(const std::string& folder) {
  std::string path = folder + "/.mlpjit-run.XXXXXX";
  const int descriptor = mkstemp(path.data());
  if (descriptor >= 0) {
    unlink(path.c_str());
    if (std::FILE* const file = fdopen(descriptor, "w+b")) return File(file);
    ::close(descriptor);
  }
  throw UserError(
      fmt::format("no temporary file can be made in {}: {}; TMPDIR names another folder", folder,
                  std::strerror(errno)));
}

FileSource::FileSource(const std::string& path)
    : ByteSource(path == "-" ? "standard input" : path),
      file_(path == "-" ? stdin : std::fopen(path.c_str(), "rb")) {
  if (file_.get() == nullptr) throw UserError(fmt::format("{}: {}", name(), std::strerror(errno)));
  std::error_code none;
  if (path != "-" && std::filesystem::is_regular_file(path, none))
    size_ = std::filesystem::file_size(path, none);
}

std::optional<double> FileSource::fraction() const {
  if (size_ == 0) return std::nullopt;
  return std::min(1.0, static_cast<double>(read_) / static_cast<double>(size_));
}

std::size_t FileSource::read_file(char* bytes, std::size_t size) {
  const std::size_t got = std::fread(bytes, 1, size, file_.get());
  read_ += got;
  if (got < size && std::ferror(file_.get()) != 0)
    throw UserError(fmt::format("{}: {}", name(), std::strerror(errno)));
  return got;
}

std::size_t FileSource::read(char* bytes, std::size_t size) {
  const std::size_t first = std::min(size, ahead_.size());
  std::memcpy(bytes, ahead_.data(), first);
  ahead_.erase(0, first);
  return first == size ? size : first + read_file(bytes + first, size - first);
}

std::string_view FileSource::peek(std::size_t size) {
  const std::size_t before = ahead_.size();
  if (before < size) {
    ahead_.resize(size);
    ahead_.resize(before + read_file(ahead_.data() + before, size - before));
  }
  return std::string_view(ahead_).substr(0, size);
}

File spooled(ByteSource& bytes) {
  File file = File::temporary(temporary_folder());
  std::vector<char> part(1 << 18);
  std::size_t size = 0;
  do {
    size = bytes.read(part.data(), part.size());
    if (std::fwrite(part.data(), 1, size, file.get()) != size || std::fflush(file.get()) != 0)
      throw UserError(
          fmt::format("{}: a temporary file has no room for it: {}; TMPDIR names "
                      "another folder",
                      bytes.name(), std::strerror(errno)));
  } while (size > 0);
  if (std::fseek(file.get(), 0, SEEK_SET) != 0)
    throw UserError(fmt::format("{}: {}", bytes.name(), std::strerror(errno)));
  return file;
}

}  // namespace mlpjit::run
