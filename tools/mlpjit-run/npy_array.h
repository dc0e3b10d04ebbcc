#pragma once
// The elements of an array in .npy, read and written part by part.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>

#include "tools/mlpjit-run/byte_source.h"
#include "tools/mlpjit-run/npy.h"
#include "tools/mlpjit-run/npy_columns.h"

namespace mlpjit::run {

class NpyReader {
 public:
  // @throws as read_npy_header().
  explicit NpyReader(std::unique_ptr<ByteSource> bytes);

  const std::string& name() const { return bytes_->name(); }
  const NpyHeader& header() const { return header_; }
  // The elements of the next rows, in C's order and this machine's. @throws UserError naming the
  // row where the file ends before.
  void read(char* to, std::int64_t rows);
  // After all rows: that what was read is sound, where the file says so; bytes that follow are
  // said on standard error.
  void finish();

 private:
  void read_rows(char* to, std::int64_t rows);

  std::unique_ptr<ByteSource> bytes_;
  NpyHeader header_;
  std::unique_ptr<NpyColumns> columns_;  // of an array that stands by them
  std::int64_t done_ = 0;
};

class NpyWriter {
 public:
  // Of any number of rows, at the beginning of a file that can seek.
  NpyWriter(std::FILE* file, NpyHeader header);

  // Both: false where they could not be written.
  bool write(std::string_view rows);
  bool finish(std::int64_t rows);

 private:
  std::FILE* file_;
  NpyHeader header_;
  bool good_;
};

}  // namespace mlpjit::run
