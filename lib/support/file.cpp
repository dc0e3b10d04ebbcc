#include "lib/support/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "mlpjit/error.h"

namespace mlpjit::support {
namespace {

std::string reason() {
  return std::strerror(errno);
}

constexpr std::size_t kLargestTransfer = std::size_t{1} << 30;  // the system's own limit is 2 GiB

void write_all(int handle, std::span<const std::byte> part) {
  while (!part.empty()) {
    const ssize_t written = ::write(handle, part.data(), std::min(part.size(), kLargestTransfer));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw UserError(reason());
    part = part.subspan(static_cast<std::size_t>(written));
  }
}

// A rename lasts only once its directory is on the disk. Some file systems cannot flush one: not an
// error.
void flush_directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int handle = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return;
  ::fsync(handle);
  ::close(handle);
}

// The system would cut the path there and touch another file.
void refuse_zero_bytes(const std::string& path) {
  if (path.find('\0') == std::string::npos) return;
  throw UserError(fmt::format("{}: a path with a zero byte names no file",
                              std::string_view(path).substr(0, path.find('\0'))));
}

// The file behind a path: links are followed, and what is no regular file (a device, a folder, a
// pipe) is not replaced by one.
std::string target_of(const std::string& path) {
  refuse_zero_bytes(path);
  std::error_code error;
  const auto link = std::filesystem::symlink_status(path, error);
  const std::string target = std::filesystem::is_symlink(link)
                                 ? std::filesystem::weakly_canonical(path, error).string()
                                 : path;
  if (error && std::filesystem::is_symlink(link)) {
    throw UserError(fmt::format("{}: cannot be written: {}", path, error.message()));
  }
  const auto status = std::filesystem::status(target, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw UserError(fmt::format("{}: cannot be written: not a regular file", path));
  }
  return target;
}

}  // namespace

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  refuse_zero_bytes(path_);
  // Not blocking, so that a named pipe without a writer is refused below rather than waited for.
  handle_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (handle_ < 0) throw FormatError(fmt::format("{}: cannot be opened: {}", path_, reason()));
  struct stat status{};
  const bool known = ::fstat(handle_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    const std::string why = known ? "not a regular file" : reason();
    ::close(handle_);
    throw FormatError(fmt::format("{}: cannot be read: {}", path_, why));
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() {
  ::close(handle_);
}

void InputFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got = ::pread(handle_, out.data(), std::min(out.size(), kLargestTransfer),
                                static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      throw FormatError(fmt::format("{}: byte {}: cannot be read: {}", path_, offset,
                                    got < 0 ? reason() : "the file ends here"));
    }
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

void write_file(const std::string& path, std::span<const std::span<const std::byte>> parts) {
  static std::atomic<unsigned> counter{0};
  const std::string target = target_of(path);
  const std::string temporary = fmt::format("{}.{}.{}.tmp", target, ::getpid(), counter++);
  const int handle = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (handle < 0) throw UserError(fmt::format("{}: cannot be written: {}", path, reason()));
  try {
    for (const std::span<const std::byte> part : parts) write_all(handle, part);
    if (::fsync(handle) != 0) throw UserError(reason());
  } catch (const UserError& error) {
    const std::string why = error.what();
    ::close(handle);
    ::unlink(temporary.c_str());
    throw UserError(fmt::format("{}: cannot be written: {}", path, why));
  }
  if (::close(handle) != 0 || std::rename(temporary.c_str(), target.c_str()) != 0) {
    const std::string why = reason();
    ::unlink(temporary.c_str());
    throw UserError(fmt::format("{}: cannot be written: {}", path, why));
  }
  flush_directory_of(target);
}

}  // namespace mlpjit::support
