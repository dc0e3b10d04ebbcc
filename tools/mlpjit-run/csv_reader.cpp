#include "tools/mlpjit-run/csv_reader.h"

#include <fmt/format.h>

#include <cstring>
#include <string_view>

#include "mlpjit/error.h"

namespace mlpjit::run {
namespace {

// A line of nothing, which is no row.
bool is_blank(const char* bytes, std::size_t size) {
  return std::string_view(bytes, size).find_first_not_of("\r\n") == std::string_view::npos;
}

}  // namespace

CsvReader::CsvReader(ByteSource& bytes, char delimiter) : bytes_(bytes), part_(1 << 18) {
  if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) != 0) throw Error("libcsv cannot be used");
  csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
}

CsvReader::~CsvReader() {
  csv_free(&parser_);
}

void CsvReader::on_field(void* data, std::size_t size, void* self) {
  static_cast<CsvReader*>(self)->row_.fields.emplace_back(static_cast<const char*>(data), size);
}

void CsvReader::on_row(int, void* self) {
  auto* reader = static_cast<CsvReader*>(self);
  reader->complete_.push_back(std::move(reader->row_));
  reader->row_ = {};
}

// Line by line, so that a row knows where it stands: one in quotes may go over several.
void CsvReader::feed(const char* bytes, std::size_t size) {
  for (std::size_t from = 0; from < size;) {
    const void* const end = std::memchr(bytes + from, '\n', size - from);
    const std::size_t to =
        end == nullptr ? size : static_cast<std::size_t>(static_cast<const char*>(end) - bytes) + 1;
    const std::size_t before = complete_.size();
    if (csv_parse(&parser_, bytes + from, to - from, on_field, on_row, this) != to - from) {
      throw UserError(
          fmt::format("{}:{}: {}", bytes_.name(), line_, csv_strerror(csv_error(&parser_))));
    }
    for (std::size_t i = before; i < complete_.size(); ++i) complete_[i].line = row_start_;
    if (end != nullptr) ++line_;
    if (complete_.size() > before || is_blank(bytes + from, to - from)) row_start_ = line_;
    from = to;
  }
}

void CsvReader::finish() {
  if (csv_fini(&parser_, on_field, on_row, this) != 0)
    throw UserError(fmt::format("{}:{}: quotes that are not closed", bytes_.name(), line_));
  for (CsvRow& row : complete_) row.line = row_start_;
  ended_ = true;
}

const CsvRow* CsvReader::next() {
  while (given_ == complete_.size()) {
    if (ended_) return nullptr;
    complete_.clear();
    given_ = 0;
    const std::size_t size = bytes_.read(part_.data(), part_.size());
    if (size == 0) {
      finish();
      continue;
    }
    const bool mark = !begun_ && size >= 3 && std::memcmp(part_.data(), "\xEF\xBB\xBF", 3) == 0;
    begun_ = true;
    feed(part_.data() + (mark ? 3 : 0), size - (mark ? 3 : 0));
  }
  return &complete_[given_++];
}

std::string quoted(const std::string& field, char delimiter) {
  if (field.find_first_of(std::string("\"\r\n") + delimiter) == std::string::npos) return field;
  std::string result = "\"";
  for (const char c : field) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

}  // namespace mlpjit::run
