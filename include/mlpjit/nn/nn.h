#pragma once
/// @file
/// Blocks, layers, parameters.

#include "mlpjit/nn/block.h"
#include "mlpjit/nn/export_model.h"
#include "mlpjit/nn/initializer.h"
#include "mlpjit/nn/layers.h"
#include "mlpjit/nn/parameter.h"
#include "mlpjit/nn/sequential.h"
#include "mlpjit/nn/symbol_block.h"
