#include "tools/ulp/sweep.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "tools/ulp/kernels.h"
#include "tools/ulp/reference.h"

#include "lib/ir/opcodes.h"

namespace mlpjit::ulp {
namespace {

constexpr std::size_t kBlock = 4096;

// |got - exact| in units of the last place of T at `exact`. Infinity counts as the next power of
// two.
template <class T, class W>
double error_in_ulp(T got, W exact) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(exact) || std::isnan(got)) {
    return std::isnan(exact) && std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
  }
  const W top = std::ldexp(W{1}, Limits::max_exponent);
  const W value = std::isinf(got) ? std::copysign(top, W{got}) : W{got};
  if (std::fabs(exact) > top) exact = std::copysign(top, exact);
  if (value == exact) return 0;
  int exponent = 0;
  if constexpr (sizeof(W) == 8) {
    exponent = static_cast<int>(std::bit_cast<std::uint64_t>(exact) >> 52 & 0x7ff) - 1022;
  } else {
    std::frexp(exact, &exponent);
  }
  exponent = std::max(exponent, Limits::min_exponent);
  const W difference = std::fabs(value - exact);
  if constexpr (sizeof(W) == 8) {
    const auto scale = static_cast<std::uint64_t>(1023 + Limits::digits - exponent) << 52;
    return difference * std::bit_cast<double>(scale);
  } else {
    return static_cast<double>(std::ldexp(difference, Limits::digits - exponent));
  }
}

// One thread's buffers: arguments are collected and measured a block at a time.
template <class T, class W>
class Meter {
 public:
  explicit Meter(const Function& function) : function_(function) {}

  void add(T x, T y = 1) {
    x_[size_] = x;
    y_[size_] = y;
    if (++size_ == kBlock) flush();
  }
  Worst finish() {
    flush();
    return worst_;
  }

 private:
  void flush() {
    std::fill(x_.begin() + size_, x_.end(), T{1});
    std::fill(y_.begin() + size_, y_.end(), T{1});
    evaluate(function_.opcode, x_.data(), y_.data(), out_.data(), kBlock);
    for (std::size_t i = 0; i < size_; ++i) {
      const W exact = reference<W>(function_.opcode, x_[i], y_[i]);
      const double ulp = error_in_ulp<T, W>(out_[i], exact);
      if (ulp > worst_.ulp) {
        worst_.ulp = ulp;
        worst_.x = x_[i];
        worst_.y = y_[i];
      }
    }
    worst_.count += size_;
    size_ = 0;
  }

  const Function& function_;
  std::size_t size_ = 0;
  std::vector<T> x_ = std::vector<T>(kBlock), y_ = std::vector<T>(kBlock),
                 out_ = std::vector<T>(kBlock);
  Worst worst_;
};

// Runs part(i) on `threads` threads and joins what they found.
template <class Part>
Worst in_threads(int threads, Part part) {
  std::vector<Worst> found(static_cast<std::size_t>(threads));
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&, i] { found[static_cast<std::size_t>(i)] = part(i); });
  }
  for (std::thread& worker : workers) worker.join();
  Worst worst;
  for (const Worst& one : found) worst.join(one);
  return worst;
}

template <class T>
T uniform(std::mt19937_64& random, double low, double high) {
  const double unit = static_cast<double>(random() >> 11) * 0x1p-53;
  return static_cast<T>(low + (high - low) * unit);
}

template <class T>
T any_bits(std::mt19937_64& random) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return std::bit_cast<T>(static_cast<Bits>(random()));
}

template <class T>
constexpr std::array kSpecials = {T{0},
                                  -T{0},
                                  T{1},
                                  T{-1},
                                  T{2},
                                  T{-3},
                                  T{0.5},
                                  std::numeric_limits<T>::infinity(),
                                  -std::numeric_limits<T>::infinity(),
                                  std::numeric_limits<T>::quiet_NaN(),
                                  std::numeric_limits<T>::denorm_min(),
                                  -std::numeric_limits<T>::denorm_min(),
                                  std::numeric_limits<T>::min(),
                                  std::numeric_limits<T>::max(),
                                  std::numeric_limits<T>::lowest()};

// Arguments of pow: any bits; results in range; bases near 1 with large exponents; whole exponents.
template <class T, class W>
Worst sample_pow(const Function& function, std::uint64_t samples, int thread, int threads) {
  std::mt19937_64 random(static_cast<std::uint64_t>(thread) + 1);
  Meter<T, W> meter(function);
  const double log_range = sizeof(T) == 4 ? 89 : 710;
  for (std::uint64_t i = 0; i < samples / static_cast<std::uint64_t>(threads); ++i) {
    meter.add(any_bits<T>(random), any_bits<T>(random));
    const T base = std::fabs(any_bits<T>(random));
    const double log_base = std::log(static_cast<double>(base));
    meter.add(base, static_cast<T>(uniform<double>(random, -1.2, 1.2) * log_range / log_base));
    const T near = static_cast<T>(1 + uniform<double>(random, -1, 1) *
                                          std::ldexp(1.0, -static_cast<int>(random() % 12)));
    const double log_near = std::log(static_cast<double>(near));
    meter.add(near, static_cast<T>(uniform<double>(random, -1.2, 1.2) * log_range / log_near));
    meter.add(uniform<T>(random, -10, 10), std::floor(uniform<T>(random, -40, 40)));
  }
  if (thread == 0) {
    for (const T x : kSpecials<T>) {
      for (const T y : kSpecials<T>) meter.add(x, y);
    }
  }
  return meter.finish();
}

}  // namespace

Worst sweep_f32(const Function& function, std::uint64_t stride, int threads) {
  constexpr std::uint64_t kFloats = std::uint64_t{1} << 32;
  return in_threads(threads, [&](int thread) {
    if (function.opcode == ir::Opcode::pow) {
      return sample_pow<float, double>(function, kFloats / stride / 16, thread, threads);
    }
    Meter<float, double> meter(function);
    const auto step = stride * static_cast<std::uint64_t>(threads);
    for (auto i = stride * static_cast<std::uint64_t>(thread); i < kFloats; i += step) {
      meter.add(std::bit_cast<float>(static_cast<std::uint32_t>(i)));
    }
    if (thread == 0) {
      for (const float x : kSpecials<float>) meter.add(x);
    }
    return meter.finish();
  });
}

Worst sample_f64(const Function& function, std::uint64_t samples, int threads) {
  return in_threads(threads, [&](int thread) {
    if (function.opcode == ir::Opcode::pow) {
      return sample_pow<double, long double>(function, samples, thread, threads);
    }
    std::mt19937_64 random(static_cast<std::uint64_t>(thread) + 1);
    Meter<double, long double> meter(function);
    for (std::uint64_t i = 0; i < samples / static_cast<std::uint64_t>(threads); ++i) {
      meter.add(any_bits<double>(random));
      const int exponent = static_cast<int>(random() % 24) - 12;
      meter.add(uniform<double>(random, -1, 1) * std::ldexp(1.0, exponent));
      meter.add(uniform<double>(random, -800, 800));
      meter.add(uniform<double>(random, -4, 4));
    }
    if (thread == 0) {
      for (const double x : kSpecials<double>) meter.add(x);
    }
    return meter.finish();
  });
}

}  // namespace mlpjit::ulp
