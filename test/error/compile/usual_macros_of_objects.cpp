// Must compile: macros without parameters that other headers define. Those of the standard library that mlpjit includes
// come first, as they do in practice: not all of them bear such macros either.
#include <array>
#include <chrono>
#include <compare>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#define NDEBUG

// Qt.
#define emit
#define signals public
#define slots
#define foreach for
#define forever for (;;)

// Windows.
#define near
#define far
#define small char
#define interface struct
#define IN
#define OUT
#define OPTIONAL
#define CONST const
#define VOID void
#define TRUE 1
#define FALSE 0
#define ERROR 0
#define NO_ERROR 0L
#define DELETE 0x10000
#define IGNORE 0
#define STRICT 1
#define INFINITE 0xFFFFFFFF
#define DIFFERENCE 11
#define RELATIVE 2
#define ABSOLUTE 1
#define TRANSPARENT 1
#define OPAQUE 2
#define cdecl
#define pascal

// X11.
#define None 0L
#define Bool int
#define Status int
#define True 1
#define False 0
#define Success 0
#define Always 2
#define Unsorted 0
#define Complex 0
#define Above 0
#define Below 1
#define CurrentTime 0L
#define ControlMask 4
#define KeyPress 2
#define Expose 12
#define Convex 2
#define Nonconvex 1

// Linux, BSD, math.h, complex.h, termios.h, Protobuf's and Python's neighbours.
#define unix 1
#define linux 1
#define i386 1
#define DOMAIN 1
#define SING 2
#define OVERFLOW 3
#define UNDERFLOW 4
#define PLOSS 6
#define TLOSS 5
#define HUGE 3.4e38F
#define I _Complex_I
#define complex _Complex
#define imaginary _Imaginary
#define B0 0
#define B50 1
#define ECHO 8
#define NAN_BOXING 1
#define PI 3.14159
#define Yield 1
#define EOF_ 1
#define log2e 1.44
#define DEBUG 1
#define NORMAL 0
#define UNIFORM 1
#define EXACT 1
#define DYNAMIC 2
#define NATIVE 1

#include <mlpjit/mlpjit.h>

struct Net : mlpjit::nn::HybridBlock {
  mlpjit::nn::Dense layer = child("layer", mlpjit::nn::Dense(4, {.activation = "relu"}));
  mlpjit::Tensor hybrid_forward(const mlpjit::Ops& F, const mlpjit::Tensor& x) override {
    return F.sum(layer(x), 1, true);
  }
};

double use(const mlpjit::Tensor& x) {
  Net net;
  net.hybridize();
  const mlpjit::Tensor y = net(x);
  const auto twice = mlpjit::jit([](mlpjit::Tensor a, mlpjit::Tensor b) { return a + b; });
  return twice(y, 3).item<double>() + net.explain().signatures[0].ms.lower +
         static_cast<double>(mlpjit::Dim(3) + 4);
}
