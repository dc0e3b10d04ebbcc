#pragma once
// Arrays of NumPy's .npz files whose members are stored, as NumPy's savez writes them: a zip archive
// of .npy files (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

#include <map>
#include <string>
#include <vector>

#include "mlpjit/tensor.h"

namespace mlpjit::test {

struct Array {
  Tensor numbers;                  // halves as f32, bytes as i32
  std::vector<std::string> texts;  // of an array of strings; `numbers` is undefined then
  Shape shape;
};

// By name, without ".npy". Throws std::runtime_error for anything else.
std::map<std::string, Array> read_npz(const std::string& path);

}  // namespace mlpjit::test
