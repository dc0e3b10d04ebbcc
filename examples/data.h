#pragma once
// What the examples that look at data share: reading it, and timing calls.
#include <mlpjit/mlpjit.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#ifndef EXAMPLE_DATA
#define EXAMPLE_DATA "data"
#endif

// The folder of the data: the program's first argument, or the one it was built with.
inline std::string data_folder(int argc, char** argv) {
  return argc > 1 ? argv[1] : EXAMPLE_DATA;
}

// f32 [rows, columns] from lines of numbers between commas.
inline mlpjit::Tensor read_csv(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw mlpjit::UserError(path + ": cannot be opened");
  std::vector<float> numbers;
  std::size_t rows = 0;
  for (std::string line, cell; std::getline(file, line); ++rows) {
    std::istringstream cells(line);
    while (std::getline(cells, cell, ',')) numbers.push_back(std::stof(cell));
    if (numbers.size() % (rows + 1) != 0) {
      throw mlpjit::UserError(path + ": line " + std::to_string(rows + 1) + " has another length");
    }
  }
  const std::size_t columns = rows == 0 ? 0 : numbers.size() / rows;
  return mlpjit::tensor(numbers, mlpjit::Shape{rows, columns});
}

// Handwritten digits that no network here was trained on.
struct Digits {
  mlpjit::Tensor labels;  // i64 [360]
  mlpjit::Tensor pixels;  // f32 [360, 64], from 0 to 16
};
inline Digits read_digits(const std::string& folder) {
  using namespace mlpjit;
  Tensor rows = read_csv(folder + "test.csv");  // a label, then 64 pixels
  return {cast(squeeze(rows.slice(1, 0, 1), 1), DType::i64), rows.slice(1, 1, 65)};
}

// Prints how long so many calls take, after one that may trace and compile.
template <class Call>
void time_calls(const char* text, int count, const Call& call) {
  call();
  mlpjit::Benchmark benchmark(text);
  for (int i = 0; i < count; ++i) call();
}
