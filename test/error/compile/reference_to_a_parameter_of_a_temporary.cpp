// expect: Parameter
#include <mlpjit/mlpjit.h>

int main() {
  const mlpjit::nn::Dense layer(2);
  mlpjit::nn::Parameter& weight = layer.collect_params()["weight"];
}
