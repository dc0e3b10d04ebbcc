#pragma once
// Constants of the definitions in *-inl.h. Made by tools/ulp/coefficients.py; do not edit.

#include <array>
#include <cstdint>

namespace mlpjit::numerics {

template <class T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr int kMantissaBits = 23;
  static constexpr int kBias = 127;
  // 1.5 * 2^kMantissaBits: x + kShift has round(x) in its low bits.
  static constexpr double kShift = 0x1.8p23;
  // Below it f(x) = x for expm1 and log1p.
  static constexpr double kTiny = 0x1p-30;
  // Beyond these the results are what they are at them.
  static constexpr double kExpHigh = 89;
  static constexpr double kExpLow = -104;
  static constexpr double kExpm1Low = -18;
  static constexpr double kTanhHigh = 9.1;
  static constexpr double kSiluLow = -109;
  static constexpr double kGeluTanhLow = -10.8;
  static constexpr double kGeluHigh = 15.0;
  static constexpr double kTailCenter = 2.1875;
  static constexpr double kErfHigh = 4.2;
  static constexpr float kLog2E = 0x1.715476p0f;
  static constexpr float kLn2High = 0x1.62e4p-1f;
  static constexpr float kLn2Low = 0x1.7f7d1cp-20f;
  static constexpr float kGeluLinearHigh = 0x1.988454p0f;
  static constexpr float kGeluLinearLow = -0x1.857936p-25f;
  static constexpr float kGeluCubicHigh = 0x1.2444f2p-4f;
  static constexpr float kGeluCubicLow = 0x1.49b16ap-29f;
  static constexpr float kHalfPiHigh = 0x1.921fb6p0f;
  static constexpr float kHalfPiLow = -0x1.777a5cp-25f;
  // Denormals are brought up by 2^kDenormalShift.
  static constexpr float kDenormalScale = 0x1p25f;
  static constexpr double kDenormalShift = 25;
  // sqrt(1/2) and 179/256.
  static constexpr std::int32_t kSqrtHalfBits = 0x3f3504f3;
  static constexpr std::int32_t kPowOffset = 0x3f330000;
  static constexpr std::array<float, 5> kExp = {
      // 2^-26.1
      0x1.fffffep-2f, 0x1.5554b4p-3f, 0x1.5556f6p-5f, 0x1.122534p-7f, 0x1.6b98p-10f,
  };
  static constexpr std::array<float, 6> kExpm1 = {
      // 2^-31.1
      0x1p-1f, 0x1.555554p-3f, 0x1.5554f8p-5f, 0x1.1112dcp-7f, 0x1.6d3a3ep-10f, 0x1.9e6944p-13f,
  };
  static constexpr std::array<float, 9> kLog = {
      // 2^-27.4
      -0x1p-1f,       0x1.555554p-2f,  -0x1.000226p-2f, 0x1.99a01cp-3f, -0x1.54728cp-3f,
      0x1.22d936p-3f, -0x1.0d8232p-3f, 0x1.055e62p-3f,  -0x1.38c91p-4f,
  };
  static constexpr std::array<float, 4> kSin = {
      // 2^-32.5
      -0x1.555556p-3f,
      0x1.111174p-7f,
      -0x1.a05956p-13f,
      0x1.7c2d96p-19f,
  };
  static constexpr std::array<float, 3> kCos = {
      // 2^-33.0
      0x1.55554ap-5f,
      -0x1.6c0c28p-10f,
      0x1.99e80cp-16f,
  };
  static constexpr std::array<float, 7> kErf = {
      // 2^-29.4
      0x1.06eba8p-3f, -0x1.81273ep-2f,  0x1.ce2ce6p-4f,  -0x1.b7f71ap-6f,
      0x1.53f224p-8f, -0x1.a3515ep-11f, 0x1.4771fcp-14f,
  };
  static constexpr std::array<float, 5> kPowLog = {
      // 2^-36.0
      0x1.555556p-2f, -0x1.ffff88p-3f, 0x1.9995d6p-3f, -0x1.56c62p-3f, 0x1.27e4dap-3f,
  };
  static constexpr std::array<float, 11> kTail = {
      // 2^-26.4
      0x1.5fc872p-1f, -0x1.7e5b4p-2f,   0x1.13096ap-4f,   0x1.fcfb14p-6f,
      -0x1.11a91p-7f, -0x1.9ac934p-8f,  0x1.a11628p-13f,  0x1.681f8p-10f,
      0x1.8b575p-12f, -0x1.7641a6p-13f, -0x1.a4bb6ep-14f,
  };
  static constexpr std::array<float, 16> kPowInverse = {
      0x1.6p0f, 0x1.5p0f, 0x1.5p0f,  0x1.4p0f,  0x1.3p0f,  0x1.2p0f,  0x1.2p0f,  0x1.1p0f,
      0x1.1p0f, 0x1p0f,   0x1.ep-1f, 0x1.dp-1f, 0x1.bp-1f, 0x1.ap-1f, 0x1.9p-1f, 0x1.7p-1f,
  };
  static constexpr std::array<float, 16> kPowLogHigh = {
      -0x1.4618bcp-2f, -0x1.1675cap-2f, -0x1.1675cap-2f, -0x1.c8ff7cp-3f,
      -0x1.5ff308p-3f, -0x1.e27076p-4f, -0x1.e27076p-4f, -0x1.f0a30cp-5f,
      -0x1.f0a30cp-5f, 0x0p0f,          0x1.08598cp-4f,  0x1.9335e6p-4f,
      0x1.5bf406p-3f,  0x1.a93ed4p-3f,  0x1.f991c6p-3f,  0x1.522aep-2f,
  };
  static constexpr std::array<float, 16> kPowLogLow = {
      -0x1.0e2f62p-29f, -0x1.7574c2p-27f, -0x1.7574c2p-27f, -0x1.e6a688p-29f,
      0x1.eb0d86p-28f,  -0x1.c55e5cp-29f, -0x1.c55e5cp-29f, -0x1.162a66p-37f,
      -0x1.162a66p-37f, 0x0p0f,           -0x1.4c38cp-29f,  -0x1.535b3cp-31f,
      0x1.6a87b6p-28f,  -0x1.ba930ep-30f, 0x1.96767p-28f,   0x1.ce28f6p-28f,
  };
  // Exponents per block: 2^kBlockLog.
  static constexpr int kBlockLog = 3;
  static constexpr std::array<std::array<float, 16>, 4> kTwoOverPi = {{
      {0x1.45f3p-1f, 0x1.7cc1b6p1f, 0x1.836e4cp0f, 0x1.b72722p1f, 0x1.27220ap1f, 0x1.220a94p1f,
       0x1.529fcp-4f, 0x1.29fc24p0f, 0x1.fc2754p0f, 0x1.3abe8p-3f, 0x1.abe8fap1f, 0x1.e8fa9ap1f,
       0x1.f534dcp0f, 0x1.34ddcp0f, 0x1.bb81bp-1f, 0x1.c0db6p0f},
      {0x1.b72722p-23f, 0x1.27220ap-23f, 0x1.220a94p-23f, 0x1.529fcp-28f, 0x1.29fc24p-24f,
       0x1.fc2754p-24f, 0x1.3abe8p-27f, 0x1.abe8fap-23f, 0x1.e8fa9ap-23f, 0x1.f534dcp-24f,
       0x1.34ddcp-24f, 0x1.bb81bp-25f, 0x1.c0db6p-24f, 0x1.b6c528p-25f, 0x1.b14accp-23f,
       0x1.4acc9ep-23f},
      {0x1.529fcp-52f, 0x1.29fc24p-48f, 0x1.fc2754p-48f, 0x1.3abe8p-51f, 0x1.abe8fap-47f,
       0x1.e8fa9ap-47f, 0x1.f534dcp-48f, 0x1.34ddcp-48f, 0x1.bb81bp-49f, 0x1.c0db6p-48f,
       0x1.b6c528p-49f, 0x1.b14accp-47f, 0x1.4acc9ep-47f, 0x1.993c4p-48f, 0x1.3c439p-48f,
       0x1.0e41p-50f},
      {0x1.3abe8p-75f, 0x1.abe8fap-71f, 0x1.e8fa9ap-71f, 0x1.f534dcp-72f, 0x1.34ddcp-72f,
       0x1.bb81bp-73f, 0x1.c0db6p-72f, 0x1.b6c528p-73f, 0x1.b14accp-71f, 0x1.4acc9ep-71f,
       0x1.993c4p-72f, 0x1.3c439p-72f, 0x1.0e41p-74f, 0x1.c820fep-71f, 0x1.07f94p-74f,
       0x1.fe516p-72f},
  }};
};

template <>
struct Constants<double> {
  static constexpr int kMantissaBits = 52;
  static constexpr int kBias = 1023;
  // 1.5 * 2^kMantissaBits: x + kShift has round(x) in its low bits.
  static constexpr double kShift = 0x1.8p52;
  // Below it f(x) = x for expm1 and log1p.
  static constexpr double kTiny = 0x1p-60;
  // Beyond these the results are what they are at them.
  static constexpr double kExpHigh = 710;
  static constexpr double kExpLow = -746;
  static constexpr double kExpm1Low = -38;
  static constexpr double kTanhHigh = 19.1;
  static constexpr double kSiluLow = -753;
  static constexpr double kGeluTanhLow = -21.6;
  static constexpr double kGeluHigh = 39.5;
  static constexpr double kTailCenter = 3.0;
  static constexpr double kErfHigh = 6.2;
  static constexpr double kLog2E = 0x1.71547652b82fep0;
  static constexpr double kLn2High = 0x1.62e42ffp-1;
  static constexpr double kLn2Low = -0x1.718432a1b0e26p-35;
  static constexpr double kGeluLinearHigh = 0x1.9884533d43651p0;
  static constexpr double kGeluLinearLow = -0x1.cbc0d30ebfd15p-54;
  static constexpr double kGeluCubicHigh = 0x1.2444f2a4d8b4bp-4;
  static constexpr double kGeluCubicLow = -0x1.6c843a29d1c7p-61;
  static constexpr double kHalfPiHigh = 0x1.921fb54442d18p0;
  static constexpr double kHalfPiLow = 0x1.1a62633145c07p-54;
  // Denormals are brought up by 2^kDenormalShift.
  static constexpr double kDenormalScale = 0x1p54;
  static constexpr double kDenormalShift = 54;
  // sqrt(1/2) and 179/256.
  static constexpr std::int64_t kSqrtHalfBits = 0x3fe6a09e667f3bcd;
  static constexpr std::int64_t kPowOffset = 0x3fe6600000000000;
  static constexpr std::array<double, 11> kExp = {
      // 2^-61.6
      0x1p-1,
      0x1.5555555555559p-3,
      0x1.5555555555559p-5,
      0x1.111111110f70bp-7,
      0x1.6c16c16c1686ap-10,
      0x1.a01a01af9bd3ap-13,
      0x1.a01a019e279bcp-16,
      0x1.71ddf93a4ef0ep-19,
      0x1.27e4f92f66453p-22,
      0x1.af5d0369f3952p-26,
      0x1.1f38117cee106p-29,
  };
  static constexpr std::array<double, 11> kExpm1 = {
      // 2^-61.6
      0x1p-1,
      0x1.5555555555559p-3,
      0x1.5555555555559p-5,
      0x1.111111110f70bp-7,
      0x1.6c16c16c1686ap-10,
      0x1.a01a01af9bd3ap-13,
      0x1.a01a019e279bcp-16,
      0x1.71ddf93a4ef0ep-19,
      0x1.27e4f92f66453p-22,
      0x1.af5d0369f3952p-26,
      0x1.1f38117cee106p-29,
  };
  static constexpr std::array<double, 21> kLog = {
      // 2^-59.3
      -0x1p-1,
      0x1.555555555556bp-2,
      -0x1.ffffffffffe85p-3,
      0x1.9999999994d9ep-3,
      -0x1.555555556ab4ep-3,
      0x1.249249275d01dp-3,
      -0x1.fffffff3dd636p-4,
      0x1.c71c702e9c5ecp-4,
      -0x1.99999a992ff3dp-4,
      0x1.745d58b9bd04ap-4,
      -0x1.5555774bcf17p-4,
      0x1.3b0d7af571035p-4,
      -0x1.248945c1471cbp-4,
      0x1.1169e27c634c2p-4,
      -0x1.00cfc4a86613ap-4,
      0x1.dc9992359e597p-5,
      -0x1.b45e8fa3002dep-5,
      0x1.bba56f143739ep-5,
      -0x1.010413a4ff11bp-4,
      0x1.d2bbed3b5640ep-5,
      -0x1.8dd75d9b279ebp-6,
  };
  static constexpr std::array<double, 7> kSin = {
      // 2^-63.2
      -0x1.5555555555555p-3,  0x1.1111111111069p-7,  -0x1.a01a019ffe523p-13, 0x1.71de3a33a573ep-19,
      -0x1.ae642c518fffcp-26, 0x1.6109bd5a25638p-33, -0x1.9ffd697d8441ep-41,
  };
  static constexpr std::array<double, 7> kCos = {
      // 2^-69.0
      0x1.5555555555555p-5,  -0x1.6c16c16c16b3p-10,  0x1.a01a019ffcb74p-16, -0x1.27e4fb5a1ec61p-22,
      0x1.1eed6f7dd4686p-29, -0x1.93744f25246b7p-37, 0x1.9dac3b2c52935p-45,
  };
  static constexpr std::array<double, 14> kErf = {
      // 2^-56.4
      0x1.06eba8214db69p-3,  -0x1.812746b037a2fp-2,  0x1.ce2f21a046988p-4,  -0x1.b82ce313d526dp-6,
      0x1.565bcd48cc405p-8,  -0x1.c02dc03a7fdc3p-11, 0x1.f9a4cc620141ap-14, -0x1.f4f86a07e25c4p-17,
      0x1.bc4157ea28a01p-20, -0x1.790db1383a694p-23, 0x1.ba6bbe78443b7p-26, -0x1.090397ebeb36dp-27,
      0x1.404c265a8679dp-29, -0x1.7d990b18cb6bdp-32,
  };
  static constexpr std::array<double, 11> kPowLog = {
      // 2^-67.2
      0x1.5555555555555p-2, -0x1.0000000000028p-2, 0x1.999999999a071p-3, -0x1.55555555153d4p-3,
      0x1.24924922d914dp-3, -0x1.000001117e876p-3, 0x1.c71c78dd6bba2p-4, -0x1.99958d8bdf1ffp-4,
      0x1.74552e4393275p-4, -0x1.58da0dd26e2d9p-4, 0x1.3fa538386b805p-4,
  };
  static constexpr std::array<double, 29> kTail = {
      // 2^-54.1
      0x1.754a751a56f4ap-1,   -0x1.04c7295a48f33p-1,  0x1.d71387c654a34p-3,
      -0x1.832dbf6992314p-5,  -0x1.56d8e3d745dc9p-7,  0x1.c8f52c31ce728p-8,
      0x1.0d608bf660379p-10,  -0x1.12285ed55aa1p-10,  -0x1.0d09c8075c70bp-12,
      0x1.43c9dbfc1883ep-13,  0x1.4a8bbeaba7b69p-14,  -0x1.bc72f8dd202e2p-17,
      -0x1.5ab3b8f57b092p-16, -0x1.d84320933f1b1p-19, 0x1.dc9aabbaf9cc6p-19,
      0x1.2e81a98d3e488p-19,  0x1.f99554620aba3p-23,  -0x1.3200bbe330f7ap-21,
      -0x1.6b64840ad148bp-21, -0x1.c5e90b3a47f76p-26, 0x1.3b1ec3c0dfb37p-21,
      0x1.2b394a641fddcp-23,  -0x1.b7e7eddadc32fp-22, -0x1.fd346ac5efe14p-24,
      0x1.a34b1e29b06aep-23,  0x1.0150fb9cafcf2p-24,  -0x1.a7036124d32dap-25,
      -0x1.d5be249387d4p-27,  0x1.f93d96712f923p-29,
  };
  static constexpr std::array<double, 16> kPowInverse = {
      0x1.6p0, 0x1.5p0, 0x1.5p0,  0x1.4p0,  0x1.3p0,  0x1.2p0,  0x1.2p0,  0x1.1p0,
      0x1.1p0, 0x1p0,   0x1.ep-1, 0x1.dp-1, 0x1.bp-1, 0x1.ap-1, 0x1.9p-1, 0x1.7p-1,
  };
  static constexpr std::array<double, 16> kPowLogHigh = {
      -0x1.4618bc21c5ec2p-2, -0x1.1675cababa60ep-2,
      -0x1.1675cababa60ep-2, -0x1.c8ff7c79a9a22p-3,
      -0x1.5ff3070a793d4p-3, -0x1.e27076e2af2e6p-4,
      -0x1.e27076e2af2e6p-4, -0x1.f0a30c01162a6p-5,
      -0x1.f0a30c01162a6p-5, 0x0p0,
      0x1.08598b59e3a07p-4,  0x1.9335e5d594989p-4,
      0x1.5bf406b543db2p-3,  0x1.a93ed3c8ad9e3p-3,
      0x1.f991c6cb3b379p-3,  0x1.522ae0738a3d8p-2,
  };
  static constexpr std::array<double, 16> kPowLogLow = {
      -0x1.f42decdeccf1dp-56, -0x1.ce63eab883717p-61,
      -0x1.ce63eab883717p-61, 0x1.4f689f8434012p-57,
      0x1.bc60efafc6f6ep-58,  0x1.61578001e0162p-60,
      0x1.61578001e0162p-60,  -0x1.85f325c5bbacdp-59,
      -0x1.85f325c5bbacdp-59, 0x0p0,
      -0x1.dd7009902bf32p-58, -0x1.478a85704ccb7p-58,
      -0x1.1f5b44c0df7e7p-61, 0x1.bcafa9de97203p-57,
      0x1.f665066f980a2p-57,  -0x1.8f7e9b38a6979p-57,
  };
  // Exponents per block: 2^kBlockLog.
  static constexpr int kBlockLog = 5;
  static constexpr std::array<std::array<double, 31>, 4> kTwoOverPi = {{
      {0x1.45f306dc9c88p-1,  0x1.27220a94fe13ap1,  0x1.fc2757d1f534cp0, 0x1.f534ddc0db628p0,
       0x1.b6c52b327887p-1,  0x1.3c439041fe516p0,  0x1.fe5163abdebbcp0, 0x1.ef5de2b0db923p1,
       0x1.b7246e3a424dcp0,  0x1.2126e97003249p1,  0x1.924bba82746p-6,  0x1.04e8c90e7f0efp1,
       0x1.fc3bd63962534p-1, 0x1.62534e7dd1044p-1, 0x1.74411afa975dap1, 0x1.2ebb4484e99c6p0,
       0x1.d338e04d68becp-1, 0x1.5a2fbf209cc8ep1,  0x1.3991d63983532p0, 0x1.835339f49c844p0,
       0x1.3908bf177bf24p-1, 0x1.defc941d8ffc4p1,  0x1.8ffc4bffef02cp1, 0x1.ef02cc07f7978p1,
       0x1.f79788c5ad053p1,  0x1.ad05368fb69b3p1,  0x1.b69b3f6793e58p1, 0x1.93e584dba7a31p1,
       0x1.a7a31fb34f2ffp1,  0x1.4f2ff516ba93dp1,  0x1.7527bac7ebe5ep0},
      {0x1.529fc2757d1f5p-52, 0x1.7d1f534ddc0dbp-52, 0x1.dc0db6295993cp-52, 0x1.5993c439041fep-52,
       0x1.041fe5163abdep-52, 0x1.d5ef5de2b0db8p-55, 0x1.586dc91b8e908p-54, 0x1.c74849ba5c00cp-53,
       0x1.2e006492eea09p-52, 0x1.dd413a32439fcp-53, 0x1.21cfe1deb1cb1p-52, 0x1.63962534e7ddp-53,
       0x1.cfba208d7d4b8p-54, 0x1.5f52ebb4484e9p-52, 0x1.213a671c09adp-54,  0x1.026b45f7e4139p-52,
       0x1.e413991d63983p-52, 0x1.639835339f49cp-52, 0x1.9f49c845f8bbdp-52, 0x1.f8bbdf9283b1fp-52,
       0x1.0763ff12fffbcp-53, 0x1.7ffde05980fefp-52, 0x1.80fef2f118b5ap-52, 0x1.18b5a0a6d1f6dp-52,
       0x1.a3eda6cfd9e4ep-53, 0x1.ecf27cb09b74fp-52, 0x1.36e9e8c7ecd3cp-53, 0x1.f669e5fea2d75p-52,
       0x1.45aea4f758fd6p-53, 0x1.ac7ebe5f17b3dp-52, 0x1.17b3d0739f78ap-52},
      {0x1.a6ee06db14accp-107, 0x1.8a5664f10e41p-106,  0x1.0e4107f9458eap-106,
       0x1.458eaf7aef158p-106, 0x1.778ac36e48dc7p-105, 0x1.2371d2126e97p-107,
       0x1.374b801924bbap-106, 0x1.24bba82746486p-106, 0x1.a32439fc3bd63p-105,
       0x1.deb1cb129a738p-108, 0x1.4d39f74411af8p-107, 0x1.046bea5d7689p-105,
       0x1.768909d338e04p-105, 0x1.38e04d68befc8p-105, 0x1.7df904e64758ep-106,
       0x1.23ac7306a673ep-105, 0x1.4ce7d272117e2p-106, 0x1.08bf177bf2507p-105,
       0x1.f250763ff12ffp-105, 0x1.f12fffbc0b301p-105, 0x1.6603fbcbc462p-110,
       0x1.788c5ad05368cp-107, 0x1.4da3eda6cfd9p-109,  0x1.b3f6793e584d8p-107,
       0x1.96136e9e8c7ecp-105, 0x1.18fd9a797fa8ap-106, 0x1.7fa8b5d49eebp-106,
       0x1.3dd63f5f2f8bcp-107, 0x1.cbe2f67a0e73ep-105, 0x1.ce7de294a4bap-110,
       0x1.4a4ba9afed7ecp-106},
      {0x1.3c439041fe514p-160, 0x1.fe5163abdebbcp-160, 0x1.ef5de2b0db922p-159,
       0x1.b7246e3a424dcp-160, 0x1.2126e97003248p-159, 0x1.924bba82746p-166,
       0x1.04e8c90e7f0eep-159, 0x1.3f877ac72c4a6p-158, 0x1.2c4a69cfba208p-158,
       0x1.ba208d7d4baedp-158, 0x1.4baed1213a671p-158, 0x1.3a671c09ad17dp-158,
       0x1.ad17df904e647p-158, 0x1.3991d6398353p-160,  0x1.835339f49c844p-160,
       0x1.272117e2ef7e4p-158, 0x1.defc941d8ffc4p-159, 0x1.8ffc4bffef02cp-159,
       0x1.f7816603fbcbcp-158, 0x1.fbcbc462d6829p-158, 0x1.ad05368fb69b2p-159,
       0x1.db4d9fb3c9f2cp-158, 0x1.c9f2c26dd3d18p-158, 0x1.d3d18fd9a797fp-158,
       0x1.a797fa8b5d49ep-158, 0x1.5d49eeb1faf97p-158, 0x1.faf97c5ecf41cp-158,
       0x1.9e839cfbc5294p-159, 0x1.e294a4ba9afedp-158, 0x1.35fdafd88fc6ap-159,
       0x1.1f8d5d085603p-160},
  }};
};

}  // namespace mlpjit::numerics
