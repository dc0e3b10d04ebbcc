// Sequences of ONNX, whose elements are known one by one when a model is read.

#include <fmt/format.h>

#include "mlpjit/create.h"
#include "src/onnx/axes.h"
#include "src/onnx/call.h"
#include "src/onnx/importer.h"

namespace mlpjit::onnx {
namespace {

const std::vector<Value>& elements_of(const Call& call) {
  if (!call.has(0) || !call.value(0).sequence) call.fail("its input is no sequence");
  return *call.value(0).sequence;
}

Values made(const Call& call, std::vector<Value> elements) {
  call.importer().count(elements.size());
  Value value;
  value.sequence = std::make_shared<const std::vector<Value>>(std::move(elements));
  return {value};
}

Values constructed(const Call& call) {
  std::vector<Value> elements;
  for (std::size_t i = 0; i < call.count(); ++i) elements.push_back(call.value(i));
  return made(call, std::move(elements));
}

// A place that may be counted from the end; `size` where there is none.
std::size_t place_of(const Call& call, std::size_t input, std::size_t size, std::size_t highest) {
  if (!call.has(input)) return size;
  const std::int64_t given = call.integer(input, "position");
  const std::int64_t at = given < 0 ? given + static_cast<std::int64_t>(size) : given;
  if (at < 0 || at > static_cast<std::int64_t>(highest))
    call.fail(fmt::format("position {} of a sequence of {}", given, size));
  return static_cast<std::size_t>(at);
}

Values inserted(const Call& call) {
  std::vector<Value> elements = elements_of(call);
  const std::size_t at = place_of(call, 2, elements.size(), elements.size());
  elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(at), call.value(1));
  return made(call, std::move(elements));
}

Values erased(const Call& call) {
  std::vector<Value> elements = elements_of(call);
  if (elements.empty()) call.fail("its sequence is empty");
  const std::size_t last = elements.size() - 1;
  const std::size_t at = call.has(1) ? place_of(call, 1, elements.size(), last) : last;
  elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(at));
  return made(call, std::move(elements));
}

Values element_at(const Call& call) {
  const std::vector<Value>& elements = elements_of(call);
  if (elements.empty()) call.fail("its sequence is empty");
  return {elements[place_of(call, 1, elements.size(), elements.size() - 1)]};
}

Values length_of(const Call& call) {
  return {value_of({{}, {Dim(elements_of(call).size())}, DType::i64})};
}

Values concatenated_elements(const Call& call) {
  Tensors parts;
  for (const Value& element : elements_of(call)) parts.push_back(tensor_in(call, element));
  if (parts.empty()) call.unsupported("an empty sequence");
  const bool stacked = call.i("new_axis", 0) != 0;
  const int axis = call.axis(call.i("axis", 0), parts[0].rank() + (stacked ? 1 : 0));
  return one(stacked ? stack(parts, axis) : concat(parts, axis));
}

// By the sizes of the parts, or into parts of one size; without, one by one.
Values split_into(const Call& call) {
  const Tensor x = any(call);
  const int axis = call.axis(call.i("axis", 0), x.rank());
  const Dim whole = x.shape()[axis];
  if (!whole.is_static()) call.unsupported("it splits an axis whose size is not known");
  std::vector<std::int64_t> sizes =
      call.has(1) ? call.ints(1, "parts") : std::vector<std::int64_t>{1};
  if (!call.has(1) || call.value(1).tensor.rank() == 0) {
    const std::int64_t part = sizes.at(0);
    if (part < 1) call.fail(fmt::format("parts of {}", part));
    if ((whole.offset() - 1) / part >= kMostParts)
      call.unsupported(fmt::format("{} in parts of {}", whole.offset(), part));
    sizes.clear();
    for (std::int64_t left = whole.offset(); left > 0; left -= part)
      sizes.push_back(std::min(left, part));
  }
  if (std::ssize(sizes) > kMostParts) call.unsupported(fmt::format("{} parts", sizes.size()));
  std::vector<Value> elements;
  for (const Tensor& part : split(x, sizes, axis)) {
    const bool kept = call.has(1) || call.i("keepdims", 1) != 0;
    elements.push_back(moved(call, kept ? part : squeeze(part, axis)));
  }
  return made(call, std::move(elements));
}

}  // namespace

std::vector<OpDefinition> sequence_ops() {
  return {
      {"SequenceConstruct", constructed},
      {"SequenceEmpty", constructed},
      {"SequenceInsert", inserted},
      {"SequenceErase", erased},
      {"SequenceAt", element_at},
      {"SequenceLength", length_of},
      {"ConcatFromSequence", concatenated_elements},
      {"SplitToSequence", split_into},
  };
}

}  // namespace mlpjit::onnx
