#include "tools/mlpjit-run/npz.h"

#include <fmt/format.h>
#include <zip.h>

#include "mlpjit/error.h"

namespace mlpjit::run {
namespace {

constexpr std::string_view kArrayEnding = ".npy";

// What libzip says of an error.
class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  explicit ZipError(int code) { zip_error_init_with_code(&error_, code); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t* get() { return &error_; }
  std::string text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_{};
};

[[noreturn]] void throw_no_archive(const std::string& name, const std::string& why) {
  throw UserError(
      fmt::format("{}: cannot be read as .npz, an archive (zip) of arrays: {}", name, why));
}

std::shared_ptr<zip> shared(zip_t* archive) {
  return {archive, [](zip_t* opened) { zip_discard(opened); }};
}

class ZipEntrySource final : public ByteSource {
 public:
  ZipEntrySource(std::string name, std::shared_ptr<zip> archive, zip_file_t* entry)
      : ByteSource(std::move(name)), archive_(std::move(archive)), entry_(entry) {}
  ~ZipEntrySource() override { zip_fclose(entry_); }
  std::size_t read(char* bytes, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      const zip_int64_t got = zip_fread(entry_, bytes + done, size - done);
      if (got < 0) throw UserError(fmt::format("{}: {}", name(), zip_file_strerror(entry_)));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  std::shared_ptr<zip> archive_;
  zip_file_t* entry_;
};

bool add(zip_t* archive, NpzEntry& entry) {
  if (std::fseek(entry.npy.get(), 0, SEEK_SET) != 0) return false;  // where libzip begins
  zip_source_t* const source = zip_source_filep(archive, entry.npy.get(), 0, -1);
  if (source == nullptr) return false;
  entry.npy.release();  // the source closes it
  const std::string name = entry.array + std::string(kArrayEnding);
  const zip_int64_t place = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (place < 0) {
    zip_source_free(source);
    return false;
  }
  constexpr zip_uint16_t kFirstOfJanuary1980 = 1 << 5 | 1;
  const auto index = static_cast<zip_uint64_t>(place);
  return zip_set_file_compression(archive, index, ZIP_CM_STORE, 0) == 0 &&
         zip_file_set_dostime(archive, index, 0, kFirstOfJanuary1980, 0) == 0;
}

}  // namespace

NpzReader::NpzReader(const std::string& path) : name_(path) {
  int code = 0;
  archive_ = shared(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (archive_ == nullptr) throw_no_archive(name_, ZipError(code).text());
  list();
}

NpzReader::NpzReader(File file, std::string name) : name_(std::move(name)) {
  ZipError error;
  zip_source_t* const source = zip_source_filep_create(file.get(), 0, -1, error.get());
  if (source == nullptr) throw_no_archive(name_, error.text());
  file.release();  // the source closes it
  archive_ = shared(zip_open_from_source(source, ZIP_RDONLY, error.get()));
  if (archive_ == nullptr) {
    zip_source_free(source);
    throw_no_archive(name_, error.text());
  }
  list();
}

void NpzReader::list() {
  const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* const name = zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), 0);
    if (name == nullptr) throw_no_archive(name_, zip_strerror(archive_.get()));
    const std::string_view entry = name;
    if (entry.ends_with(kArrayEnding)) {
      arrays_.emplace_back(entry.substr(0, entry.size() - kArrayEnding.size()));
    } else {
      others_.emplace_back(entry);
    }
  }
}

std::unique_ptr<ByteSource> NpzReader::open(const std::string& array) const {
  const std::string entry = array + std::string(kArrayEnding);
  zip_file_t* const file = zip_fopen(archive_.get(), entry.c_str(), 0);
  const std::string name = fmt::format("{}: array '{}'", name_, array);
  if (file == nullptr) throw UserError(fmt::format("{}: {}", name, zip_strerror(archive_.get())));
  return std::make_unique<ZipEntrySource>(name, archive_, file);
}

std::string write_npz(const std::string& path, std::vector<NpzEntry> entries) {
  int code = 0;
  zip_t* const archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (archive == nullptr) return ZipError(code).text();
  bool good = true;
  for (NpzEntry& entry : entries) good = good && add(archive, entry);
  if (good && zip_close(archive) == 0) return {};
  std::string why = zip_strerror(archive);
  zip_discard(archive);
  return why;
}

}  // namespace mlpjit::run
