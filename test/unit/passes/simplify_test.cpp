#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "lib/ir/text.h"
#include "lib/passes/rewrite.h"
#include "test/programs/passes.h"

namespace mlpjit::passes::testing {
namespace {

// A program of one result %r, and how many ops (constants apart) are left of it. Every program is
// also run before and after on special values, and the bits compared.
struct Case {
  const char* name;
  const char* inputs;
  const char* body;
  int ops_left;
  const char* kept = "";  // an op that is there afterwards
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.name;
}

class Simplify : public ::testing::TestWithParam<Case> {};

TEST_P(Simplify, keeps_the_bits_and_leaves_as_many_ops) {
  const Case& c = GetParam();
  const ir::Graph before = parse_main(c.inputs, c.body, "%r");
  const ir::Graph after = check_pass(before, simplified());
  EXPECT_EQ(count_ops(after), c.ops_left) << ir::print(after);
  if (*c.kept != '\0') {
    EXPECT_GE(count(after, c.kept), 1) << ir::print(after);
  }
}

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

constexpr const char* kF32 = "%x: f32[20]";
constexpr const char* kF64 = "%x: f64[20]";
constexpr const char* kI32 = "%x: i32[10]";
constexpr const char* kI64 = "%x: i64[10]";
constexpr const char* kTwo = "%x: f32[20], %y: f32[20]";

INSTANTIATE_TEST_SUITE_P(
    arithmetic, Simplify,
    ::testing::Values(
        Case{"times_one", kF32, "%c = constant f32[] 1 %r = multiply %x, %c", 0},
        Case{"one_times_f64", kF64, "%c = constant f64[] 1 %r = multiply %c, %x", 0},
        Case{"times_one_i32", kI32, "%c = constant i32[] 1 %r = multiply %x, %c", 0},
        Case{"times_ones_widens", "%x: f32[1]",
             "%c = constant f32[4] [1, 1, 1, 1] %r = multiply %x, %c", 1, "broadcast_to"},
        Case{"times_minus_one", kF32, "%c = constant f32[] -1 %r = multiply %x, %c", 1, "negative"},
        Case{"times_minus_one_i64", kI64, "%c = constant i64[] -1 %r = multiply %x, %c", 1,
             "negative"},
        Case{"over_one", kF32, "%c = constant f32[] 1 %r = divide %x, %c", 0},
        Case{"over_minus_one", kF32, "%c = constant f32[] -1 %r = divide %x, %c", 1, "negative"},
        Case{"over_a_power_of_two", kF32, "%c = constant f32[] -8 %r = divide %x, %c", 1,
             "multiply"},
        Case{"over_a_fraction", kF64, "%c = constant f64[] 0.125 %r = divide %x, %c", 1,
             "multiply"},
        Case{"over_the_largest_power", kF32, "%c = constant f32[] 1.7014118e38 %r = divide %x, %c",
             1, "multiply"},
        Case{"over_the_smallest_denormal", kF32, "%c = constant f32[] 1e-45 %r = divide %x, %c", 1,
             "divide"},
        Case{"over_three", kF32, "%c = constant f32[] 3 %r = divide %x, %c", 1, "divide"},
        Case{"over_zero", kF32, "%c = constant f32[] 0 %r = divide %x, %c", 1, "divide"},
        Case{"over_infinity", kF32, "%c = constant f32[] inf %r = divide %x, %c", 1, "divide"},
        Case{"plus_zero_stays", kF32, "%c = constant f32[] 0 %r = add %x, %c", 1, "add"},
        Case{"plus_negative_zero", kF32, "%c = constant f32[] -0 %r = add %x, %c", 0},
        Case{"plus_zero_i64", kI64, "%c = constant i64[] 0 %r = add %c, %x", 0},
        Case{"minus_zero", kF32, "%c = constant f32[] 0 %r = subtract %x, %c", 0},
        Case{"minus_negative_zero_stays", kF32, "%c = constant f32[] -0 %r = subtract %x, %c", 1,
             "subtract"},
        Case{"zero_minus_stays", kF32, "%c = constant f32[] 0 %r = subtract %c, %x", 1, "subtract"},
        Case{"negative_zero_minus", kF32, "%c = constant f32[] -0 %r = subtract %c, %x", 1,
             "negative"},
        Case{"zero_minus_i32", kI32, "%c = constant i32[] 0 %r = subtract %c, %x", 1, "negative"},
        Case{"times_zero_stays", kF32, "%c = constant f32[] 0 %r = multiply %x, %c", 1, "multiply"},
        Case{"minus_itself_stays", kF32, "%r = subtract %x, %x", 1, "subtract"},
        Case{"plus_negative", kTwo, "%n = negative %y %r = add %x, %n", 1, "subtract"},
        Case{"negative_plus", kTwo, "%n = negative %x %r = add %n, %y", 1, "subtract"},
        Case{"minus_negative", kTwo, "%n = negative %y %r = subtract %x, %n", 1, "add"},
        Case{"negatives_multiplied", kTwo, "%a = negative %x %b = negative %y %r = multiply %a, %b",
             1},
        Case{"negatives_divided", kTwo, "%a = negative %x %b = negative %y %r = divide %a, %b", 1},
        Case{"negative_twice", kF32, "%n = negative %x %r = negative %n", 0},
        Case{"negative_twice_i32", kI32, "%n = negative %x %r = negative %n", 0},
        Case{"floor_divide_by_one_stays", kF32, "%c = constant f32[] 1 %r = floor_divide %x, %c", 1,
             "floor_divide"},
        Case{"floor_divide_by_one_i32", kI32, "%c = constant i32[] 1 %r = floor_divide %x, %c", 0},
        Case{"pow_zero_i32", kI32, "%c = constant i32[] 0 %r = pow %x, %c", 1, "broadcast_to"},
        Case{"pow_one_i64", kI64, "%c = constant i64[] 1 %r = pow %x, %c", 0},
        Case{"pow_two_i32", kI32, "%c = constant i32[] 2 %r = pow %x, %c", 1, "multiply"},
        Case{"pow_two_f32_stays", kF32, "%c = constant f32[] 2 %r = pow %x, %c", 1, "pow"},
        Case{"maximum_with_itself", kF32, "%r = maximum %x, %x", 0},
        Case{"minimum_with_itself", kI32, "%r = minimum %x, %x", 0}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    logic, Simplify,
    ::testing::Values(
        Case{"less_than_itself", kF32, "%r = less %x, %x", 1, "broadcast_to"},
        Case{"equal_to_itself_stays", kF32, "%r = equal %x, %x", 1, "equal"},
        Case{"equal_to_itself_i32", kI32, "%r = equal %x, %x", 1, "broadcast_to"},
        Case{"less_equal_itself_stays", kF32, "%r = less_equal %x, %x", 1, "less_equal"},
        Case{"not_equal_itself_i64", kI64, "%r = not_equal %x, %x", 1, "broadcast_to"},
        Case{"not_not", "%x: bool[4]", "%n = logical_not %x %r = logical_not %n", 0},
        Case{"not_less_stays", kTwo, "%l = less %x, %y %r = logical_not %l", 2, "logical_not"},
        Case{"not_equal_of_floats", kTwo, "%l = equal %x, %y %r = logical_not %l", 1, "not_equal"},
        Case{"not_less_i32", "%x: i32[10], %y: i32[10]", "%l = less %x, %y %r = logical_not %l", 1,
             "greater_equal"},
        Case{"and_true", "%x: bool[4]", "%c = constant bool[] true %r = logical_and %x, %c", 0},
        Case{"and_false", "%x: bool[4]", "%c = constant bool[] false %r = logical_and %c, %x", 1,
             "broadcast_to"},
        Case{"or_true", "%x: bool[4]", "%c = constant bool[] true %r = logical_or %x, %c", 1,
             "broadcast_to"},
        Case{"or_false", "%x: bool[4]", "%c = constant bool[] false %r = logical_or %x, %c", 0},
        Case{"xor_true", "%x: bool[4]", "%c = constant bool[] true %r = logical_xor %x, %c", 1,
             "logical_not"},
        Case{"xor_itself", "%x: bool[4]", "%r = logical_xor %x, %x", 1, "broadcast_to"},
        Case{"and_itself", "%x: bool[4]", "%r = logical_and %x, %x", 0},
        Case{"where_same", "%p: bool[20], %x: f32[20]", "%r = where %p, %x, %x", 0},
        Case{"where_true", kTwo, "%c = constant bool[] true %r = where %c, %x, %y", 0},
        Case{"where_false", kTwo, "%c = constant bool[20] fill false %r = where %c, %x, %y", 0},
        Case{"where_not", "%p: bool[20], %x: f32[20], %y: f32[20]",
             "%n = logical_not %p %r = where %n, %x, %y", 1, "where"},
        Case{"where_of_truths", "%p: bool[6]",
             "%t = constant bool[] true %f = constant bool[] false %r = where %p, %t, %f", 0},
        Case{"where_of_inverted_truths", "%p: bool[6]",
             "%t = constant bool[] true %f = constant bool[] false %r = where %p, %f, %t", 1,
             "logical_not"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    functions, Simplify,
    ::testing::Values(
        Case{"relu_relu", kF32, "%a = relu %x %r = relu %a", 1},
        Case{"relu_relu_i32", kI32, "%a = relu %x %r = relu %a", 1},
        Case{"relu_abs", kF32, "%a = abs %x %r = relu %a", 1, "abs"},
        Case{"relu_abs_i32_stays", kI32, "%a = abs %x %r = relu %a", 2, "relu"},
        Case{"abs_relu_stays", kF32, "%a = relu %x %r = abs %a", 2, "abs"},
        Case{"abs_abs", kF32, "%a = abs %x %r = abs %a", 1},
        Case{"abs_negative", kF64, "%a = negative %x %r = abs %a", 1, "abs"},
        Case{"abs_negative_i32", kI32, "%a = negative %x %r = abs %a", 1, "abs"},
        Case{"sign_sign", kF32, "%a = sign %x %r = sign %a", 1},
        Case{"floor_of_ceil", kF32, "%a = ceil %x %r = floor %a", 1, "ceil"},
        Case{"round_of_round", kF32, "%a = round %x %r = round %a", 1},
        Case{"floor_of_integers", kI32, "%r = floor %x", 0},
        Case{"clip_twice", "%x: f32[20], %l: f32[], %h: f32[]",
             "%a = clip %x, %l, %h %r = clip %a, %l, %h", 1},
        Case{"clip_crossed_zeros", kF32,
             "%l = constant f32[] 0 %h = constant f32[] -0 %a = clip %x, %l, %h %r = clip %a, %l, "
             "%h",
             1},
        Case{"clip_nan_bound", kF32,
             "%l = constant f32[] nan %h = constant f32[] 1 %a = clip %x, %l, %h %r = clip %a, %l, "
             "%h",
             1},
        Case{"clip_other_bounds_stay", "%x: f32[20], %l: f32[], %h: f32[]",
             "%a = clip %x, %l, %h %r = clip %a, %h, %l", 2},
        Case{"hardtanh_twice", kF32,
             "%a = hardtanh %x {min = -1, max = 0.5} %r = hardtanh %a {min = -1, max = 0.5}", 1},
        Case{"hardtanh_other_bounds_stay", kF32,
             "%a = hardtanh %x {min = -1, max = 0.5} %r = hardtanh %a {min = -1, max = 0.25}", 2},
        Case{"cast_to_itself", kF32, "%r = cast %x {dtype = f32}", 0},
        Case{"cast_there_and_back", kF32, "%a = cast %x {dtype = f64} %r = cast %a {dtype = f32}",
             0},
        Case{"cast_back_and_there_stays", kF64,
             "%a = cast %x {dtype = f32} %r = cast %a {dtype = f64}", 2},
        Case{"cast_through_f64", kF32, "%a = cast %x {dtype = f64} %r = cast %a {dtype = i32}", 1},
        Case{"cast_f64_to_bool", kF32, "%a = cast %x {dtype = f64} %r = cast %a {dtype = bool}", 1},
        Case{"cast_i32_i64_f32", kI32, "%a = cast %x {dtype = i64} %r = cast %a {dtype = f32}", 1},
        Case{"cast_i32_f64_f32", kI32, "%a = cast %x {dtype = f64} %r = cast %a {dtype = f32}", 1},
        Case{"cast_i32_f64_i64", kI32, "%a = cast %x {dtype = f64} %r = cast %a {dtype = i64}", 1},
        Case{"cast_i32_f32_stays", kI32, "%a = cast %x {dtype = f32} %r = cast %a {dtype = i32}",
             2},
        Case{"cast_i64_i32_stays", kI64, "%a = cast %x {dtype = i32} %r = cast %a {dtype = i64}",
             2},
        Case{"cast_bool_f32_bool", "%x: bool[4]",
             "%a = cast %x {dtype = f32} %r = cast %a {dtype = bool}", 0},
        Case{"cast_bool_i32_f64", "%x: bool[4]",
             "%a = cast %x {dtype = i32} %r = cast %a {dtype = f64}", 1}),
    name_of);

constexpr const char* kMatrix = "%x: f32[4, 5]";

INSTANTIATE_TEST_SUITE_P(
    shape, Simplify,
    ::testing::Values(
        Case{"reshape_to_itself", kMatrix, "%r = reshape %x {shape = [4, 5]}", 0},
        Case{"reshape_reshape", kMatrix,
             "%a = reshape %x {shape = [20]} %r = reshape %a {shape = [2, 10]}", 1},
        Case{"reshape_back", kMatrix,
             "%a = reshape %x {shape = [20]} %r = reshape %a {shape = [4, 5]}", 0},
        Case{"transpose_twice", kMatrix,
             "%a = transpose %x {permutation = [1, 0]} %r = transpose %a {permutation = [1, 0]}",
             0},
        Case{"transposes_compose", "%x: f32[2, 3, 4]",
             "%a = transpose %x {permutation = [1, 2, 0]} %r = transpose %a {permutation = [0, 2, "
             "1]}",
             1},
        Case{"transpose_cycle", "%x: f32[2, 3, 4]",
             "%a = transpose %x {permutation = [1, 2, 0]} %r = transpose %a {permutation = [2, 0, "
             "1]}",
             0},
        Case{"transpose_of_one_row", "%x: f32[1, 5]", "%r = transpose %x {permutation = [1, 0]}", 1,
             "reshape"},
        Case{"transpose_identity", kMatrix, "%r = transpose %x {permutation = [0, 1]}", 0},
        Case{"broadcast_to_itself", kMatrix, "%r = broadcast_to %x {shape = [4, 5]}", 0},
        Case{"broadcast_twice", "%x: f32[5]",
             "%a = broadcast_to %x {shape = [2, 5]} %r = broadcast_to %a {shape = [3, 2, 5]}", 1},
        Case{"broadcast_before_add", "%x: f32[4, 5], %b: f32[5]",
             "%a = broadcast_to %b {shape = [4, 5]} %r = add %x, %a", 1, "add"},
        Case{"broadcast_that_shapes_stays", "%x: f32[5], %b: f32[5]",
             "%a = broadcast_to %b {shape = [4, 5]} %r = add %x, %a", 2, "broadcast_to"},
        Case{"function_before_broadcast", "%x: f32[5]",
             "%a = broadcast_to %x {shape = [4, 5]} %r = tanh %a", 2, "broadcast_to"},
        Case{"equal_constants_become_one", kF32,
             "%c = constant f32[20] fill 3 %r = multiply %x, %c", 1},
        Case{"concat_of_one", kMatrix, "%r = concat %x {axis = 0}", 0},
        Case{"concat_of_concat", "%x: f32[2, 3], %y: f32[1, 3]",
             "%a = concat %x, %y {axis = 0} %r = concat %y, %a {axis = 0}", 1},
        Case{"concat_of_other_axis_stays", "%x: f32[2, 3], %y: f32[2, 3]",
             "%a = concat %x, %y {axis = 0} %r = concat %a, %a {axis = 1}", 2},
        Case{"concat_with_nothing", "%x: f32[2, 3], %y: f32[0, 3]", "%r = concat %x, %y {axis = 0}",
             0},
        Case{"concat_of_split", kMatrix,
             "%a, %b = split %x {axis = 1, sizes = [2, 3]} %r = concat %a, %b {axis = 1}", 0},
        Case{"concat_of_split_swapped_stays", kMatrix,
             "%a, %b = split %x {axis = 1, sizes = [2, 3]} %r = concat %b, %a {axis = 1}", 2},
        Case{"split_of_one", kMatrix, "%r = split %x {axis = 0, sizes = [4]}", 0},
        Case{"slice_whole", kMatrix, "%r = slice %x {axis = 1, begin = 0, end = 5, step = 1}", 0},
        Case{"slice_part_stays", kMatrix, "%r = slice %x {axis = 1, begin = 0, end = 4, step = 1}",
             1},
        Case{"slice_of_slice", kF32,
             "%a = slice %x {axis = 0, begin = 1, end = 20, step = 2} "
             "%r = slice %a {axis = 0, begin = 2, end = 9, step = 3}",
             1},
        Case{"slice_negative_ends", kF32,
             "%a = slice %x {axis = 0, begin = -9, end = -1, step = 1} "
             "%r = slice %a {axis = 0, begin = -3, end = 8, step = 2}",
             1},
        Case{"slice_of_its_update", "%x: f32[6], %y: f32[2]",
             "%a = slice_update %x, %y {axis = 0, begin = 1, end = 5, step = 2} "
             "%r = slice %a {axis = 0, begin = 1, end = 5, step = 2}",
             0},
        Case{"update_of_everything", "%x: f32[6], %y: f32[6]",
             "%r = slice_update %x, %y {axis = 0, begin = 0, end = 6, step = 1}", 0},
        Case{"maximum_of_one", "%x: f32[20, 1]", "%r = max %x {axes = [1], keepdims = true}", 0},
        Case{"prod_of_one", "%x: f32[20, 1]", "%r = prod %x {axes = [1], keepdims = false}", 1,
             "reshape"},
        Case{"sum_of_one_stays", "%x: f32[20, 1]", "%r = sum %x {axes = [1], keepdims = true}", 1,
             "sum"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    matmul, Simplify,
    ::testing::Values(
        Case{"with_a_transposed_weight", "%x: f32[2, 5], %w: f32[3, 5]",
             "%t = transpose %w {permutation = [1, 0]} %r = matmul %x, %t", 1, "dense"},
        Case{"vector_with_a_transposed_weight", "%x: f32[5], %w: f32[3, 5]",
             "%t = transpose %w {permutation = [1, 0]} %r = matmul %x, %t", 1, "dense"},
        Case{"few_outputs_stay", "%x: f32[2, 50], %w: f32[64, 50]",
             "%t = transpose %w {permutation = [1, 0]} %r = matmul %x, %t", 2, "matmul"},
        Case{"narrow_stays", "%x: f32[2, 60], %w: f32[3, 60]",
             "%t = transpose %w {permutation = [1, 0]} %r = matmul %x, %t", 2, "matmul"}),
    name_of);

TEST(simplify, reaches_through_chains_of_rules) {
  const ir::Graph before = parse_main(
      "%x: f32[20]",
      "%a = negative %x %b = negative %a %c = relu %b %d = relu %c %one = constant f32[20] fill 1 "
      "%r = multiply %d, %one",
      "%r");
  const ir::Graph after = check_pass(before, simplified());
  EXPECT_EQ(count_ops(after), 1);
}

TEST(simplify, works_inside_regions) {
  const ir::Graph before =
      parse_main("%p: bool[], %x: f32[20]",
                 "%r = cond %p, %x { ^(%a: f32[20]) %b = negative %a %c = negative %b yield %c } "
                 "{ ^(%a2: f32[20]) %d = relu %a2 %e = relu %d yield %e }",
                 "%r");
  const ir::Graph after = check_pass(before, simplified());
  EXPECT_EQ(count(after, "negative"), 0);
  EXPECT_EQ(count(after, "relu"), 1);
}

TEST(simplify, says_when_nothing_changed) {
  ir::Graph graph = parse_main("%x: f32[4], %y: f32[4]", "%r = add %x, %y", "%r");
  EXPECT_EQ(simplify(graph), 0);
}

}  // namespace
}  // namespace mlpjit::passes::testing
