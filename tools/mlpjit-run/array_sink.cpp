#include "tools/mlpjit-run/array_sink.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "tools/mlpjit-run/npz.h"

namespace mlpjit::run {
namespace {

// The characters of a text in UTF-8. What is none counts as U+FFFD.
std::u32string characters(const std::string& text) {
  std::u32string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t size = first < 0x80       ? 1
                             : first >> 5 == 6  ? 2
                             : first >> 4 == 14 ? 3
                             : first >> 3 == 30 ? 4
                                                : 0;
    char32_t code = size == 1 ? first : first & (0x7FU >> size);
    std::size_t k = 1;
    for (; k < size && i + k < text.size() && (text[i + k] & 0xC0) == 0x80; ++k)
      code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3F);
    result += size == 0 || k < size ? U'\uFFFD' : code;
    i += k;
  }
  return result;
}

NpyType type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return {NpyKind::floating, 4};
    case DType::f64: return {NpyKind::floating, 8};
    case DType::i32: return {NpyKind::integer, 4};
    case DType::i64: return {NpyKind::integer, 8};
    case DType::boolean: break;
  }
  return {NpyKind::boolean, 1};
}

// Of the widest string that a model knows.
NpyType type_of_strings(const nn::SymbolBlock& model) {
  std::size_t widest = 1;
  for (const std::string& text : model.strings())
    widest = std::max(widest, characters(text).size());
  return {NpyKind::text, 4 * widest};
}

}  // namespace

OutputArray::OutputArray(const nn::SymbolBlock& model, std::size_t output, std::FILE* file)
    : model_(model),
      name_(model.output_names()[output]),
      coded_(model.is_coded(name_)),
      file_(file) {}

bool OutputArray::write(const Tensor& result) {
  const std::span<const std::int64_t> sizes = result.shape().sizes();
  std::vector<std::int64_t> shape(sizes.begin(), sizes.end());
  rows_ += std::exchange(shape[0], 0);
  if (!writer_) {
    header_ = {coded_ ? type_of_strings(model_) : type_of(result.dtype()), shape};
    writer_.emplace(file_, header_);
  } else if (shape != header_.shape) {
    throw UserError(fmt::format("output '{}' is {}, its first rows {}: one array cannot hold both",
                                name_, to_string(result.shape()), npy_shape(header_.shape)));
  }
  return writer_->write(coded_ ? strings(result) : bytes(result));
}

std::string_view OutputArray::bytes(const Tensor& result) {
  const auto view = [](auto elements) {
    return std::string_view(reinterpret_cast<const char*>(elements.data()), elements.size_bytes());
  };
  switch (result.dtype()) {
    case DType::f32: return view(result.data<float>());
    case DType::f64: return view(result.data<double>());
    case DType::i32: return view(result.data<std::int32_t>());
    case DType::i64: return view(result.data<std::int64_t>());
    case DType::boolean: break;
  }
  return view(result.data<bool>());
}

std::string_view OutputArray::strings(const Tensor& codes) {
  const std::size_t size = header_.type.size;
  const std::span<const std::int64_t> places = codes.data<std::int64_t>();
  text_.assign(places.size() * size, '\0');
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto place = static_cast<std::size_t>(places[i]);
    if (place >= model_.strings().size()) continue;
    const std::u32string text = characters(model_.strings()[place]);
    std::memcpy(text_.data() + i * size, text.data(), text.size() * sizeof(char32_t));
  }
  return text_;
}

bool OutputArray::finish() {
  return writer_->finish(rows_);
}

NpySink::NpySink(const nn::SymbolBlock& model, const std::string& path) : model_(model) {
  const std::vector<std::string>& names = model.output_names();
  if (names.size() != 1) {
    throw UserError(fmt::format("the model has {} outputs ({}), .npy holds one array: write .npz",
                                names.size(), fmt::join(names, ", ")));
  }
  out_ = std::make_unique<OutputFile>(path, OutputFile::Access::seek);
  array_ = std::make_unique<OutputArray>(model, 0, out_->file());
}

void NpySink::write(const Tensors& results, std::int64_t rows) {
  check_rows(model_, results, rows);
  if (!array_->write(results[0])) out_->fail();
}

void NpySink::finish() {
  if (!array_->finish()) out_->fail();
  out_->finish();
}

NpzSink::NpzSink(const nn::SymbolBlock& model, const std::string& path)
    : model_(model), out_(path, OutputFile::Access::seek) {
  for (std::size_t i = 0; i < model.output_names().size(); ++i) {
    files_.push_back(File::temporary(out_.folder()));
    arrays_.emplace_back(model, i, files_.back().get());
  }
}

void NpzSink::write(const Tensors& results, std::int64_t rows) {
  check_rows(model_, results, rows);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!arrays_[i].write(results[i])) out_.fail();
  }
}

void NpzSink::finish() {
  std::vector<NpzEntry> entries;
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    if (!arrays_[i].finish()) out_.fail();
    entries.push_back({model_.output_names()[i], std::move(files_[i])});
  }
  const std::string why = write_npz(out_.draft(), std::move(entries));
  if (!why.empty()) out_.fail(why);
  out_.finish();
}

}  // namespace mlpjit::run
