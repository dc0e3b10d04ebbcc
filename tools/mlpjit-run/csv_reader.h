#pragma once
// Rows of a CSV file, one after the other, in constant memory (libcsv; RFC 4180).

#include <csv.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tools/mlpjit-run/byte_source.h"

namespace mlpjit::run {

struct CsvRow {
  std::vector<std::string> fields;
  std::int64_t line = 0;  // where it begins
};

class CsvReader {
 public:
  CsvReader(ByteSource& bytes, char delimiter);
  ~CsvReader();
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  // The next row, until the one after it is asked for; null at the end. @throws UserError naming
  // the line for what is no CSV, and where the bytes cannot be read.
  const CsvRow* next();

 private:
  static void on_field(void* data, std::size_t size, void* self);
  static void on_row(int end, void* self);
  void feed(const char* bytes, std::size_t size);
  void finish();

  ByteSource& bytes_;
  csv_parser parser_{};
  CsvRow row_;
  std::vector<char> part_;
  std::vector<CsvRow> complete_;
  std::size_t given_ = 0;  // of the complete ones
  bool begun_ = false, ended_ = false;
  std::int64_t line_ = 1, row_start_ = 1;
};

// A field as CSV has it: in quotes where it must be.
std::string quoted(const std::string& field, char delimiter);

}  // namespace mlpjit::run
