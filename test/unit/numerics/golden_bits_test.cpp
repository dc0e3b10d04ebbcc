// The bits of every element-wise function, as hashes of 100,000 results each. All modes share one
// definition, so comparing modes sees no change of it: this does. golden_bits.txt has the hashes
// and the numerics version they belong to.
//
// When bits change on purpose: raise kNumericsVersion (include/mlpjit/version.h), write the change
// into docs/numerics.md, measure its errors with mlpjit-ulp, and make the table again with
// MLPJIT_BLESS=1 bin/test_unit_numerics --gtest_filter='GoldenBits*'.
// The table of the same version is only added to: a row that changed is refused.

#include <fmt/format.h>
#include <gtest/gtest.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/opcodes.h"
#include "lib/numerics/elementwise.h"
#include "mlpjit/version.h"

namespace mlpjit::numerics {
namespace {

constexpr std::size_t kResults = 100000;
constexpr const char* kGolden = MLPJIT_SOURCE_DIR "/test/unit/numerics/golden_bits.txt";

struct Golden {
  int version = 0;
  std::map<std::string, std::string> hashes;  // by "function dtype"
};

// "numerics version 2", then lines of function, dtype and hash.
Golden read_golden() {
  Golden golden;
  std::ifstream file(kGolden);
  std::string word, function, dtype, hash;
  file >> word >> word >> golden.version;
  while (file >> function >> dtype >> hash) golden.hashes[function + " " + dtype] = hash;
  return golden;
}

void write_golden(const std::map<std::string, std::string>& hashes) {
  std::ofstream file(kGolden);
  file << "numerics version " << kNumericsVersion << "\n";
  for (const auto& [function, hash] : hashes) file << function << " " << hash << "\n";
}

// Raw output of the engine only: the distributions of the library are not the same everywhere.
template <class T>
class Inputs {
 public:
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  using Limits = std::numeric_limits<T>;

  // No two draws in one expression: their order is not the same everywhere. Special numbers and
  // their neighbours; any bits; denormals; numbers around whole steps, where
  // pieces, ranges and quadrants begin; and numbers from ranges between 2^-5 and 2^10.
  T next() {
    switch (random_() % 6) {
      case 0: return near(special());
      case 1: return std::bit_cast<T>(static_cast<Bits>(random_()));
      case 2: return signed_unit() * Limits::min();
      case 3: {
        const T unit = step();
        return near(static_cast<T>(whole(2048) - 1024) * unit);
      }
      default: {
        const T unit = signed_unit();
        return std::ldexp(unit, whole(16) - 5);
      }
    }
  }

 private:
  int whole(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  T signed_unit() {
    return static_cast<T>(static_cast<std::int64_t>(random_()) >> 11) * static_cast<T>(0x1p-52);
  }
  T special() {
    constexpr T values[] = {0,
                            1,
                            T(0.5),
                            T(0.7853981633974483),
                            T(0.3465735902799727),
                            T(1.4142135623730951),
                            10,
                            T(14.9),
                            18,
                            29,
                            T(88.72),
                            T(103.97),
                            T(709.78),
                            T(745.13),
                            Limits::min(),
                            Limits::denorm_min(),
                            Limits::epsilon(),
                            Limits::max(),
                            Limits::infinity(),
                            Limits::quiet_NaN()};
    const T x = values[random_() % std::size(values)];
    return random_() % 2 == 0 ? x : -x;
  }
  // Eighths, and halves of ln 2 and pi.
  T step() {
    constexpr T steps[] = {T(0.125), T(0.34657359027997264), T(1.5707963267948966)};
    return steps[random_() % std::size(steps)];
  }
  T near(T x) {
    const std::uint64_t way = random_() % 3;
    if (way == 0) return x;
    return std::nextafter(x, way == 1 ? Limits::infinity() : -Limits::infinity());
  }

  std::mt19937_64 random_{20};
};

// Attributes that no dtype represents exactly.
constexpr Params kParams{.alpha = 0.1, .min = -1.7, .max = 2.3};

template <class T>
std::string hash_of(ir::Opcode opcode) {
  Inputs<T> inputs;
  std::vector<T> results(kResults);
  for (T& result : results) {
    const T operands[] = {inputs.next(), inputs.next(), inputs.next()};
    result = apply(ScalarBackend<T>{}, opcode, operands, kParams);
    if (std::isnan(result)) result = std::numeric_limits<T>::quiet_NaN();
  }
  return fmt::format("{:016x}", XXH3_64bits(results.data(), results.size() * sizeof(T)));
}

std::map<std::string, std::string> all_hashes() {
  std::map<std::string, std::string> hashes;
#define MLPJIT_NUMERICS_FUNCTION(name, ...)                \
  hashes[#name " f32"] = hash_of<float>(ir::Opcode::name); \
  hashes[#name " f64"] = hash_of<double>(ir::Opcode::name);
#include "lib/numerics/functions.def"
  return hashes;
}

TEST(GoldenBits, ChangeOnlyWithTheNumericsVersion) {
  const Golden golden = read_golden();
  const std::map<std::string, std::string> actual = all_hashes();
  const bool same_version = golden.version == kNumericsVersion;
  std::string changed, missing;
  for (const auto& [function, hash] : actual) {
    const auto found = golden.hashes.find(function);
    if (found == golden.hashes.end()) {
      missing += "\n  " + function;
    } else if (found->second != hash) {
      changed += "\n  " + function;
    }
  }
  if (std::getenv("MLPJIT_BLESS") != nullptr && (!same_version || changed.empty())) {
    write_golden(actual);
    return;
  }
  EXPECT_TRUE(same_version) << "golden_bits.txt belongs to numerics version " << golden.version
                            << ": make it again with MLPJIT_BLESS=1";
  EXPECT_EQ(changed, "") << "the bits of these functions changed: kNumericsVersion must rise (now "
                         << kNumericsVersion
                         << "), then make golden_bits.txt again with MLPJIT_BLESS=1";
  EXPECT_EQ(missing, "") << "these functions are new: add them with MLPJIT_BLESS=1";
}

}  // namespace
}  // namespace mlpjit::numerics
