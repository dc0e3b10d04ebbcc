// Random draws: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
// The counter holds the block and the number of the draw, the key the seed, so any element can be
// made alone.

#include "lib/interp/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/interp/random.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>

#include "lib/interp/families.h"
#include "lib/interp/machine-inl.h"
#include "lib/ir/opcodes.h"
#include "lib/numerics/highway_elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlpjit::interp {
namespace HWY_NAMESPACE {

// u1 becomes sqrt(-2 log(u1)) cos(2 pi u2); n is a multiple of the lanes.
template <class T>
void box_muller(T* u1, const T* u2, std::size_t n) {
  const Machine<T> machine;
  const auto two_pi = machine.constant(static_cast<T>(6.28318530717958647692));
  const auto minus_two = machine.constant(-2);
  for (std::size_t i = 0; i < n; i += Machine<T>::kWidth) {
    const auto log = num::log(machine, machine.load(u1 + i));
    const auto radius = machine.sqrt(machine.mul(minus_two, log));
    const auto angle = machine.mul(two_pi, machine.load(u2 + i));
    machine.store(machine.mul(radius, num::cos(machine, angle)), u1 + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mlpjit::interp
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlpjit::interp {

namespace {

using std::size_t;
using Block = std::array<std::uint32_t, 4>;

struct Stream {
  std::uint64_t seed;
  std::uint64_t draw;

  Block block(std::uint64_t index) const {
    Block counter = {low(index), high(index), low(draw), high(draw)};
    std::uint32_t key0 = low(seed);
    std::uint32_t key1 = high(seed);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t product0 = 0xD2511F53ULL * counter[0];
      const std::uint64_t product1 = 0xCD9E8D57ULL * counter[2];
      counter = {high(product1) ^ counter[1] ^ key0, low(product1),
                 high(product0) ^ counter[3] ^ key1, low(product0)};
      key0 += 0x9E3779B9U;
      key1 += 0xBB67AE85U;
    }
    return counter;
  }

 private:
  static std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
  static std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }
};

// Two words as 64 bits, the first above.
std::uint64_t join(const Block& words, size_t pair) {
  return static_cast<std::uint64_t>(words[2 * pair]) << 32 | words[2 * pair + 1];
}

void fill_uniform(const Stream& stream, float* to, size_t n) {
  for (size_t i = 0; i < n; i += 4) {
    const Block words = stream.block(i / 4);
    for (size_t j = 0; j < std::min<size_t>(4, n - i); ++j) {
      to[i + j] = static_cast<float>(words[j] >> 8) * 0x1p-24F;
    }
  }
}

void fill_uniform(const Stream& stream, double* to, size_t n) {
  for (size_t i = 0; i < n; i += 2) {
    const Block words = stream.block(i / 2);
    for (size_t j = 0; j < std::min<size_t>(2, n - i); ++j) {
      to[i + j] = static_cast<double>(join(words, j) >> 11) * 0x1p-53;
    }
  }
}

// The two uniform numbers of the elements from `first` on, u1 above 0. `first` is even.
void make_pairs(const Stream& stream, size_t first, size_t n, float* u1, float* u2) {
  for (size_t i = 0; i < n; i += 2) {
    const Block words = stream.block((first + i) / 2);
    for (size_t j = 0; j < std::min<size_t>(2, n - i); ++j) {
      u1[i + j] = static_cast<float>((words[2 * j] >> 8) + 1) * 0x1p-24F;
      u2[i + j] = static_cast<float>(words[2 * j + 1] >> 8) * 0x1p-24F;
    }
  }
}

void make_pairs(const Stream& stream, size_t first, size_t n, double* u1, double* u2) {
  for (size_t i = 0; i < n; ++i) {
    const Block words = stream.block(first + i);
    u1[i] = static_cast<double>((join(words, 0) >> 11) + 1) * 0x1p-53;
    u2[i] = static_cast<double>(join(words, 1) >> 11) * 0x1p-53;
  }
}

template <class T>
void fill_normal(const Stream& stream, T* to, size_t n, support::Isa isa) {
  constexpr size_t kPiece = 256;
  alignas(64) T u1[kPiece];
  alignas(64) T u2[kPiece] = {};
  std::fill(std::begin(u1), std::end(u1), T(1));
  for (size_t i = 0; i < n; i += kPiece) {
    const size_t count = std::min(kPiece, n - i);
    make_pairs(stream, i, count, u1, u2);
    const size_t whole = (count + numerics::kLanes - 1) / numerics::kLanes * numerics::kLanes;
    MLPJIT_CHOOSE(isa, box_muller<T>)(u1, u2, whole);
    std::copy_n(u1, count, to + i);
  }
}

template <class T>
void fill(const Request& request, const Stream& stream) {
  auto* to = static_cast<T*>(request.results[0].data);
  const auto n = static_cast<size_t>(request.results[0].shape.size());
  if (request.opcode == ir::Opcode::random_uniform)
    fill_uniform(stream, to, n);
  else
    fill_normal(stream, to, n, request.isa);
}

}  // namespace

void evaluate_random(const Request& request) {
  const auto* state = static_cast<const std::int64_t*>(request.operands[0].data);
  const Stream stream{static_cast<std::uint64_t>(state[0]), static_cast<std::uint64_t>(state[1])};
  if (request.results[0].dtype == DType::f32)
    fill<float>(request, stream);
  else
    fill<double>(request, stream);
  auto* next = static_cast<std::int64_t*>(request.results[1].data);
  next[0] = static_cast<std::int64_t>(stream.seed);
  next[1] = static_cast<std::int64_t>(stream.draw + 1);
}

}  // namespace mlpjit::interp
#endif
