#include "src/program/batch_readings.h"

#include <algorithm>

namespace mlpjit::detail {

namespace {

// More arguments than this that have the size of the first are not told apart one by one.
constexpr std::size_t kMostApart = 3;

}  // namespace

std::vector<std::vector<bool>> batch_readings(std::span<const Shape> shapes) {
  const auto first =
      static_cast<std::size_t>(std::find_if(shapes.begin(), shapes.end(),
                                            [](const Shape& shape) { return shape.rank() > 0; }) -
                               shapes.begin());
  if (first == shapes.size()) return {};
  std::vector<std::size_t> equal, of_one_rank;  // those after the first
  for (std::size_t i = first + 1; i < shapes.size(); ++i) {
    if (shapes[i].rank() == 0 || !identical(shapes[i][0], shapes[first][0])) continue;
    equal.push_back(i);
    if (shapes[i].rank() == shapes[first].rank()) of_one_rank.push_back(i);
  }
  std::vector<std::vector<std::size_t>> sets;
  if (equal.size() <= kMostApart) {
    for (std::size_t bits = 0; bits < (std::size_t{1} << equal.size()); ++bits) {
      std::vector<std::size_t>& set = sets.emplace_back();
      for (std::size_t i = 0; i < equal.size(); ++i) {
        if ((bits >> i & 1) == 0) set.push_back(equal[i]);
      }
    }
    std::stable_sort(sets.begin(), sets.end(),
                     [](const auto& a, const auto& b) { return a.size() > b.size(); });
  } else {
    sets = {equal, of_one_rank, {}};
    sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
  }
  std::vector<std::vector<bool>> readings;
  for (const std::vector<std::size_t>& set : sets) {
    std::vector<bool>& reading = readings.emplace_back(shapes.size());
    reading[first] = true;
    for (const std::size_t i : set) reading[i] = true;
  }
  return readings;
}

std::vector<BatchSignature> with_symbolic_batch(const Signature& signature) {
  std::vector<Shape> shapes;
  for (const Signature::Argument& argument : signature.arguments) shapes.push_back(argument.shape);
  std::vector<BatchSignature> signatures;
  for (const std::vector<bool>& reading : batch_readings(shapes)) {
    BatchSignature batch;
    batch.signature = signature;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      Signature::Argument& argument = batch.signature.arguments[i];
      const bool same = argument.same_as != SIZE_MAX;  // read as that one is
      if (!reading[same ? argument.same_as : i]) continue;
      batch.size = shapes[i].sizes()[0];
      argument.shape.set(0, dim("B"));
    }
    signatures.push_back(std::move(batch));
  }
  return signatures;
}

}  // namespace mlpjit::detail
