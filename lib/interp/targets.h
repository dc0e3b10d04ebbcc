#pragma once
// The instruction sets that Highway compiles the kernels for: AVX2 and AVX3 (our avx2 and avx512),
// and the scalar code that is our baseline. Included before hwy/foreach_target.h. Highway's own
// choice at run time is not used: the instruction set is an argument of each call.

#include "mlpjit/isa.h"

#define HWY_BASELINE_TARGETS HWY_SCALAR
// Or Clang, and GCC from 12.3, take EMU128 in its place.
#define HWY_BROKEN_EMU128 1
#define HWY_DISABLED_TARGETS (~(HWY_SCALAR | HWY_AVX2 | HWY_AVX3))
// Of a name defined in each target's namespace, the one for `isa`.
#define MLPJIT_CHOOSE(isa, name)                 \
  ((isa) == ::mlpjit::Isa::avx512 ? N_AVX3::name \
   : (isa) == ::mlpjit::Isa::avx2 ? N_AVX2::name \
                                  : N_SCALAR::name)
// Defines `chosen`<float> and <double>(Isa): the `Table` that `made`<T>() of the target gives.
#define MLPJIT_KERNEL_TABLES(Table, chosen, made) \
  template <>                                     \
  const Table<float>& chosen<float>(Isa isa) {    \
    return MLPJIT_CHOOSE(isa, made<float>)();     \
  }                                               \
  template <>                                     \
  const Table<double>& chosen<double>(Isa isa) {  \
    return MLPJIT_CHOOSE(isa, made<double>)();    \
  }
