// The build's flags keep a * b + c in two roundings even where the CPU could fuse it.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>
#include <unistd.h>

// Compilers fuse separate statements and even intrinsics unless told not to.
extern "C" __attribute__((noinline, used, target("avx2,fma"))) void mlpjit_test_unfused(
    const float* a, const float* b, float* c, long count) {
  for (long i = 0; i < count; ++i) {
    const float product = a[i] * b[i];
    c[i] = product + c[i];
  }
  const __m256 product = _mm256_mul_ps(_mm256_loadu_ps(a), _mm256_loadu_ps(b));
  _mm256_storeu_ps(c, _mm256_add_ps(product, _mm256_loadu_ps(c)));
}

extern "C" __attribute__((noinline, used, target("avx2,fma"))) void mlpjit_test_fused(
    const float* a, const float* b, float* c, long count) {
  for (long i = 0; i < count; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
}

namespace {

struct Closer {
  void operator()(std::FILE* file) const { pclose(file); }
};

// The disassembly of one function of this program; empty without objdump.
std::string disassembly(const std::string& symbol) {
  const std::string command = "objdump -d --no-show-raw-insn --disassemble=" + symbol + " /proc/" +
                              std::to_string(getpid()) + "/exe 2>/dev/null";
  const std::unique_ptr<std::FILE, Closer> pipe(popen(command.c_str(), "r"));
  std::string text;
  std::array<char, 4096> buffer;
  while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) {
    text += buffer.data();
  }
  return text.find("<" + symbol + ">:") == std::string::npos ? "" : text;
}

TEST(Contraction, IsOff) {
  const std::string fused = disassembly("mlpjit_test_fused");
  if (fused.empty()) GTEST_SKIP() << "no objdump";
  EXPECT_NE(fused.find("vfmadd"), std::string::npos) << fused;
  const std::string unfused = disassembly("mlpjit_test_unfused");
  EXPECT_NE(unfused.find("vmulps"), std::string::npos) << unfused;
  EXPECT_EQ(unfused.find("vfm"), std::string::npos) << unfused;
}

}  // namespace
#endif
