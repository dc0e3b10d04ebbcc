#include "lib/support/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "mlpjit/error.h"

namespace mlpjit::support {
namespace {

namespace fs = std::filesystem;

class OutputFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("mlpjit-support-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  // A file of these permissions, whatever the umask.
  std::string old_file(const std::string& name, mode_t mode) const {
    std::ofstream(path(name)) << "old";
    EXPECT_EQ(::chmod(path(name).c_str(), mode), 0);
    return path(name);
  }
  std::size_t file_count() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

void write(const std::string& path, const std::string& text) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  write_file(path, {&bytes, 1});
}
std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}
std::string refusal(const std::string& path) {
  try {
    write(path, "new");
  } catch (const UserError& error) {
    return error.what();
  }
  ADD_FAILURE() << "written: " << path;
  return "";
}

TEST_F(OutputFiles, KeepTheModeOfTheFileTheyReplace) {
  for (const mode_t mode : {0600, 0640, 0644, 0666, 0755}) {
    const std::string file = old_file("f", mode);
    write(file, "new");
    EXPECT_EQ(mode_of(file), mode);
    EXPECT_EQ(text_of(file), "new");
  }
  EXPECT_EQ(file_count(), 1U) << "no temporary stays";
}

TEST_F(OutputFiles, StartWithWhatTheUserMasks) {
  const mode_t before = ::umask(027);
  write(path("f"), "new");
  ::umask(before);
  EXPECT_EQ(mode_of(path("f")), 0640U);
}

TEST_F(OutputFiles, KeepOwnerAndGroupWhereTheyMay) {
  if (::geteuid() != 0) GTEST_SKIP() << "only the superuser gives files away";
  const std::string file = old_file("f", 0640);
  ASSERT_EQ(::chown(file.c_str(), 12345, 23456), 0);
  write(file, "new");
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 12345U);
  EXPECT_EQ(status.st_gid, 23456U);
  EXPECT_EQ(mode_of(file), 0640U);
}

TEST_F(OutputFiles, RefuseAReadOnlyFile) {
  const std::string file = old_file("f", 0444);
  const std::string text = refusal(file);
  for (const char* part : {"read-only", "0444", "make it writable", file.c_str()})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  EXPECT_EQ(text_of(file), "old");
  EXPECT_EQ(mode_of(file), 0444U);
  EXPECT_EQ(file_count(), 1U);
  fs::create_symlink(file, path("link"));
  EXPECT_NE(refusal(path("link")).find("read-only"), std::string::npos);
  EXPECT_EQ(text_of(file), "old");
}

TEST_F(OutputFiles, AreWrittenWhereLinksLead) {
  const std::string file = old_file("f", 0600);
  fs::create_directory(path("folder"));
  fs::create_symlink(file, path("absolute"));
  fs::create_symlink("../f", path("folder/relative"));
  fs::create_symlink("folder/relative", path("chain"));
  for (const char* link : {"absolute", "folder/relative", "chain"}) {
    write(path(link), link);
    EXPECT_TRUE(fs::is_symlink(path(link))) << link;
    EXPECT_EQ(text_of(file), link);
    EXPECT_EQ(mode_of(file), 0600U);
  }
}

TEST_F(OutputFiles, AreMadeWhereADanglingLinkLeads) {
  fs::create_symlink("absent", path("link"));
  write(path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_FALSE(fs::is_symlink(path("absent")));
  EXPECT_EQ(text_of(path("absent")), "new");
  fs::create_symlink("no/such/folder", path("lost"));
  EXPECT_NE(refusal(path("lost")).find("No such file"), std::string::npos);
  fs::create_symlink("circle", path("circle"));
  EXPECT_NE(refusal(path("circle")).find("symbolic links"), std::string::npos);
  EXPECT_EQ(file_count(), 4U);
}

TEST_F(OutputFiles, LeaveNothingUntilTheyArePublished) {
  const std::string file = old_file("f", 0600);
  const std::string text = "secret";
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  {
    OutputFile output(file);
    output.write({&bytes, 1});
    EXPECT_EQ(text_of(file), "old");
    for (const auto& entry : fs::directory_iterator(folder_))
      EXPECT_EQ(mode_of(entry.path()), 0600U) << "the temporary is no less private";
  }
  EXPECT_EQ(text_of(file), "old");
  EXPECT_EQ(file_count(), 1U);
}

}  // namespace
}  // namespace mlpjit::support
