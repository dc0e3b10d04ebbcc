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

// Where links lead, whether there is a file or not.
std::string behind_links(const std::string& path) {
  constexpr int kMostLinks = 40;  // as many as the system follows
  std::filesystem::path target = path;
  std::error_code error;
  for (int i = 0; std::filesystem::is_symlink(std::filesystem::symlink_status(target, error));
       ++i) {
    if (i == kMostLinks) throw UserError(std::strerror(ELOOP));
    const std::filesystem::path link = std::filesystem::read_symlink(target, error);
    if (error) throw UserError(error.message());
    target = target.parent_path() / link;  // an absolute link stands alone
  }
  return target.string();
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

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  refuse_zero_bytes(path_);
  try {
    target_ = behind_links(path_);
  } catch (const UserError& error) {
    fail(error.what());
  }
  look_at_target();
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::fail(const std::string& why) const {
  throw UserError(fmt::format("{}: cannot be written: {}", path_, why));
}

// What is no regular file (a device, a folder, a pipe) is not replaced by one.
void OutputFile::look_at_target() {
  struct stat status{};
  if (::stat(target_.c_str(), &status) != 0) {
    if (errno == ENOENT) return;
    fail(reason());
  }
  if (!S_ISREG(status.st_mode)) fail("not a regular file");
  // The superuser may write everything; a file that nobody may write is meant to stay even so.
  constexpr mode_t kWritable = S_IWUSR | S_IWGRP | S_IWOTH;
  const mode_t mode = status.st_mode & 07777;
  const bool writable = (mode & kWritable) != 0;
  if (!writable || ::faccessat(AT_FDCWD, target_.c_str(), W_OK, AT_EACCESS) != 0) {
    fail(fmt::format("{} (its mode is {:04o}); make it writable, or choose another path",
                     writable ? reason() : "it is read-only", mode));
  }
  old_ = {mode, status.st_uid, status.st_gid};
}

// The owner goes first: changing it takes special bits from the mode. Who may not give a file away
// may often still give it to the group.
void OutputFile::inherit(int handle) const {
  if (!old_) return;
  constexpr uid_t kSame = static_cast<uid_t>(-1);
  [[maybe_unused]] const bool kept =
      ::fchown(handle, old_->owner, old_->group) == 0 || ::fchown(handle, kSame, old_->group) == 0;
  if (::fchmod(handle, old_->mode) != 0) throw UserError(reason());
}

void OutputFile::write(std::span<const std::span<const std::byte>> parts) {
  static std::atomic<unsigned> counter{0};
  const std::string temporary = fmt::format("{}.{}.{}.tmp", target_, ::getpid(), counter++);
  // Nobody else reads what may be a secret before it has the mode it shall have.
  const int handle =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, old_ ? 0600 : 0666);
  if (handle < 0) fail(reason());
  temporary_ = temporary;
  try {
    for (const std::span<const std::byte> part : parts) write_all(handle, part);
    inherit(handle);
    if (::fsync(handle) != 0) throw UserError(reason());
  } catch (const UserError& error) {
    ::close(handle);
    fail(error.what());
  }
  if (::close(handle) != 0) fail(reason());
}

void OutputFile::publish() {
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail(reason());
  temporary_.clear();
  flush_directory_of(target_);
}

void write_file(const std::string& path, std::span<const std::span<const std::byte>> parts) {
  OutputFile file(path);
  file.write(parts);
  file.publish();
}

}  // namespace mlpjit::support
