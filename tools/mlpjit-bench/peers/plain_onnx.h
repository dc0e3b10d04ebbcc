#pragma once
// The network as the ONNX model that a trainer would export: Gemm and activations. (What
// export_onnx() writes keeps mlpjit's ops as functions, so that other runtimes may see more nodes.)

#include <string>

#include "tools/mlpjit-bench/peers/kinds.h"

namespace mlpjit::bench {

inline constexpr const char* kOnnxInput = "x";
inline constexpr const char* kOnnxOutput = "y";

// Whether this build can write it.
bool writes_onnx();
// Throws where it cannot.
std::string plain_onnx(const Problem& problem);

}  // namespace mlpjit::bench
