#pragma once
// A vector that gives no references into a temporary.

#include <cstddef>
#include <utility>
#include <vector>

#include "mlpjit/export.h"

namespace mlpjit::detail {

/// A std::vector whose elements are values where it is a temporary: `for (auto& k :
/// net.explain().signatures[0].kernels)` iterates over something that lives.
template <class T>
class ValueList : public std::vector<T> {
 public:
  using Vector = std::vector<T>;
  using Vector::Vector;
  ValueList() = default;
  ValueList(Vector items) : Vector(std::move(items)) {}  // NOLINT: vectors convert

  T& operator[](std::size_t i) & MLPJIT_LIFETIMEBOUND { return Vector::operator[](i); }
  const T& operator[](std::size_t i) const& MLPJIT_LIFETIMEBOUND { return Vector::operator[](i); }
  T operator[](std::size_t i) && { return std::move(Vector::operator[](i)); }
  T& at(std::size_t i) & MLPJIT_LIFETIMEBOUND { return Vector::at(i); }
  const T& at(std::size_t i) const& MLPJIT_LIFETIMEBOUND { return Vector::at(i); }
  T at(std::size_t i) && { return std::move(Vector::at(i)); }
  T& front() & MLPJIT_LIFETIMEBOUND { return Vector::front(); }
  const T& front() const& MLPJIT_LIFETIMEBOUND { return Vector::front(); }
  T front() && { return std::move(Vector::front()); }
  T& back() & MLPJIT_LIFETIMEBOUND { return Vector::back(); }
  const T& back() const& MLPJIT_LIFETIMEBOUND { return Vector::back(); }
  T back() && { return std::move(Vector::back()); }
};

}  // namespace mlpjit::detail
