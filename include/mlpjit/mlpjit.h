#pragma once
/// @file
/// All of mlpjit.

#include "mlpjit/benchmark.h"
#include "mlpjit/bound_call.h"
#include "mlpjit/control_flow.h"
#include "mlpjit/create.h"
#include "mlpjit/dtype.h"
#include "mlpjit/error.h"
#include "mlpjit/explain.h"
#include "mlpjit/graph.h"
#include "mlpjit/isa.h"
#include "mlpjit/jit.h"
#include "mlpjit/memory.h"
#include "mlpjit/mode.h"
#include "mlpjit/nn/nn.h"
#include "mlpjit/ops.h"
#include "mlpjit/options.h"
#include "mlpjit/random.h"
#include "mlpjit/safetensors.h"
#include "mlpjit/shape.h"
#include "mlpjit/tensor.h"
#include "mlpjit/version.h"
