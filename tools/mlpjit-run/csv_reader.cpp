#include "tools/mlpjit-run/csv_reader.h"

#include <fmt/format.h>

#include <cerrno>
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

CsvReader::CsvReader(const std::string& path, char delimiter)
    : name_(path == "-" ? "standard input" : path) {
  if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) != 0) throw Error("libcsv cannot be used");
  csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
  file_ = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  owned_ = path != "-";
  if (file_ == nullptr) throw UserError(fmt::format("{}: {}", name_, std::strerror(errno)));
}

CsvReader::~CsvReader() {
  csv_free(&parser_);
  if (owned_ && file_ != nullptr) std::fclose(file_);
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
      throw UserError(fmt::format("{}:{}: {}", name_, line_, csv_strerror(csv_error(&parser_))));
    }
    for (std::size_t i = before; i < complete_.size(); ++i) complete_[i].line = row_start_;
    if (end != nullptr) ++line_;
    if (complete_.size() > before || is_blank(bytes + from, to - from)) row_start_ = line_;
    from = to;
  }
}

void CsvReader::read(const std::function<void(const CsvRow&)>& take) {
  std::vector<char> part(1 << 18);
  const auto hand_over = [&] {
    for (const CsvRow& row : complete_) take(row);
    complete_.clear();
  };
  for (bool first = true;; first = false) {
    const std::size_t size = std::fread(part.data(), 1, part.size(), file_);
    if (size == 0) break;
    const bool mark = first && size >= 3 && std::memcmp(part.data(), "\xEF\xBB\xBF", 3) == 0;
    feed(part.data() + (mark ? 3 : 0), size - (mark ? 3 : 0));
    hand_over();
  }
  if (std::ferror(file_) != 0) throw UserError(fmt::format("{}: {}", name_, std::strerror(errno)));
  if (csv_fini(&parser_, on_field, on_row, this) != 0)
    throw UserError(fmt::format("{}:{}: quotes that are not closed", name_, line_));
  for (CsvRow& row : complete_) row.line = row_start_;
  hand_over();
}

std::string quoted(const std::string& field, char delimiter) {
  if (field.find_first_of(std::string("\"\r\n") + delimiter) == std::string::npos) return field;
  std::string result = "\"";
  for (const char c : field) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

}  // namespace mlpjit::run
