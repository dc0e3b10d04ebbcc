#pragma once
// What the opaque handles of the C interface hold.

#include <string>
#include <vector>

#include "mlpjit/bound_call.h"
#include "mlpjit/c_api.h"
#include "mlpjit/nn/symbol_block.h"

namespace mlpjit::c_api {

// What an input or output is: its type, and its sizes as text, for callers to keep.
struct Port {
  std::string name;
  TensorSpec spec;
  std::vector<std::string> sizes;
  bool known = true;
};

}  // namespace mlpjit::c_api

struct mlpjit_model {
  mlpjit_model(mlpjit::nn::SymbolBlock block, const mlpjit_options& options);

  mlpjit::nn::SymbolBlock net;
  std::vector<mlpjit::c_api::Port> inputs, outputs;
};

struct mlpjit_bound {
  mlpjit::BoundCall call;
  std::vector<mlpjit::TensorSpec> inputs, outputs;
  // What a call hands on: made before, as nothing is allocated in it.
  std::vector<mlpjit::BoundInput> from;
  std::vector<mlpjit::BoundOutput> to;
};
