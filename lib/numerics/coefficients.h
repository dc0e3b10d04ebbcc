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
  static constexpr double kTanhHigh = 10;
  static constexpr double kSiluLow = -109;
  static constexpr double kGeluTanhLow = -10.8;
  static constexpr double kGeluHigh = 14.9;
  static constexpr double kErfHigh = 4;
  static constexpr double kSoftplusHigh = 29;
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
  static constexpr std::array<float, 6> kExp = {
      // 2^-28.0
      0x1p0f, 0x1p-1f, 0x1.5554a4p-3f, 0x1.55568ap-5f, 0x1.122f1ep-7f, 0x1.6b6bd8p-10f,
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
  static constexpr std::array<float, 5> kPowLog = {
      // 2^-36.0
      0x1.555556p-2f, -0x1.ffff88p-3f, 0x1.9995d6p-3f, -0x1.56c62p-3f, 0x1.27e4dap-3f,
  };
  static constexpr double kTanhStart = 1.0;
  static constexpr std::array<std::array<float, 16>, 8> kTanhPieces = {{
      // 2^-25.9
      {0x1.40015ep0f, 0x1.bfff9p0f, 0x1.1ffe24p1f, 0x1.5ffe74p1f, 0x1.bfff5cp1f, 0x1.1ffee2p2f,
       0x1.6002p2f, 0x1.9ffep2f, 0x1.fffcp2f, 0x1.2p3f, 0x1.2p3f, 0x1.2p3f, 0x0p0f, 0x1.80002ep-2f,
       0x1.3ffe2ep-1f, 0x1.bfff6p-1f},
      {0x1.b253p-1f, 0x1.e1fbep-1f, 0x1.f4bf84p-1f, 0x1.fbd4fp-1f, 0x1.ff112ap-1f, 0x1.ffdfa6p-1f,
       0x1.fffbap-1f, 0x1.ffff68p-1f, 0x1.fffff8p-1f, 0x1p0f, 0x1p0f, 0x1p0f, 0x0p0f,
       0x1.6ef566p-2f, 0x1.1bf33cp-1f, 0x1.6866p-1f},
      {0x1.1f2272p-2f, 0x1.d22e14p-4f, 0x1.641aa8p-5f, 0x1.09ae06p-6f, 0x1.dd3edep-9f,
       0x1.02c92ep-11f, 0x1.18210ep-14f, 0x1.2f71b4p-17f, 0x1.e3725cp-22f, 0x0p0f, 0x0p0f, 0x0p0f,
       0x1p0f, 0x1.be3facp-1f, 0x1.62862ap-1f, 0x1.02507cp-1f},
      {-0x1.e72588p-3f, -0x1.b6d99ep-4f, -0x1.5c4738p-5f, -0x1.078458p-6f, -0x1.dc5f6ep-9f,
       -0x1.02b862p-11f, -0x1.1cf5fep-14f, -0x1.1ba964p-17f, -0x1.caa908p-23f, 0x0p0f, 0x0p0f,
       0x0p0f, -0x1.26827p-20f, -0x1.3fd568p-2f, -0x1.893b24p-2f, -0x1.6ba81cp-2f},
      {0x1.bbb252p-4f, 0x1.01c19ep-4f, 0x1.bbd9cep-6f, 0x1.599d1p-7f, 0x1.3c209ap-9f,
       0x1.586e98p-12f, 0x1.756ecep-15f, 0x1.94b65cp-18f, 0x1.41c93cp-22f, 0x0p0f, 0x0p0f, 0x0p0f,
       -0x1.5544c8p-2f, -0x1.6dc31p-3f, -0x1.2472cap-6f, 0x1.4f0fe8p-4f},
      {-0x1.9c7df6p-7f, -0x1.816bfep-6f, -0x1.93d706p-7f, -0x1.4e402ap-8f, -0x1.39e326p-10f,
       -0x1.582652p-13f, -0x1.4f5146p-17f, -0x1.37e892p-17f, -0x1.a15186p-21f, 0x0p0f, 0x0p0f,
       0x0p0f, -0x1.365558p-10f, 0x1.584f3p-3f, 0x1.1a642p-3f, 0x1.f21208p-5f},
      {-0x1.4272e6p-6f, 0x1.c8887p-9f, 0x1.04b234p-8f, 0x1.f5ce8cp-10f, 0x1.010c1p-11f,
       0x1.1e6deap-14f, 0x1.311b62p-17f, 0x1.4817e8p-20f, 0x1.193e14p-24f, 0x0p0f, 0x0p0f, 0x0p0f,
       0x1.2509cep-3f, 0x1.32919p-6f, -0x1.bb3188p-5f, -0x1.deeda6p-5f},
      {0x1.ef0e12p-7f, 0x1.128ee8p-9f, -0x1.77d418p-11f, -0x1.1eb6e8p-11f, -0x1.4aace8p-13f,
       -0x1.7b3b08p-16f, -0x1.2a90f6p-15f, 0x1.11cd3p-16f, 0x1.a748eap-22f, 0x0p0f, 0x0p0f, 0x0p0f,
       -0x1.2eee6p-5f, -0x1.1d2052p-4f, -0x1.7fce2ap-6f, 0x1.a626a8p-7f},
  }};
  static constexpr double kErfStart = 0.5;
  static constexpr std::array<std::array<float, 16>, 8> kErfPieces = {{
      // 2^-26.7
      {0x1.bfffa6p0f, 0x1.2002p1f, 0x1.600084p1f, 0x1.a002p1f, 0x1.dffep1f, 0x1p2f, 0x1p2f, 0x1p2f,
       0x0p0f, 0x1.7ffeb6p-3f, 0x1.3ffefcp-2f, 0x1.bffe38p-2f, 0x1.40007ep-1f, 0x1.bffed8p-1f,
       0x1.2000c2p0f, 0x1.5ffe1ep0f},
      {0x1.f92cfep-1f, 0x1.ff4056p-1f, 0x1.fff2dp-1f, 0x1.ffff7p-1f, 0x1.fffffcp-1f, 0x1p0f, 0x1p0f,
       0x1p0f, 0x0p0f, 0x1.ac447cp-3f, 0x1.5da8eap-2f, 0x1.db0674p-2f, 0x1.3f19cep-1f,
       0x1.9171aep-1f, 0x1.c6db4ep-1f, 0x1.e575e8p-1f},
      {0x1.b056fp-5f, 0x1.d3f30ap-8f, 0x1.335c36p-11f, 0x1.e982c6p-16f, 0x1.d9546cp-21f, 0x0p0f,
       0x0p0f, 0x0p0f, 0x1.06eba8p-3f, 0x1.16e2e8p0f, 0x1.05fd68p0f, 0x1.dd1736p-1f, 0x1.86e8f2p-1f,
       0x1.0cac72p-1f, 0x1.45e77p-2f, 0x1.5ceca4p-3f},
      {-0x1.7a4c02p-4f, -0x1.073a6p-6f, -0x1.a69d14p-10f, -0x1.990d2ep-14f, -0x1.d4fe5ep-20f,
       0x0p0f, 0x0p0f, 0x0p0f, 0x1.8182eep-22f, -0x1.a252f6p-3f, -0x1.477bb4p-2f, -0x1.a172bep-2f,
       -0x1.e8a3e8p-2f, -0x1.d62c9ep-2f, -0x1.6ea556p-2f, -0x1.dfc2d8p-3f},
      {0x1.715f14p-4f, 0x1.63e582p-6f, 0x1.698p-9f, 0x1.9a4888p-13f, 0x1.0bb02cp-17f, 0x0p0f,
       0x0p0f, 0x0p0f, -0x1.812cf4p-2f, -0x1.59b5ep-2f, -0x1.191254p-2f, -0x1.88999ep-3f,
       -0x1.c81e9p-5f, 0x1.7c95c8p-4f, 0x1.4cb40ap-3f, 0x1.43771cp-3f},
      {-0x1.8a16e6p-5f, -0x1.38b478p-6f, -0x1.aaf0eap-9f, -0x1.69cfeep-13f, -0x1.508366p-14f,
       0x0p0f, 0x0p0f, 0x0p0f, 0x1.d4d46p-12f, 0x1.98793cp-4f, 0x1.3227dap-3f, 0x1.6c9f1ep-3f,
       0x1.695a82p-3f, 0x1.cc8102p-4f, 0x1.ca4dc4p-6f, -0x1.f381bap-6f},
      {0x1.874fb6p-8f, 0x1.5abc3ap-7f, 0x1.7254bap-9f, 0x1.53d8fcp-12f, 0x1.41388ap-16f, 0x0p0f,
       0x0p0f, 0x0p0f, 0x1.bff694p-4f, 0x1.858204p-4f, 0x1.e2c614p-5f, 0x1.996d7cp-6f,
       -0x1.b55736p-6f, -0x1.1166cp-4f, -0x1.f4abbcp-5f, -0x1.f69aa2p-6f},
      {0x1.28f238p-7f, -0x1.6ac87ep-9f, -0x1.b5ad92p-10f, -0x1.81a1e4p-10f, 0x1.67f55p-11f, 0x0p0f,
       0x0p0f, 0x0p0f, 0x1.67d42ap-8f, -0x1.d35984p-6f, -0x1.993c42p-5f, -0x1.5c0764p-4f,
       -0x1.4b53eep-5f, -0x1.768554p-7f, 0x1.f57fd2p-7f, 0x1.64209p-6f},
  }};
  static constexpr double kTailStart = 1.0;
  static constexpr std::array<std::array<float, 16>, 8> kTailPieces = {{
      // 2^-27.6
      {0x1.4000acp0f, 0x1.bffe2ep0f, 0x1.2000d8p1f, 0x1.60005ap1f, 0x1.c001cap1f, 0x1.2000fap2f,
       0x1.60001ep2f, 0x1.a001dap2f, 0x1.000112p3f, 0x1.40008cp3f, 0x1.7fff9ap3f, 0x1.bfff54p3f,
       0x1.000122p-3f, 0x1.80008cp-2f, 0x1.400008p-1f, 0x1.bffe78p-1f},
      {0x1.d89846p-3f, 0x1.7b5bd4p-3f, 0x1.3aad26p-3f, 0x1.0bb93p-3f, 0x1.b39572p-4f,
       0x1.5b59b8p-4f, 0x1.201f92p-4f, 0x1.eba3e6p-5f, 0x1.9267dp-5f, 0x1.43a3p-5f, 0x1.0e7e14p-5f,
       0x1.d0885ep-6f, 0x1.d0aefap-2f, 0x1.84b6e2p-2f, 0x1.4b1ddep-2f, 0x1.1e7ca6p-2f},
      {-0x1.c49224p-4f, -0x1.32554cp-4f, -0x1.b403f8p-5f, -0x1.432a98p-5f, -0x1.b600a2p-6f,
       -0x1.1be112p-6f, -0x1.8b1918p-7f, -0x1.21ac28p-7f, -0x1.86b52ap-8f, -0x1.fbf122p-9f,
       -0x1.63d082p-9f, -0x1.06ce86p-9f, -0x1.5e6e32p-2f, -0x1.06bf8ap-2f, -0x1.932346p-3f,
       -0x1.3bb03ap-3f},
      {0x1.7b78bp-5f, 0x1.bd491cp-6f, 0x1.15a8cap-6f, 0x1.6c5d68p-7f, 0x1.a29b02p-8f,
       0x1.bfb70cp-9f, 0x1.07e3a8p-9f, 0x1.4ea0ecp-10f, 0x1.76216cp-11f, 0x1.8af04ep-12f,
       0x1.d0fcccp-13f, 0x1.27e958p-13f, 0x1.a4e102p-3f, 0x1.222eeep-3f, 0x1.9a45aap-4f,
       0x1.28c00ap-4f},
      {-0x1.1f309p-6f, -0x1.2964b4p-7f, -0x1.49b774p-8f, -0x1.838e72p-9f, -0x1.7e73c4p-10f,
       -0x1.55b26cp-11f, -0x1.57fc66p-12f, -0x1.7b53aep-13f, -0x1.617516p-14f, -0x1.304e84p-15f,
       -0x1.2ddebep-16f, -0x1.4b915ep-17f, -0x1.b02b12p-4f, -0x1.15c608p-4f, -0x1.6e944ep-5f,
       -0x1.efa6dcp-6f},
      {0x1.8ff008p-8f, 0x1.722664p-9f, 0x1.70c1a4p-10f, 0x1.87c876p-11f, 0x1.4faab8p-12f,
       0x1.fa23f8p-14f, 0x1.b64cb2p-15f, 0x1.a6622ep-16f, 0x1.49b9e8p-17f, 0x1.d0e16ap-19f,
       0x1.857e48p-20f, 0x1.71bd42p-21f, 0x1.89df0ep-5f, 0x1.dc1f3p-6f, 0x1.27b872p-6f,
       0x1.78af14p-7f},
      {-0x1.0603a8p-9f, -0x1.b459bcp-11f, -0x1.89b88ep-12f, -0x1.79284cp-13f, -0x1.2107d4p-14f,
       -0x1.71e484p-16f, -0x1.13f51ep-17f, -0x1.d57476p-19f, -0x1.36e5fep-20f, -0x1.655beep-22f,
       -0x1.f881d8p-24f, -0x1.9fbcbcp-25f, -0x1.467d96p-6f, -0x1.7a6682p-7f, -0x1.b3cbp-8f,
       -0x1.050704p-8f},
      {0x1.3f11d6p-11f, 0x1.e196c6p-13f, 0x1.8e6234p-14f, 0x1.54939cp-15f, 0x1.d7b7c2p-17f,
       0x1.051e3ap-18f, 0x1.4cffb4p-20f, 0x1.fb83f2p-22f, 0x1.1aa9bp-23f, 0x1.0c6f6cp-25f,
       0x1.412088p-27f, 0x1.d0e9dep-29f, 0x1.f16f6ap-8f, 0x1.1c38d4p-8f, 0x1.2d892cp-9f,
       0x1.538e28p-10f},
  }};
  static constexpr double kSoftplusStart = 2.0;
  static constexpr std::array<std::array<float, 16>, 8> kSoftplusPieces = {{
      // 2^-27.9
      {0x1.0001eep-2f, 0x1.80007cp-1f, 0x1.3ffe64p0f, 0x1.bfff74p0f, 0x1.4001e4p1f, 0x1.bffe46p1f,
       0x1.2000fep2f, 0x1.5ffea8p2f, 0x1.bfff84p2f, 0x1.200132p3f, 0x1.6002p3f, 0x1.9ffep3f,
       0x1.fffcp3f, 0x1.4002p4f, 0x1.8002p4f, 0x1.c002p4f},
      {0x1.7aa2a6p-1f, 0x1.a354dp-1f, 0x1.c235c2p-1f, 0x1.d813c2p-1f, 0x1.ec1222p-1f,
       0x1.f86bd8p-1f, 0x1.fd2d5ap-1f, 0x1.fef4ep-1f, 0x1.ffc446p-1f, 0x1.fff7eap-1f,
       0x1.fffee8p-1f, 0x1.ffffdap-1f, 0x1.fffffep-1f, 0x1p0f, 0x1p0f, 0x1p0f},
      {0x1.6b334p-3f, 0x1.1e5d96p-3f, 0x1.a1e08ap-4f, 0x1.1f05e8p-4f, 0x1.2e87bep-5f,
       0x1.db835cp-7f, 0x1.66ac46p-8f, 0x1.0a665p-9f, 0x1.dd8808p-12f, 0x1.02bc02p-14f,
       0x1.1821d8p-17f, 0x1.2f71d2p-20f, 0x1.e3726p-25f, 0x1.19e688p-30f, 0x1.4a71acp-36f,
       0x1.8358c8p-42f},
      {-0x1.19c392p-5f, -0x1.3fc3f8p-5f, -0x1.232b76p-5f, -0x1.cb35eap-6f, -0x1.0fbb28p-6f,
       -0x1.c8e1b4p-8f, -0x1.6169d4p-9f, -0x1.08f4c2p-10f, -0x1.dcf2a6p-13f, -0x1.02b0e6p-15f,
       -0x1.1d05fp-18f, -0x1.1babbap-21f, -0x1.caa91cp-27f, -0x1.61dc52p-28f, -0x1.9ecbb6p-34f,
       -0x1.e63954p-40f},
      {-0x1.a10ad2p-8f, 0x1.692ab6p-19f, 0x1.102a7ap-8f, 0x1.6576e6p-8f, 0x1.1f400ep-8f,
       0x1.1894eep-9f, 0x1.c95da6p-11f, 0x1.5d6cf6p-12f, 0x1.3ce252p-14f, 0x1.587094p-17f,
       0x1.75733p-20f, 0x1.94b6f2p-23f, 0x1.41c936p-27f, 0x1.8574ap-33f, 0x1.c8853cp-39f,
       0x1.0b910ep-44f},
      {0x1.b06e4ep-9f, 0x1.6dd456p-9f, 0x1.594102p-10f, 0x1.66c2bcp-14f, -0x1.38e444p-11f,
       -0x1.d5dc0ap-12f, -0x1.ae4c26p-13f, -0x1.55641cp-14f, -0x1.3b6862p-16f, -0x1.583ec8p-19f,
       -0x1.4a98a8p-23f, -0x1.37d284p-23f, -0x1.a1518ap-27f, 0x1.a2a73p-29f, 0x1.eabedcp-35f,
       0x1.1fa04cp-40f},
      {0x1.52b954p-13f, -0x1.fedcf8p-12f, -0x1.38d1eap-11f, -0x1.7b7c6p-12f, -0x1.7ba63p-15f,
       0x1.d9499ep-15f, 0x1.2e68aap-15f, 0x1.06cb3ep-16f, 0x1.03e8bep-18f, 0x1.1ed9bcp-21f,
       0x1.31295ep-24f, 0x1.481af4p-27f, 0x1.193d52p-31f, 0x1.16ad5cp-37f, 0x1.46aa08p-43f,
       0x1.7eeb0cp-49f},
      {-0x1.215b3ep-12f, -0x1.0e5248p-13f, 0x1.6199b6p-15f, 0x1.7ed0e8p-14f, 0x1.6ecb18p-15f,
       0x1.1d363p-22f, -0x1.1c27eep-18f, -0x1.5d605cp-19f, -0x1.5221e8p-21f, -0x1.7cc42ep-24f,
       -0x1.2dc766p-23f, 0x1.11af56p-24f, 0x1.a74938p-30f, -0x1.1bd07ap-31f, -0x1.4caffep-37f,
       -0x1.85f9fcp-43f},
  }};
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
  static constexpr double kErfHigh = 6.2;
  static constexpr double kTailCenter = 3.0;
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
      // 2^-57.4
      0x1p0,
      0x1p-1,
      0x1.5555555555501p-3,
      0x1.555555555320bp-5,
      0x1.111111112894cp-7,
      0x1.6c16c17cc20e4p-10,
      0x1.a01a011be76c8p-13,
      0x1.a019ab3050a53p-16,
      0x1.71df55b605f86p-19,
      0x1.289f881f8ec56p-22,
      0x1.ad1f7119a3bbfp-26,
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
