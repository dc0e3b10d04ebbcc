#pragma once
/// @file
/// Tensor: a cheap handle to shared, row-major, dense storage; while tracing, a symbolic value.

#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <limits>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mlpjit/detail/nested_list.h"
#include "mlpjit/detail/value_list.h"
#include "mlpjit/dtype.h"
#include "mlpjit/error.h"
#include "mlpjit/export.h"
#include "mlpjit/shape.h"

namespace mlpjit {

class Tensor;
class TensorSlice;
class Outputs;
template <class T>
class HeldElements;
using Tensors = std::vector<Tensor>;

namespace detail {
struct TensorImpl;
struct TensorAccess;

template <class T>
concept Scalar = std::is_arithmetic_v<std::remove_cvref_t<T>>;
template <class T, class... Types>
concept OneOf = (std::same_as<T, Types> || ...);
/// Letters, which C++ counts among its numbers. Not `signed char` and `unsigned char`.
template <class T>
concept Character = OneOf<std::remove_cvref_t<T>, char, wchar_t, char8_t, char16_t, char32_t>;

/// An axis, given as any integer; what no int holds stays out of every tensor's range.
class Axis {
 public:
  template <std::integral Integer>
  constexpr Axis(Integer axis) : value_(narrow(axis)) {}  // NOLINT: integers convert
  constexpr operator int() const { return value_; }       // NOLINT: used as one

 private:
  template <std::integral Integer>
  static constexpr int narrow(Integer axis) {
    static_assert(!std::same_as<Integer, bool> && !Character<Integer>,
                  "mlpjit: an axis is an integer; keepdims comes after the axis or the axes, as in "
                  "sum(x, 1, true) or sum(x, {0, 1}, true)");
    if (std::in_range<int>(axis)) return static_cast<int>(axis);
    return axis < 0 ? (std::numeric_limits<int>::min)() : (std::numeric_limits<int>::max)();
  }
  int value_;
};

/// The element types with storage.
template <class T>
concept Element = requires { DTypeOf<std::remove_cv_t<T>>::value; };

/// While it lives, what this thread reads of tensors that other threads write to stays readable,
/// and is of one moment.
class MLPJIT_API ReadScope {
 public:
  ReadScope();
  ~ReadScope();
  ReadScope(const ReadScope&) = delete;
  ReadScope& operator=(const ReadScope&) = delete;

 private:
  alignas(void*) unsigned char room_[sizeof(void*)];
};
}  // namespace detail

/// A handle: copies share storage, nothing else aliases. Every op gives an independent value.
class MLPJIT_API Tensor {
 public:
  /// No tensor: `defined()` is false and every use throws UserError.
  Tensor() = default;

  /// A weak 0-d tensor of a C++ scalar: bool gives bool, integers i64, float and double f32. Beside
  /// another operand it takes that one's dtype if that is of the same or a higher kind
  /// (bool < integer < floating), and keeps its C++ value until then. Else DTypeError. An integer
  /// that the dtype it meets does not hold is a ValueError there (a float overflows to infinity).
  /// @throws ValueError on an unsigned integer above the largest i64.
  template <detail::Scalar T>
  Tensor(T value) : Tensor(weak(value)) {}  // NOLINT: scalars convert
  /// The same of a size: `sum(x) / x.shape()[0]`. @throws TraceError when it is symbolic.
  template <std::same_as<Dim> T>
  Tensor(const T& size) : Tensor(size.value()) {}  // NOLINT: sizes convert

  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & noexcept = default;
  ~Tensor() = default;

  /// Uses the caller's memory, which must outlive every handle; `data` is aligned to T at least.
  /// Packed copies of borrowed storage are not cached, so the caller may write to it between calls.
  template <detail::Element T>
  static Tensor borrow(T* data, Shape shape) {
    return from_memory(const_cast<std::remove_cv_t<T>*>(data), dtype_of<T>, std::move(shape),
                       nullptr, std::is_const_v<T>);
  }
  /// Takes over the caller's memory; `deleter(data)` runs when the last handle goes.
  template <detail::Element T, std::invocable<T*> Deleter>
  static Tensor from_blob(T* data, Shape shape, Deleter deleter) {
    return from_memory(
        const_cast<std::remove_cv_t<T>*>(data), dtype_of<T>, std::move(shape),
        [data, deleter = std::move(deleter)]() mutable { deleter(data); }, std::is_const_v<T>);
  }

  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const& MLPJIT_LIFETIMEBOUND;
  /// Of a temporary: a copy, as with every other view below.
  Shape shape() const&& { return static_cast<const Tensor&>(*this).shape(); }
  DType dtype() const;
  int rank() const { return shape().rank(); }
  /// Number of elements. @throws TraceError when a dimension is symbolic.
  std::int64_t size() const { return shape().size(); }
  /// Whether this stands for a value of a trace rather than for numbers.
  bool is_symbolic() const;
  /// Whether the dtype may still adapt to another operand's (a C++ scalar).
  bool is_weak() const;

  /// The elements, row-major. The span stays readable until the second write to the tensor after
  /// this call, or until its last handle is gone, whichever comes first; after a write it shows the
  /// elements before it or the new ones. Read through data() again after a write.
  /// @throws DTypeError when T is not the dtype; TraceError when symbolic.
  template <detail::Element T>
  std::span<const T> data() const& MLPJIT_LIFETIMEBOUND {
    return {static_cast<const T*>(raw_data(dtype_of<T>)), static_cast<std::size_t>(size())};
  }
  /// Of a temporary: the elements, and the tensor with them, so that
  /// `for (float y : net(x).data<float>())` and `auto y = net(x).data<float>();` are safe. A
  /// `std::span` of it would not be, and does not compile.
  template <detail::Element T>
  HeldElements<const T> data() const&&;
  /// The elements for writing, in place and at any time: from then on the tensor keeps its memory,
  /// packed copies of it are not kept, and who writes while others call synchronises himself.
  /// @throws as data(); UserError on borrowed read-only memory, and on a tensor that a bound call
  /// reads.
  template <detail::Element T>
      std::span<T> mutable_data() & MLPJIT_LIFETIMEBOUND {
    return {static_cast<T*>(raw_mutable_data(dtype_of<T>)), static_cast<std::size_t>(size())};
  }
  /// Of a temporary handle: with the tensor, as data().
  template <detail::Element T>
  HeldElements<T> mutable_data() &&;
  /// The single element, converted. @throws ShapeError when size() != 1; ValueError when T cannot
  /// hold the value; TraceError when symbolic.
  template <detail::Scalar T>
  T item() const {
    return single<T>("item");
  }
  /// A copy of the elements. @throws as data().
  template <detail::Element T>
  std::vector<T> to_vector() const {
    const detail::ReadScope scope;
    const auto* first = static_cast<const T*>(raw_elements(dtype_of<T>, "to_vector"));
    return std::vector<T>(first, first + size());
  }

  /// The same values in storage of its own.
  Tensor copy() const;
  /// Writes `value` (broadcast to this shape, of this dtype) into the storage that the handle
  /// shares. A C++ scalar that has met no dtype yet takes the dtype of what is assigned to it.
  Tensor& assign(const Tensor& value);
  /// Elements begin, begin + step, ... below end of one axis (negative ones count from the end).
  /// Read, a copy; on the left, `a.slice(0, 1, 3).assign(b)` writes into a.
  TensorSlice slice(detail::Axis axis, std::int64_t begin, std::int64_t end,
                    std::int64_t step = 1) const;

  Tensor& operator+=(const Tensor& other);
  Tensor& operator-=(const Tensor& other);
  Tensor& operator*=(const Tensor& other);
  Tensor& operator/=(const Tensor& other);

  /// The value of a tensor of one element. @throws as item().
  template <detail::Scalar T>
  explicit operator T() const {
    return single<T>(std::same_as<T, bool> ? "conversion to bool" : "conversion to a C++ number");
  }

  Tensor operator-() const;
  Tensor operator+() const { return *this; }

  // Arithmetic with numpy's broadcasting. Integers wrap; `/` on integers is a DTypeError that names
  // floor_divide and cast.
  friend Tensor operator+(const Tensor& a, const Tensor& b) { return binary(Binary::add, a, b); }
  friend Tensor operator-(const Tensor& a, const Tensor& b) {
    return binary(Binary::subtract, a, b);
  }
  friend Tensor operator*(const Tensor& a, const Tensor& b) {
    return binary(Binary::multiply, a, b);
  }
  friend Tensor operator/(const Tensor& a, const Tensor& b) { return binary(Binary::divide, a, b); }
  // Comparisons give bool tensors.
  friend Tensor operator==(const Tensor& a, const Tensor& b) { return binary(Binary::equal, a, b); }
  friend Tensor operator!=(const Tensor& a, const Tensor& b) {
    return binary(Binary::not_equal, a, b);
  }
  friend Tensor operator<(const Tensor& a, const Tensor& b) { return binary(Binary::less, a, b); }
  friend Tensor operator<=(const Tensor& a, const Tensor& b) {
    return binary(Binary::less_equal, a, b);
  }
  friend Tensor operator>(const Tensor& a, const Tensor& b) {
    return binary(Binary::greater, a, b);
  }
  friend Tensor operator>=(const Tensor& a, const Tensor& b) {
    return binary(Binary::greater_equal, a, b);
  }

  /// Prints like numpy, a 0-d tensor like the number (10); a symbolic tensor prints its name, dtype
  /// and shape.
  MLPJIT_API friend std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

 private:
  friend struct detail::TensorAccess;
  enum class Binary : std::uint8_t {
    add,
    subtract,
    multiply,
    divide,
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal
  };
  explicit Tensor(std::shared_ptr<detail::TensorImpl> impl) : impl_(std::move(impl)) {}

  template <detail::Scalar T>
  static Tensor weak(T value) {
    if constexpr (std::same_as<T, bool>) {
      return weak_boolean(value);
    } else if constexpr (std::integral<T>) {
      static_assert(!detail::Character<T>,
                    "mlpjit: a character is not a number: static_cast<int>(c) is its code, and "
                    "text is printed by print(text, x)");
      static_assert(sizeof(T) <= sizeof(std::int64_t),
                    "mlpjit: integers have at most 64 bits; static_cast<std::int64_t>(n)");
      if constexpr (std::unsigned_integral<T> && sizeof(T) == sizeof(std::int64_t)) {
        if (value > static_cast<T>((std::numeric_limits<std::int64_t>::max)())) throw_beyond_i64();
      }
      return weak_integer(static_cast<std::int64_t>(value));
    } else if constexpr (std::same_as<T, float>) {
      return weak_floating(value);
    } else {
      return weak_floating(static_cast<double>(value));
    }
  }
  [[noreturn]] static void throw_beyond_i64();
  static Tensor weak_boolean(bool value);
  static Tensor weak_integer(std::int64_t value);
  static Tensor weak_floating(float value);
  static Tensor weak_floating(double value);
  static Tensor from_memory(void* data, DType dtype, Shape shape, std::function<void()> release,
                            bool read_only);
  static Tensor binary(Binary op, const Tensor& a, const Tensor& b);
  template <detail::Scalar T>
  T single(const char* call) const;
  const void* raw_data(DType expected) const;
  /// Readable within a detail::ReadScope; messages name the call.
  const void* raw_elements(DType expected, const char* call) const;
  void* raw_mutable_data(DType expected);
  bool single_boolean(const char* call) const;
  std::int64_t single_integer(std::int64_t lowest, std::uint64_t highest, const char* call) const;
  float single_f32(const char* call) const;
  double single_f64(const char* call) const;

  std::shared_ptr<detail::TensorImpl> impl_;
};

/// What `slice()` gives: a tensor of its own (the copy), and a place to assign to.
class MLPJIT_API TensorSlice : public Tensor {
 public:
  TensorSlice(const TensorSlice&) = default;
  TensorSlice(TensorSlice&&) = default;
  /// Assigning to a slice would change the handle, not the tensor: write
  /// `a.slice(...).assign(value)`.
  TensorSlice& operator=(const TensorSlice&) = delete;
  /// Writes `value` (broadcast to the slice's shape) into the sliced tensor. The value is read
  /// first.
  void assign(const Tensor& value) const;
  void operator+=(const Tensor& other) const;
  void operator-=(const Tensor& other) const;
  void operator*=(const Tensor& other) const;
  void operator/=(const Tensor& other) const;

 private:
  friend class Tensor;
  TensorSlice(Tensor copy, Tensor base, int axis, std::int64_t begin, std::int64_t end,
              std::int64_t step);
  Tensor base_;
  int axis_;
  std::int64_t begin_, end_, step_;
};

/// The results of a call: a vector of tensors that is also a Tensor when there is just one.
class MLPJIT_API Outputs : public detail::ValueList<Tensor> {
 public:
  Outputs(Tensors tensors) : ValueList(std::move(tensors)) {}  // NOLINT: vectors convert
  /// @throws UserError unless there is one.
  operator Tensor() const;  // NOLINT: one result is a tensor
  /// For structured bindings: `auto [mean, variance] = net(x, y).as<2>();`. @throws UserError
  /// unless there are N.
  template <std::size_t N>
  std::array<Tensor, N> as() const {
    check_count(N);
    return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      return std::array<Tensor, N>{(*this)[Index]...};
    }(std::make_index_sequence<N>());
  }

  MLPJIT_API friend std::ostream& operator<<(std::ostream& out, const Outputs& outputs);

 private:
  void check_count(std::size_t count) const;
};

/// Elements of a tensor that was a temporary, which they keep alive. Copies share them. A
/// `std::span` may be made of a variable of this type, not of a temporary: name it first, as in
/// `auto y = net(x).data<float>();`.
template <class T>
class HeldElements {
 public:
  /// Of random access only, so that no span is made of a temporary unseen; `data()` is contiguous.
  class Iterator {
   public:
    using iterator_concept = std::random_access_iterator_tag;
    using iterator_category = std::random_access_iterator_tag;
    using value_type = std::remove_cv_t<T>;
    using difference_type = std::ptrdiff_t;
    using pointer = T*;
    using reference = T&;

    Iterator() = default;
    explicit Iterator(T* at) : at_(at) {}
    T& operator*() const { return *at_; }
    T* operator->() const { return at_; }
    T& operator[](std::ptrdiff_t n) const { return at_[n]; }
    Iterator& operator++() { return ++at_, *this; }
    Iterator& operator--() { return --at_, *this; }
    Iterator operator++(int) { return Iterator(at_++); }
    Iterator operator--(int) { return Iterator(at_--); }
    Iterator& operator+=(std::ptrdiff_t n) { return at_ += n, *this; }
    Iterator& operator-=(std::ptrdiff_t n) { return at_ -= n, *this; }
    friend Iterator operator+(Iterator a, std::ptrdiff_t n) { return a += n; }
    friend Iterator operator+(std::ptrdiff_t n, Iterator a) { return a += n; }
    friend Iterator operator-(Iterator a, std::ptrdiff_t n) { return a -= n; }
    friend std::ptrdiff_t operator-(Iterator a, Iterator b) { return a.at_ - b.at_; }
    friend auto operator<=>(Iterator a, Iterator b) = default;

   private:
    T* at_ = nullptr;
  };

  HeldElements(Tensor tensor, std::span<T> elements)
      : tensor_(std::move(tensor)), elements_(elements) {}

  std::size_t size() const { return elements_.size(); }
  bool empty() const { return elements_.empty(); }
  T& operator[](std::size_t i) const MLPJIT_LIFETIMEBOUND { return elements_[i]; }
  T& front() const MLPJIT_LIFETIMEBOUND { return elements_.front(); }
  T& back() const MLPJIT_LIFETIMEBOUND { return elements_.back(); }
  T* data() const MLPJIT_LIFETIMEBOUND { return elements_.data(); }
  Iterator begin() const MLPJIT_LIFETIMEBOUND { return Iterator(elements_.data()); }
  Iterator end() const MLPJIT_LIFETIMEBOUND {
    return Iterator(elements_.data() + elements_.size());
  }
  operator std::span<T>() const& MLPJIT_LIFETIMEBOUND { return elements_; }  // NOLINT: converts
  operator std::span<T>() const&& = delete;  // keep it in a variable: auto y = net(x).data<float>()

 private:
  Tensor tensor_;
  std::span<T> elements_;
};

template <detail::Element T>
HeldElements<const T> Tensor::data() const&& {
  return {*this, data<T>()};
}
template <detail::Element T>
HeldElements<T> Tensor::mutable_data() && {
  return {*this, static_cast<Tensor&>(*this).mutable_data<T>()};
}

template <detail::Scalar T>
T Tensor::single(const char* call) const {
  if constexpr (std::same_as<T, bool>) {
    return single_boolean(call);
  } else if constexpr (std::integral<T>) {
    return static_cast<T>(single_integer(
        static_cast<std::int64_t>(std::is_signed_v<T> ? (std::numeric_limits<T>::lowest)() : T{0}),
        static_cast<std::uint64_t>((std::numeric_limits<T>::max)()), call));
  } else if constexpr (std::same_as<T, float>) {
    return single_f32(call);
  } else {
    return static_cast<T>(single_f64(call));
  }
}

/// Same shape, dtype and every bit (NaN equals NaN).
MLPJIT_API bool identical(const Tensor& a, const Tensor& b);

/// The text that `<<` prints.
MLPJIT_API std::string to_string(const Tensor& tensor);

namespace detail {
MLPJIT_API Tensor tensor_from(const void* data, DType dtype, Shape shape);

/// @throws ShapeError when a shape does not have `size` elements.
MLPJIT_API void check_range_size(std::size_t size, const Shape& shape);

template <class List>
Tensor tensor_from_list(const List& list) {
  using Element = typename NestedList<List>::Element;
  Shape shape;
  NestedList<List>::shape(list, shape);
  std::vector<Element> flat;
  NestedList<List>::fill(list, shape, 0, flat);
  if constexpr (std::same_as<Element, bool>) {
    std::vector<unsigned char> bytes(flat.begin(), flat.end());
    return tensor_from(bytes.data(), DType::boolean, std::move(shape));
  } else {
    return tensor_from(flat.data(), dtype_of<Element>, std::move(shape));
  }
}
}  // namespace detail

/// A tensor from nested lists, up to four deep; the dtype is that of the elements (`1.f` f32, `1.0`
/// f64, `1` i32, `true` bool). @throws ShapeError on ragged lists.
template <detail::Element T>
Tensor tensor(std::initializer_list<T> values) {
  return detail::tensor_from_list(values);
}
template <detail::Element T>
Tensor tensor(std::initializer_list<std::initializer_list<T>> values) {
  return detail::tensor_from_list(values);
}
template <detail::Element T>
Tensor tensor(std::initializer_list<std::initializer_list<std::initializer_list<T>>> values) {
  return detail::tensor_from_list(values);
}
template <detail::Element T>
Tensor tensor(
    std::initializer_list<std::initializer_list<std::initializer_list<std::initializer_list<T>>>>
        values) {
  return detail::tensor_from_list(values);
}
/// A 0-d tensor of a definite (not weak) dtype.
template <detail::Element T>
Tensor tensor(T value) {
  return detail::tensor_from(&value, dtype_of<T>, {});
}
/// A copy of a range of elements: a span, a std::vector (of bool too), an array, a view. @throws
/// ShapeError when the sizes differ.
template <std::ranges::input_range Range>
  requires detail::Element<std::ranges::range_value_t<Range>>
Tensor tensor(Range&& values, Shape shape) {
  using Element = std::ranges::range_value_t<Range>;
  if constexpr (std::ranges::contiguous_range<Range> && std::ranges::sized_range<Range>) {
    detail::check_range_size(std::ranges::size(values), shape);
    return detail::tensor_from(std::ranges::data(values), dtype_of<Element>, std::move(shape));
  } else {
    using Stored = std::conditional_t<std::same_as<Element, bool>, unsigned char, Element>;
    std::vector<Stored> copy;
    for (auto&& value : values) copy.push_back(static_cast<Stored>(static_cast<Element>(value)));
    detail::check_range_size(copy.size(), shape);
    return detail::tensor_from(copy.data(), dtype_of<Element>, std::move(shape));
  }
}

}  // namespace mlpjit
