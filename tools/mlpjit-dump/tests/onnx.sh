# A model of another trainer: its layers are found again, as dense with what follows them.
. "$(dirname "$0")/common.inc"
models=$(dirname "$(readlink -f "$0")")/../../../test/onnx/models

expect 0 'fusion .*%0\.weight.*kind = "dense"' '%0\.weight: f32\[32, 64\] = param "0\.weight"' '@"/3/Gemm"' \
  -- "$dump" "$models/torch_mlp_digits.legacy.onnx" --stage optimized

# What cannot be read is named, all of it.
expect 3 '6 of its nodes cannot be read' "DynamicQuantizeLinear version 20 \\(node 'x_QuantizeLinear'\\)" MatMulInteger \
  -- "$dump" "$models/torch_mlp_digits.int8dyn.onnx"

finish
