#include "tools/mlpjit-run/output_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "mlpjit/error.h"

namespace mlpjit::run {
namespace {

namespace fs = std::filesystem;

// Of the file that is replaced, or as of any new file.
mode_t mode_for(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) == 0) return status.st_mode & 0777U;
  const mode_t mask = umask(0);
  umask(mask);
  return 0666U & ~mask;
}

}  // namespace

OutputFile::OutputFile(const std::string& path, Access access) : path_(path == "-" ? "" : path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path_, ignored);
  replaces_ = !path_.empty() && (!fs::exists(status) || fs::is_regular_file(status));
  if (replaces_ && fs::exists(status)) path_ = fs::canonical(path_, ignored).string();
  if (replaces_ || access == Access::seek) {
    open_draft();
  } else {
    file_ = File(path_.empty() ? stdout : std::fopen(path_.c_str(), "wb"));
  }
  if (file_.get() == nullptr) fail();
}

OutputFile::~OutputFile() {
  if (!draft_.empty()) unlink(draft_.c_str());
}

std::string OutputFile::folder() const {
  if (!replaces_) return temporary_folder();
  const std::string parent = fs::path(path_).parent_path().string();
  return parent.empty() ? "." : parent;
}

void OutputFile::open_draft() {
  std::string name = folder() + "/.mlpjit-run.XXXXXX";
  const int descriptor = mkstemp(name.data());
  if (descriptor < 0) return;
  draft_ = name;
  file_ = File(fdopen(descriptor, "w+b"));
}

void OutputFile::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) fail();
}

void OutputFile::finish() {
  if (std::ferror(file_.get()) != 0 || !file_.close()) fail();
  if (draft_.empty()) return;
  if (!replaces_) return copy_draft();
  if (chmod(draft_.c_str(), mode_for(path_)) != 0 ||
      std::rename(draft_.c_str(), path_.c_str()) != 0)
    fail();
  draft_.clear();
}

void OutputFile::copy_draft() {
  FileSource from(draft_);
  File to(path_.empty() ? stdout : std::fopen(path_.c_str(), "wb"));
  if (to.get() == nullptr) fail();
  std::vector<char> part(1 << 18);
  while (const std::size_t size = from.read(part.data(), part.size())) {
    if (std::fwrite(part.data(), 1, size, to.get()) != size) fail();
  }
  if (!to.close()) fail();
}

void OutputFile::fail(std::string why) const {
  if (why.empty()) why = std::strerror(errno);
  throw UserError(
      fmt::format("{}: cannot be written: {}", path_.empty() ? "standard output" : path_, why));
}

}  // namespace mlpjit::run
