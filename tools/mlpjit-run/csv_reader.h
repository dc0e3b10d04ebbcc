#pragma once
// Rows of a CSV file, one after the other, in constant memory (libcsv; RFC 4180).

#include <csv.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace mlpjit::run {

struct CsvRow {
  std::vector<std::string> fields;
  std::int64_t line = 0;  // where it begins
};

class CsvReader {
 public:
  // Of a file, or of standard input for "-". @throws UserError where it cannot be opened.
  CsvReader(const std::string& path, char delimiter);
  ~CsvReader();
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  // Calls `take` for each row. @throws UserError naming the line for what is no CSV, and where the
  // file cannot be read; what `take` throws.
  void read(const std::function<void(const CsvRow&)>& take);

 private:
  static void on_field(void* data, std::size_t size, void* self);
  static void on_row(int end, void* self);
  void feed(const char* bytes, std::size_t size);

  std::string name_;
  std::FILE* file_ = nullptr;
  bool owned_ = false;
  csv_parser parser_{};
  CsvRow row_;
  std::vector<CsvRow> complete_;
  std::int64_t line_ = 1, row_start_ = 1;
};

// A field as CSV has it: in quotes where it must be.
std::string quoted(const std::string& field, char delimiter);

}  // namespace mlpjit::run
