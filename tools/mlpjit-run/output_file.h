#pragma once
// Where predictions go: a file that is there when all of it is, or a stream.

#include <string>
#include <string_view>

#include "tools/mlpjit-run/byte_source.h"

namespace mlpjit::run {

class OutputFile {
 public:
  enum class Access { stream, seek };
  // A file; standard output for "-". What can seek, or is a file of a folder, is written beside its
  // place first. @throws UserError where it cannot be written, as all below.
  OutputFile(const std::string& path, Access access);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view text);
  std::FILE* file() const { return file_.get(); }
  // Of what is written first, for who writes it by its name.
  const std::string& draft() const { return draft_; }
  // The folder of large things that are on the way into it.
  std::string folder() const;
  // Puts what was written into its place.
  void finish();
  // `why` it cannot be written; by default what the system says.
  [[noreturn]] void fail(std::string why = {}) const;

 private:
  void open_draft();
  void copy_draft();

  std::string path_;       // empty for standard output
  bool replaces_ = false;  // the draft becomes the file
  std::string draft_;      // empty where there is none
  File file_;
};

}  // namespace mlpjit::run
