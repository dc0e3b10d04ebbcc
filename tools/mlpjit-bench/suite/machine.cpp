#include "tools/mlpjit-bench/suite/machine.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tools/mlpjit-bench/suite/machine.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mlpjit::bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Twelve chains: more than two ports of four cycles need, and all in registers.
template <class T>
HWY_NOINLINE double multiply_add(std::size_t turns) {
  const hn::ScalableTag<T> d;
  volatile T start = static_cast<T>(1e-3);
  // Each from a read of its own: equal ones would be one to the compiler.
  auto a0 = hn::Set(d, start), a1 = hn::Set(d, start), a2 = hn::Set(d, start);
  auto a3 = hn::Set(d, start), a4 = hn::Set(d, start), a5 = hn::Set(d, start);
  auto a6 = hn::Set(d, start), a7 = hn::Set(d, start), a8 = hn::Set(d, start);
  auto a9 = hn::Set(d, start), a10 = hn::Set(d, start), a11 = hn::Set(d, start);
  const auto x = hn::Set(d, static_cast<T>(0.999)), y = hn::Set(d, start);
  for (std::size_t i = 0; i < turns; ++i) {
    a0 = hn::MulAdd(a0, x, y), a1 = hn::MulAdd(a1, x, y), a2 = hn::MulAdd(a2, x, y);
    a3 = hn::MulAdd(a3, x, y), a4 = hn::MulAdd(a4, x, y), a5 = hn::MulAdd(a5, x, y);
    a6 = hn::MulAdd(a6, x, y), a7 = hn::MulAdd(a7, x, y), a8 = hn::MulAdd(a8, x, y);
    a9 = hn::MulAdd(a9, x, y), a10 = hn::MulAdd(a10, x, y), a11 = hn::MulAdd(a11, x, y);
  }
  const auto sum = hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)),
                           hn::Add(hn::Add(hn::Add(a4, a5), hn::Add(a6, a7)),
                                   hn::Add(hn::Add(a8, a9), hn::Add(a10, a11))));
  volatile T sink = hn::GetLane(sum);
  (void)sink;
  return 12.0 * 2 * static_cast<double>(turns * hn::Lanes(d));
}
double MultiplyAddF32(std::size_t turns) {
  return multiply_add<float>(turns);
}
double MultiplyAddF64(std::size_t turns) {
  return multiply_add<double>(turns);
}

// Reads `count` floats, a multiple of 4096, as `streams` streams side by side.
template <int streams>
HWY_NOINLINE void read_streams(const float* from, std::size_t count) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d), each = count / streams;
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  for (std::size_t i = 0; i < each; i += 4 * lanes) {
    for (int k = 0; k < streams; ++k) {
      const float* at = from + static_cast<std::size_t>(k) * each + i;
      s0 = hn::Or(s0, hn::Load(d, at));
      s1 = hn::Or(s1, hn::Load(d, at + lanes));
      s2 = hn::Or(s2, hn::Load(d, at + 2 * lanes));
      s3 = hn::Or(s3, hn::Load(d, at + 3 * lanes));
    }
  }
  volatile float sink = hn::GetLane(hn::Or(hn::Or(s0, s1), hn::Or(s2, s3)));
  (void)sink;
}
void Read(const float* from, std::size_t count, int streams) {
  if (streams == 1) return read_streams<1>(from, count);
  if (streams == 2) return read_streams<2>(from, count);
  if (streams == 4) return read_streams<4>(from, count);
  return read_streams<8>(from, count);
}

std::size_t LanesF32() {
  return hn::Lanes(hn::ScalableTag<float>());
}

}  // namespace mlpjit::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <memory>

namespace mlpjit::bench {

HWY_EXPORT(MultiplyAddF32);
HWY_EXPORT(MultiplyAddF64);
HWY_EXPORT(Read);
HWY_EXPORT(LanesF32);

namespace {

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double peak(double (*work)(std::size_t)) {
  constexpr std::size_t kTurns = 200'000;
  double best = 0;
  for (int i = 0; i < 25; ++i) {
    double flops = 0;
    const double took = seconds([&] { flops = work(kTurns); });
    best = std::max(best, flops / took / 1e9);
  }
  return best;
}

double bandwidth(const float* memory, std::size_t bytes) {
  const std::size_t count = bytes / sizeof(float);
  const int passes = static_cast<int>(std::max<std::size_t>(1, (std::size_t{16} << 20) / bytes));
  double best = 0;
  for (const int streams : {1, 2, 4, 8}) {
    for (int i = 0; i < 5; ++i) {
      const double took = seconds([&] {
        for (int k = 0; k < passes; ++k) HWY_DYNAMIC_DISPATCH(Read)(memory, count, streams);
      });
      best = std::max(best, static_cast<double>(bytes) * passes / took / 1e9);
    }
  }
  return best;
}

}  // namespace

double Machine::gb_per_s(double bytes) const {
  const auto above = std::find_if(bandwidth.begin(), bandwidth.end(), [&](const Bandwidth& b) {
    return static_cast<double>(b.bytes) >= bytes;
  });
  if (above == bandwidth.begin()) return bandwidth.front().gb_per_s;
  if (above == bandwidth.end()) return bandwidth.back().gb_per_s;
  const auto below = above - 1;
  const double from = std::log(static_cast<double>(below->bytes)),
               to = std::log(static_cast<double>(above->bytes));
  const double part = (std::log(bytes) - from) / (to - from);
  return below->gb_per_s + part * (above->gb_per_s - below->gb_per_s);
}

Machine measure_machine() {
  Machine machine;
  machine.lanes_f32 = static_cast<int>(HWY_DYNAMIC_DISPATCH(LanesF32)());
  machine.gflops_f32 = peak(HWY_DYNAMIC_DISPATCH(MultiplyAddF32));
  machine.gflops_f64 = peak(HWY_DYNAMIC_DISPATCH(MultiplyAddF64));
  constexpr std::size_t kKilo = 1024, kMost = 64 * kKilo * kKilo;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  const std::unique_ptr<float, Free> memory(static_cast<float*>(std::aligned_alloc(4096, kMost)));
  if (memory == nullptr) throw std::bad_alloc();
  std::fill_n(memory.get(), kMost / sizeof(float), 1.f);
  for (const std::size_t kilobytes :
       {16, 32, 64, 128, 256, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192, 16384, 32768, 65536}) {
    const std::size_t bytes = kilobytes * kKilo;
    machine.bandwidth.push_back({bytes, bandwidth(memory.get(), bytes)});
  }
  return machine;
}

}  // namespace mlpjit::bench
#endif
