// expect: takes Tensors only
#include <mlpjit/mlpjit.h>

int main() {
  mlpjit::trace([](mlpjit::Tensor x, float s) { return x * s; }, mlpjit::f32({}), mlpjit::f32({}));
}
