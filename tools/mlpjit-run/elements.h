#pragma once
// Elements of numpy's arrays as elements of tensors.

#include <cstddef>
#include <cstdint>
#include <string>

#include "mlpjit/mlpjit.h"
#include "tools/mlpjit-run/npy.h"

namespace mlpjit::run {

// Whether the dtype, an integer's or bool, holds the number.
bool holds(DType dtype, std::int64_t number);
// A number without a fraction, as an i64 has it; else false.
bool to_whole(double number, std::int64_t& whole);

// Numbers as elements of the dtype: `count` of them from `bytes`, to `to`. Floating numbers round;
// integers and bools must be the same numbers. Gives the place of the first that is not, or
// `count`.
std::size_t convert(const NpyType& from, const char* bytes, std::size_t count, DType dtype,
                    void* to);

// A string, as UTF-8, without what fills it up.
std::string string_of(const NpyType& type, const char* bytes);

// An element as messages show it.
std::string shown(const NpyType& type, const char* bytes);

}  // namespace mlpjit::run
