# Tables to predictions: columns by name and by order, strings, classes, rows that cannot be read, pipes.
. "$(dirname "$0")/../../mlpjit-dump/tests/common.inc"
run=$dump
models=$(dirname "$(readlink -f "$0")")/../../../test/onnx/models

# Seven inputs by their names, in another order, two of them strings; a column that nobody asks for.
printf 'note,decade,bmi_group,sex,s5,s1,bp,bmi\n"a, ""b""",5,over,M,0.01,-0.02,0.03,0.04\n,3,nobody,F,-0.02,0.03,0.01,-0.05\n' >"$work/people.csv"
expect 0 '^label,probabilities_0,probabilities_1$' '^[01],[0-9.e-]+,[0-9.e-]+$' '2 rows in' \
  -- "$run" "$models/skl_columns_logreg_diabetes.onnx" "$work/people.csv"

# One input of 13 columns, by their order; labels are the model's strings.
header=$(seq -s, 1 13)
row=13.2,1.78,2.14,11.2,100,2.65,2.76,0.26,1.28,4.38,1.05,3.4,1050
printf '%s\n%s\n%s\n' "$header" "$row" "$row" >"$work/wine.csv"
expect 0 '^label,probabilities_[a-z_0-9]+,' '^class_0,|^[a-z_]+[0-9]*,' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/wine.csv"
expect 0 '2 rows' -- bash -c '"$0" "$1" - --interpret <"$2"' "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/wine.csv"
printf '%s\n%s\n' "$row" "$row" >"$work/headless.csv"
expect 0 '2 rows' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/headless.csv" --no-header --batch 1
expect 0 '2 rows' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/headless.csv" --no-header --columns "$header"

# A first line of numbers is a row or names: the command says which.
expect 1 'headless\.csv:1: the first line is numbers' 'no-header' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/headless.csv"
expect 0 '1 rows' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/headless.csv" --header
(seq -s, 0 12; echo "$row") >"$work/counted.csv"
expect 0 '1 rows' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/counted.csv"

# The same predictions in every batch, compiled or not.
"$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/wine.csv" --quiet -o "$work/one" --batch 1
"$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/wine.csv" --quiet -o "$work/all" --interpret
expect 0 -- cmp "$work/one" "$work/all"

# Rows that cannot be read have a line; they are fatal, or left out.
printf '%s\n%s\n\n"1,\n2",%s\n%s\n' "$header" "$row" "${row#*,}" "$row" >"$work/bad.csv"
expect 1 'bad\.csv:4: column .1.: expected a number' 'skip-bad' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/bad.csv"
expect 0 '2 rows' '1 left out' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/bad.csv" --skip-bad
printf '%s\n1,2\n' "$header" >"$work/short.csv"
expect 1 'short\.csv:2: expected 13 columns, found 2' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/short.csv"
printf 'a,b\n1,2\n' >"$work/narrow.csv"
expect 1 'has 2 columns, the model takes 13' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/narrow.csv"
printf '%s\n"1,2\n' "$header" >"$work/open.csv"
expect 1 'quotes that are not closed' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/open.csv"
: >"$work/empty.csv"
expect 1 'empty' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/empty.csv"
# A table that knows one name of the model's knows them all: columns are not taken by their order then.
printf 'decade,bmi_group,SEX,s5,s1,bp,bmi\n5,over,M,0.01,-0.02,0.03,0.04\n' >"$work/misnamed.csv"
expect 1 "no column 'sex'" -- "$run" "$models/skl_columns_logreg_diabetes.onnx" "$work/misnamed.csv"
expect 1 'params is of a symbol file' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/wine.csv" --params "$work/none"
expect 1 'No such file' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/none.csv"
expect 1 "there is no column|'q' is no column" -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/wine.csv" --columns q
expect 3 'DynamicQuantizeLinear' -- "$run" "$models/torch_mlp_digits.int8dyn.onnx" "$work/wine.csv"
expect 2 '' -- "$run"

# Integers as tables with gaps have them; what an integer does not hold.
printf 'num_0,num_1,num_2,num_3,num_4,num_5,num_6,num_7,sex,age\n0,0,0,0,0,0,0,0,1,5.0\n' >"$work/whole.csv"
sed 's/5\.0/5/' "$work/whole.csv" >"$work/integer.csv"
for rows in whole integer; do "$run" "$models/keras_gelu_diabetes.tf2onnx.onnx" "$work/$rows.csv" --quiet -o "$work/$rows.out"; done
expect 0 -- cmp "$work/whole.out" "$work/integer.out"
for age in 50.5 1e300 -1e300 3e9 nan; do
  sed "s/5\.0/$age/" "$work/whole.csv" >"$work/age.csv"
  expect 1 "age\.csv:2: column 'age': expected i32, found '$age'" -- "$run" "$models/keras_gelu_diabetes.tf2onnx.onnx" "$work/age.csv"
done

# No rows have a header; a file of predictions is there when all of it is.
echo "$header" >"$work/none.csv"
expect 0 '^label,probabilities_' '0 rows in' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/none.csv"
expect 0 '^label,probabilities_' '0 rows in' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/empty.csv" --no-header
expect 1 'bad\.csv:4' -- "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/bad.csv" --batch 1 -o "$work/bad.out"
expect 1 -- test -e "$work/bad.out"

if [ -w /dev/full ]; then
  expect 1 'cannot be written' -- bash -c '"$0" "$1" "$2" >/dev/full' "$run" "$models/skl_logreg_wine_strings.f32.onnx" "$work/wine.csv"
fi

finish
