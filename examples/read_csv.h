#pragma once
// Rows of numbers from a text file, for the examples that look at data.
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
