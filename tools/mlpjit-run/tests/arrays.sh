# Arrays of numpy, in and out: .npy and .npz give what CSV gives, in every element type, order and batch; what cannot
# be read is an error that says the way out. The arrays of data/ were made by data/make_arrays.py.
. "$(dirname "$0")/../../mlpjit-dump/tests/common.inc"
run=$dump
here=$(dirname "$(readlink -f "$0")")
models=$here/../../../test/onnx/models
dense=$models/torch_resmlp_diabetes.legacy.onnx  # f32[B, 10] to f32[B, 1]
wine=$models/skl_logreg_wine_strings.f32.onnx    # f32[B, 13] to labels and probabilities
columns=$models/skl_columns_logreg_diabetes.onnx # seven inputs of one column, two of them strings, one i64
nerf=$models/torch_nerf.legacy.onnx              # pts and dirs, f32[B, 3], to rgb and sigma
sets=$models/torch_deepsets.legacy.onnx          # x f32[B, n, 4] and mask bool[B, n] to f32[B, 3]
keras=$models/keras_gelu_diabetes.tf2onnx.onnx   # f32[B, 8], i32[B, 1], i32[B, 1]
linear=$models/skl_ridge_multi_linnerud.f32.onnx # f32[B, 3] to f32[B, 3]
cd "$here/data" || exit 1

# same MODEL A B ARGUMENTS...: the same predictions of both, as CSV.
same() {
  local model=$1 a=$2 b=$3
  shift 3
  expect 0 -- "$run" "$model" "$a" --quiet -o "$work/same_a"
  expect 0 -- "$run" "$model" "$b" --quiet -o "$work/same_b" "$@"
  expect 0 -- cmp "$work/same_a" "$work/same_b"
}

# Versions, orders, and types of one array.
for rows in rows_version_2 rows_version_3 rows_big_endian rows_f8 rows_cube rows_by_columns rows_cube_by_columns rows; do
  same "$dense" rows.csv $rows.npy
  same "$dense" rows.csv $rows.npy --batch 2
done
for type in i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8; do same "$dense" whole.csv whole_$type.npy; done
same "$dense" bits.csv bits.npy
same "$dense" half_f4.npy half.npy
same "${dense/.onnx/.f64.onnx}" whole.csv whole_f4.npy --batch 4
same "$dense" rows.csv rows.npz
same "$dense" rows.csv rows_compressed.npz --interpret
same "$dense" rows.csv rows_wide.npy --columns 10,9,8,7,6,5,4,3,2,1

# From a pipe, too.
for rows in rows.npy rows_by_columns.npy rows.npz rows_compressed.npz; do
  expect 0 '5 rows' -- bash -c 'cat "$0" | "$1" "$2" -o "$3"' $rows "$run" "$dense" "$work/piped"
  same "$dense" rows.csv $rows
  expect 0 -- cmp "$work/same_a" "$work/piped"
done

# Several inputs: by the names of the arrays, or the columns of one.
same "$columns" columns.csv columns.npz
expect 0 "columns.npz: array 'note' is no input: left out" '5 rows' -- "$run" "$columns" columns.npz
same "$columns" columns.csv columns_flat.npz --batch 3
same "$nerf" nerf.csv nerf.npz
same "$nerf" nerf.csv nerf.npy --batch 2
same "$nerf" nerf.csv nerf.npy --columns 1,2,3,4,5,6
same "$keras" keras.npz keras_i8.npz
same "$sets" sets.npz sets_u1.npz --batch 1

# Out: what is written is read again.
for out in npy npz; do
  "$run" "$sets" sets.npz --quiet -o "$work/y.$out" 2>"$work/said"
  "$run" "$sets" sets.npz --quiet -o "$work/y.csv" 2>"$work/said"
  same "$linear" "$work/y.csv" "$work/y.$out"
  expect 0 -- bash -c '"$0" "$1" sets.npz --quiet --format '$out' --batch 2 2>/dev/null | cmp - "$2"' "$run" "$sets" "$work/y.$out"
  expect 0 -- bash -c '"$0" "$1" sets.npz --quiet --format '$out' -o "$3" 2>/dev/null; cmp "$3" "$2"' "$run" "$sets" "$work/y.$out" "$work/other.csv"
done
expect 0 "'descr': '<f4', 'fortran_order': False, 'shape': \(5, 3\)" -- head -c 128 "$work/y.npy"
expect 0 '^128$' -- bash -c 'echo $(($(stat -c %s "$0") - 5 * 3 * 4))' "$work/y.npy"
"$run" "$wine" wine.npy --quiet -o "$work/wine.npz"
expect 0 'label\.npy' "'descr': '<U7', 'fortran_order': False, 'shape': \(5,\)" "'shape': \(5, 3\)" 'class_0class_' \
  -- bash -c 'tr -d "\0" <"$0" | strings -n 4' "$work/wine.npz"
"$run" "$keras" keras.npz --quiet -o "$work/keras.npz"
expect 0 'Identity_1:0\.npy' -- strings "$work/keras.npz"
ln -s y.npy "$work/link.npy"
"$run" "$dense" rows.npy --quiet -o "$work/link.npy"
expect 0 'y.npy' -- readlink "$work/link.npy"
expect 0 'shape.: \(5, 1\)' -- head -c 128 "$work/y.npy"

# No rows are no rows, of the outputs' columns.
expect 0 '0 rows in' -- "$run" "$dense" rows_none.npy -o "$work/none.npy"
expect 0 "'shape': \(0, 1\)" -- cat "$work/none.npy"
expect 0 '^y$' -- "$run" "$dense" rows_none.npy
head -1 columns.csv >"$work/none.csv"
expect 0 '0 rows in' -- "$run" "$columns" "$work/none.csv" -o "$work/none.npz"
expect 0 "'<i8', 'fortran_order': False, 'shape': \(0,\)" "'shape': \(0, 2\)" -- strings "$work/none.npz"

# What does not fit a model.
expect 1 "rows_wide.npy: its shape is \(5, 12\), rows of 12 elements; input 'x' is f32\[.*, 10\]: --columns" -- "$run" "$dense" rows_wide.npy
expect 1 "rows_wide.npy: --columns: '13' is no column: there are 1 to 12" -- "$run" "$dense" rows_wide.npy --columns 13
expect 1 'rows_wide.npy: --columns has 2 columns, the model takes 10' -- "$run" "$dense" rows_wide.npy --columns 1,2
expect 1 "rows.npy: the table has 10 columns, the model takes 6 \(3 of 'pts', 3 of 'dirs'\)" -- "$run" "$nerf" rows.npy
expect 1 'rows_cube.npy: its shape is \(5, 2, 5\): expected rows and columns, or an .npz' -- "$run" "$nerf" rows_cube.npy
expect 1 "input 'x' is f32\[.*n, 4\]: its columns are not so many for every row, which only arrays say" -- "$run" "$sets" rows.csv
expect 1 "nerf.npz: no array for the input 'x': it has the arrays 'pts', 'dirs'" 'np.savez\(file' -- "$run" "$dense" nerf.npz
expect 1 "rows.npz: array 'any_name': the table has 10 columns" -- "$run" "$nerf" rows.npz
expect 1 "sets.npz: no array for the inputs 'num', 'sex', 'age'" -- "$run" "$keras" sets.npz
expect 1 'nerf.npz: --columns is for one table' -- "$run" "$nerf" nerf.npz --columns 1,2,3,4,5,6
expect 1 "columns_short.npz: array 'decade' has 4 rows, the array of input 'bmi' has 5" -- "$run" "$columns" columns_short.npz
expect 1 "columns_fraction.npz: array 'decade': row 3, column 0 \(both from 0\): expected i64 for input 'decade', found 30.5" -- "$run" "$columns" columns_fraction.npz --batch 2
expect 1 "keras_large.npz: array 'age': row 4, .* expected i32 for input 'age', found 2147483648" -- "$run" "$keras" keras_large.npz
expect 1 "sets_not_bool.npz: array 'mask': row [0-4], column [0-7] .* expected bool for input 'mask', found 2" -- "$run" "$sets" sets_not_bool.npz
expect 1 "rows_wide.npy: its dtype is '<f4'; input 'sex' takes strings: a.astype\(str\)" -- "$run" "$columns" rows_wide.npy --columns 1,2,3,4,5,6,7
expect 1 'the model has 2 outputs \(label, probabilities\), .npy holds one array: write .npz' -- "$run" "$wine" wine.npy -o "$work/wine.npy"
expect 2 'format: arrow not in' -- "$run" "$wine" wine.npy --format arrow

# array HEADER: a file with that header, of elements that are zeros.
array() {
  local size=$((${#1} + 1))
  { printf '\x93NUMPY\x01\x00'"\\x$(printf %02x $((size % 256)))\\x$(printf %02x $((size / 256)))%s\n" "$1"; head -c 400 /dev/zero; } >"$work/a.npy"
}
# refused HEADER PATTERN
refused() {
  array "$1"
  expect 1 "a.npy: .*$2" -- "$run" "$dense" "$work/a.npy"
}
array "{\"shape\":(10L,10L),'fortran_order':False ,'descr':\"=f4\"}"
expect 0 '10 rows' -- "$run" "$dense" "$work/a.npy"
array "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 10), }"
expect 0 '1 rows' 'a.npy: what follows the array is left out' -- "$run" "$dense" "$work/a.npy"
refused "{'descr': '<f4', 'fortran_order': False, 'shape': (11, 10), }" 'ends within row 10 of 11: the file is not complete'
refused "{'descr': '<f4', 'fortran_order': True, 'shape': (11, 10), }" 'ends within the array of shape \(11, 10\)'
refused "{'descr': '|O', 'fortran_order': False, 'shape': (10, 10), }" 'its elements are objects of Python \(a pickle\).* a.astype'
refused "{'descr': [('x', '<f4'), ('y', '<i4')], 'fortran_order': False, 'shape': (10,), }" 'its elements are records .* np.savez'
for type in c8 f16 M8 V4 i3 b2 f U; do
  refused "{'descr': '<$type', 'fortran_order': False, 'shape': (10, 10), }" "dtype '<$type' is neither numbers nor strings .* a.astype"
done
refused "{'descr': '<U2', 'fortran_order': False, 'shape': (5, 10), }" "its dtype is '<U2', strings; input 'x' is f32.* a.astype\(np.float32\)"
refused "{'descr': '|S99999999', 'fortran_order': False, 'shape': (5, 10), }" 'neither numbers nor strings'
refused "{'descr': '<f4', 'fortran_order': False, 'shape': (10,), }" 'its shape is \(10,\), rows of 1 elements.* a.reshape\(1, -1\) makes it one row'
refused "{'descr': '<f4', 'fortran_order': False, 'shape': (), }" 'one number, not an array of rows'
refused "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 99999999, 99999999, 99999999), }" 'rows of .* have more than 1024 MiB each'
refused "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 99999999999999999999), }" 'the header of .npy cannot be read: expected sizes'
refused "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 10), }" 'the header of .npy cannot be read: expected sizes'
refused "{'descr': '<f4', 'fortran_order': False, 'shape': ($(printf '1,%.0s' {1..70})), }" 'more than 64 axes'
refused "{'descr': '<f4', 'fortran_order': 1, 'shape': (10, 10), }" 'expected True or False'
refused "{'descr': '<f4', 'shape': (10, 10), }" 'expected descr, fortran_order and shape'
refused "{'descr': '<f4', 'order': 'C'}" "unknown key 'order'"
refused "{'descr': '<f4' 'shape'}" 'expected , or }'
refused "{'descr': '<f4" 'quotes that are not closed'
refused "{'descr': 'float', 'shape': (1,)}" "dtype 'float'"
refused "" 'the header of .npy cannot be read: expected \{'
head -c 50 rows.npy >"$work/a.npy"
expect 1 'a.npy: ends within the header of .npy' -- "$run" "$dense" "$work/a.npy"
printf '\x93NUMPY\x09\x00aaaaaaaaaa' >"$work/a.npy"
expect 1 'a.npy: .npy of version 9: expected 1, 2 or 3' -- "$run" "$dense" "$work/a.npy"
printf '\x93NUMPY\x02\x00\xff\xff\xff\x7faaaaaaaaaa' >"$work/a.npy"
expect 1 'a.npy: a header of 2147483647 bytes: expected 65536 at most' -- "$run" "$dense" "$work/a.npy"

# Archives that are none, or have changed.
head -c 300 rows.npz >"$work/cut.npz"
expect 1 'cut.npz: cannot be read as .npz, an archive \(zip\) of arrays' -- "$run" "$dense" "$work/cut.npz"
expect 1 'standard input: cannot be read as .npz' -- bash -c '"$0" "$1" - <"$2"' "$run" "$dense" "$work/cut.npz"
{ head -c 250 rows.npz; printf 'x'; tail -c +252 rows.npz; } >"$work/changed.npz"
expect 1 "changed.npz: array 'any_name': CRC error" -- "$run" "$dense" "$work/changed.npz"
printf 'PK\5\6%018d' 0 | tr 0 '\0' >"$work/nothing.npz"
expect 1 "nothing.npz: no array for the input 'x': it has no arrays" -- "$run" "$dense" "$work/nothing.npz"

# A file of predictions is there when all of it is; what was there before stays until then.
array "{'descr': '<f4', 'fortran_order': False, 'shape': (11, 10), }"
mkdir "$work/folder"
for out in csv npy npz; do
  echo before >"$work/folder/old.$out"
  for name in new old; do expect 1 'ends within row 10' -- "$run" "$dense" "$work/a.npy" --batch 2 -o "$work/folder/$name.$out"; done
  expect 0 '^before$' -- cat "$work/folder/old.$out"
  expect 1 'no/folder/p: cannot be written: No such file' -- "$run" "$dense" rows.npy --format $out -o "$work/no/folder/p"
  if [ -w /dev/full ]; then expect 1 '/dev/full: cannot be written: No space' -- "$run" "$dense" rows.npy --format $out -o /dev/full; fi
done
expect 0 '^old.csv old.npy old.npz$' -- bash -c 'echo $(ls -A "$0")' "$work/folder"
(umask 022; "$run" "$dense" rows.npy --quiet -o "$work/new.npy")
expect 0 '^644$' -- stat -c %a "$work/new.npy"

# As numpy itself reads it, where it is there.
for python in python3 /usr/bin/python3; do
  "$python" -c 'import numpy' 2>/dev/null || continue
  expect 0 'all as its trainer' -- "$python" "$here/check_arrays.py" "$run" "$models"
  break
done

finish
