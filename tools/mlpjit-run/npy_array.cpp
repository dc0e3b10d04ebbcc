#include "tools/mlpjit-run/npy_array.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "mlpjit/error.h"

namespace mlpjit::run {

NpyReader::NpyReader(std::unique_ptr<ByteSource> bytes)
    : bytes_(std::move(bytes)), header_(read_npy_header(*bytes_)) {
  if (header_.by_columns) columns_ = std::make_unique<NpyColumns>(*bytes_, header_);
}

void NpyReader::read_rows(char* to, std::int64_t rows) {
  const std::size_t row_bytes = header_.row_bytes();
  const std::size_t size = static_cast<std::size_t>(rows) * row_bytes;
  const std::size_t got = bytes_->read(to, size);
  if (got != size) {
    throw UserError(fmt::format("{}: ends within row {} of {}: the file is not complete", name(),
                                done_ + static_cast<std::int64_t>(got / row_bytes),
                                header_.rows()));
  }
}

void NpyReader::read(char* to, std::int64_t rows) {
  if (rows == 0 || header_.row_bytes() == 0) {  // `to` may be null
    done_ += rows;
    return;
  }
  columns_ != nullptr ? columns_->read(to, done_, rows) : read_rows(to, rows);
  done_ += rows;
  if (!header_.type.big_endian || header_.type.unit() == 1) return;
  const std::size_t unit = header_.type.unit();
  const std::size_t size = static_cast<std::size_t>(rows) * header_.row_bytes();
  for (char* at = to; at != to + size; at += unit) std::reverse(at, at + unit);
}

void NpyReader::finish() {
  char more = 0;
  if (bytes_->read(&more, 1) > 0)
    std::cerr << fmt::format("mlpjit-run: {}: what follows the array is left out\n", name());
}

NpyWriter::NpyWriter(std::FILE* file, NpyHeader header) : file_(file), header_(std::move(header)) {
  header_.shape[0] = 0;
  good_ = write(npy_header(header_));
}

bool NpyWriter::write(std::string_view rows) {
  return std::fwrite(rows.data(), 1, rows.size(), file_) == rows.size();
}

bool NpyWriter::finish(std::int64_t rows) {
  header_.shape[0] = rows;
  return good_ && std::fseek(file_, 0, SEEK_SET) == 0 && write(npy_header(header_)) &&
         std::fseek(file_, 0, SEEK_END) == 0 && std::fflush(file_) == 0;
}

}  // namespace mlpjit::run
