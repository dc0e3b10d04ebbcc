#pragma once
// Nested brace lists, as `tensor({{1.f, 2.f}, {3.f, 4.f}})` takes them.

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "mlpjit/export.h"
#include "mlpjit/shape.h"

namespace mlpjit::detail {

/// The shape of a list and its elements in row-major order. @throws ShapeError on ragged lists.
template <class T>
struct NestedList {  // a leaf
  using Element = T;
  static void shape(const T&, Shape&) {}
  static void fill(const T& item, const Shape&, int, std::vector<Element>& out) {
    out.push_back(item);
  }
};
[[noreturn]] MLPJIT_API void throw_ragged();
template <class T>
struct NestedList<std::initializer_list<T>> {
  using Element = typename NestedList<T>::Element;
  static void shape(const std::initializer_list<T>& list, Shape& out) {
    out.push_back(Dim(list.size()));
    if (list.size() > 0) NestedList<T>::shape(*list.begin(), out);
  }
  static void fill(const std::initializer_list<T>& list, const Shape& shape, int level,
                   std::vector<Element>& out) {
    if (static_cast<std::int64_t>(list.size()) != shape[level].value()) throw_ragged();
    for (const T& item : list) NestedList<T>::fill(item, shape, level + 1, out);
  }
};

}  // namespace mlpjit::detail
