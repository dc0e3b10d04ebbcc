#include "tools/mlpjit-run/npy_columns.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "mlpjit/error.h"

namespace mlpjit::run {
namespace {

// Where the elements of a row stand whose axes come the other way round.
std::vector<std::size_t> places_of(const NpyHeader& header) {
  std::vector<std::size_t> places{0};
  std::size_t step = header.columns();
  for (std::size_t axis = 1; axis < header.shape.size(); ++axis) {
    const auto size = static_cast<std::size_t>(header.shape[axis]);
    const std::size_t before = places.size();
    step = size == 0 ? 0 : step / size;
    places.resize(before * size);
    for (std::size_t i = before; i < places.size(); ++i)
      places[i] = places[i % before] + i / before * step;
  }
  return places;
}

}  // namespace

NpyColumns::NpyColumns(ByteSource& bytes, const NpyHeader& header)
    : header_(header), file_(spooled(bytes)) {
  struct stat status{};
  const auto wanted = static_cast<double>(header.rows()) * static_cast<double>(header.row_bytes());
  if (fstat(fileno(file_.get()), &status) != 0 || static_cast<double>(status.st_size) < wanted)
    throw UserError(fmt::format("{}: ends within the array of shape {}: the file is not complete",
                                bytes.name(), npy_shape(header.shape)));
  places_ = places_of(header);
}

void NpyColumns::read(char* to, std::int64_t first, std::int64_t rows) {
  const std::size_t size = header_.type.size, row_bytes = header_.row_bytes();
  column_.resize(static_cast<std::size_t>(rows) * size);
  for (std::size_t k = 0; k < places_.size(); ++k) {
    const auto from =
        (static_cast<std::int64_t>(k) * header_.rows() + first) * static_cast<std::int64_t>(size);
    const ssize_t got = pread(fileno(file_.get()), column_.data(), column_.size(), from);
    if (got != static_cast<ssize_t>(column_.size()))
      throw UserError(fmt::format("a temporary file cannot be read: {}", std::strerror(errno)));
    char* place = to + places_[k] * size;
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row, place += row_bytes)
      std::memcpy(place, column_.data() + row * size, size);
  }
}

}  // namespace mlpjit::run
