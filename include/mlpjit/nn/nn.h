#pragma once
/// @file
/// Blocks, layers, parameters.

#include "mlpjit/nn/block.h"
#include "mlpjit/nn/initializer.h"
#include "mlpjit/nn/layers.h"
#include "mlpjit/nn/parameter.h"
#include "mlpjit/nn/sequential.h"
