/* The C interface from C: a trained model loaded, asked, run, bound; and what it says to nonsense. */
#include <math.h>
#include <mlpjit/c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;
#define EXPECT(condition)                                                                         \
  do {                                                                                            \
    if (!(condition)) {                                                                           \
      printf("%s:%d: %s; last error: %s\n", __FILE__, __LINE__, #condition, mlpjit_last_error()); \
      ++failures;                                                                                 \
    }                                                                                             \
  } while (0)

static mlpjit_input input_of(const float* data, const int64_t* sizes) {
  mlpjit_input input = {data, MLPJIT_F32, 2, sizes};
  return input;
}

static void digits(const char* folder) {
  char path[4096];
  snprintf(path, sizeof path, "%s/torch_mlp_digits.legacy.onnx", folder);
  mlpjit_model* model = mlpjit_load(path, NULL, NULL);
  EXPECT(model != NULL);
  if (model == NULL) return;
  EXPECT(mlpjit_input_count(model) == 1 && mlpjit_output_count(model) == 1);
  EXPECT(strcmp(mlpjit_input_name(model, 0), "x") == 0);
  EXPECT(strcmp(mlpjit_output_name(model, 0), "logits") == 0);
  EXPECT(mlpjit_input_dtype(model, 0) == MLPJIT_F32 && mlpjit_input_rank(model, 0) == 2);
  EXPECT(mlpjit_input_size(model, 0, 0) == -1 && mlpjit_input_size(model, 0, 1) == 64);
  EXPECT(mlpjit_input_size(model, 0, 2) == -2 && mlpjit_input_size(model, 1, 0) == -2);
  EXPECT(strcmp(mlpjit_input_size_text(model, 0, 0), "batch") == 0);
  EXPECT(mlpjit_output_size(model, 0, 1) == 10 && mlpjit_last_status() == MLPJIT_OK);
  EXPECT(mlpjit_input_size_text(model, 0, 2) == NULL && strstr(mlpjit_last_error(), "axis") != NULL);
  EXPECT(mlpjit_input_count(NULL) == 0 && mlpjit_last_status() == MLPJIT_BAD_ARGUMENT);
  EXPECT(mlpjit_class_count(NULL) == 0 && mlpjit_last_status() == MLPJIT_BAD_ARGUMENT);
  EXPECT(mlpjit_string_of_code(model, -1) == NULL && mlpjit_last_status() == MLPJIT_BAD_ARGUMENT);

  float rows[3 * 64], scores[3 * 10], one[10], bound_scores[10];
  for (int i = 0; i < 3 * 64; ++i) rows[i] = (float)((i * 37) % 17) / 4;
  const int64_t three[] = {3, 64}, single[] = {1, 64};
  mlpjit_input input = input_of(rows, three);
  mlpjit_output output = {scores, sizeof scores, MLPJIT_I64, 0, {0}};
  EXPECT(mlpjit_run(model, &input, 1, &output, 1) == MLPJIT_OK);
  EXPECT(output.dtype == MLPJIT_F32 && output.rank == 2 && output.sizes[0] == 3 &&
         output.sizes[1] == 10);
  EXPECT(strcmp(mlpjit_last_error(), "") == 0);

  /* A buffer that is too small says how large it must be. */
  mlpjit_output asked = {NULL, 0, MLPJIT_F32, 0, {0}};
  EXPECT(mlpjit_run(model, &input, 1, &asked, 1) == MLPJIT_TOO_SMALL);
  EXPECT(asked.rank == 2 && asked.sizes[0] == 3);

  /* A row alone, by a call and by a bound call, has the same bits. */
  mlpjit_input first = input_of(rows, single);
  mlpjit_output alone = {one, sizeof one, MLPJIT_F32, 0, {0}};
  EXPECT(mlpjit_run(model, &first, 1, &alone, 1) == MLPJIT_OK);
  EXPECT(memcmp(one, scores, sizeof one) == 0);
  mlpjit_bound* bound = mlpjit_bind(model, &first, 1);
  EXPECT(bound != NULL);
  EXPECT(mlpjit_bound_output_bytes(bound, 0) == sizeof bound_scores);
  EXPECT(mlpjit_bound_output_count(bound) == 1 && mlpjit_bound_output_count(NULL) == 0);
  EXPECT(mlpjit_bound_output_dtype(bound, 0) == MLPJIT_F32);
  EXPECT(mlpjit_bound_output_rank(bound, 0) == 2 && mlpjit_bound_output_rank(bound, 1) == -1);
  EXPECT(mlpjit_bound_output_size(bound, 0, 0) == 1 && mlpjit_bound_output_size(bound, 0, 1) == 10);
  EXPECT(mlpjit_bound_output_size(bound, 0, 2) == -2 && mlpjit_bound_output_size(NULL, 0, 0) == -2);
  EXPECT(strstr(mlpjit_last_error(), "null") != NULL);
  EXPECT(mlpjit_bound_output_bytes(bound, 1) == 0 && mlpjit_last_status() == MLPJIT_BAD_ARGUMENT);
  const void* from[] = {rows};
  void* to[] = {bound_scores};
  EXPECT(mlpjit_bound_run(bound, from, 1, to, 1) == MLPJIT_OK);
  EXPECT(memcmp(bound_scores, scores, sizeof bound_scores) == 0);
  EXPECT(mlpjit_bound_run(bound, from, 2, to, 1) == MLPJIT_BAD_ARGUMENT);
  mlpjit_free(model);
  EXPECT(mlpjit_bound_run(bound, from, 1, to, 1) == MLPJIT_OK);
  mlpjit_bound_free(bound);

  /* The interpreter has them too. */
  mlpjit_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.interpret = 1;
  model = mlpjit_load(path, NULL, &options);
  float interpreted[3 * 10];
  mlpjit_output again = {interpreted, sizeof interpreted, MLPJIT_F32, 0, {0}};
  EXPECT(mlpjit_run(model, &input, 1, &again, 1) == MLPJIT_OK);
  EXPECT(memcmp(interpreted, scores, sizeof scores) == 0);

  /* What does not fit. */
  const int64_t narrow[] = {3, 63};
  mlpjit_input wrong = input_of(rows, narrow);
  EXPECT(mlpjit_run(model, &wrong, 1, &again, 1) == MLPJIT_BAD_SHAPE);
  EXPECT(strstr(mlpjit_last_error(), "63") != NULL && mlpjit_last_status() == MLPJIT_BAD_SHAPE);
  wrong = input;
  wrong.dtype = MLPJIT_F64;
  EXPECT(mlpjit_run(model, &wrong, 1, &again, 1) != MLPJIT_OK);
  wrong.dtype = (mlpjit_dtype)77;
  EXPECT(mlpjit_run(model, &wrong, 1, &again, 1) == MLPJIT_BAD_ARGUMENT);
  wrong = input;
  wrong.rank = 9;
  EXPECT(mlpjit_run(model, &wrong, 1, &again, 1) == MLPJIT_BAD_ARGUMENT);
  wrong = input;
  wrong.sizes = NULL;
  EXPECT(mlpjit_run(model, &wrong, 1, &again, 1) == MLPJIT_BAD_ARGUMENT);
  wrong = input;
  wrong.data = NULL;
  EXPECT(mlpjit_run(model, &wrong, 1, &again, 1) == MLPJIT_BAD_ARGUMENT);
  wrong.data = (const char*)rows + 1;
  EXPECT(mlpjit_run(model, &wrong, 1, &again, 1) == MLPJIT_BAD_ARGUMENT);
  EXPECT(mlpjit_run(model, &input, 2, &again, 1) == MLPJIT_BAD_ARGUMENT);
  EXPECT(mlpjit_run(model, &input, 1, &again, 0) == MLPJIT_BAD_ARGUMENT);
  mlpjit_free(model);
}

/* Rows of strings and numbers, of the strings by themselves and by their codes: the same. */
static void rows_of_strings(mlpjit_model* model) {
  const char* sexes[] = {"F", "M", "neither"};
  const char* groups[] = {"obese", "normal", "no such group"};
  const float numbers[] = {0.5f, -0.25f, 1.0f};
  const int64_t decades[] = {3, 4, 5};
  int64_t codes[2][3];
  const int64_t sizes[] = {3, 1};
  mlpjit_input by_name[7], by_code[7];
  for (size_t i = 0; i < 7; ++i) {
    const char* name = mlpjit_input_name(model, i);
    const int sex = strcmp(name, "sex") == 0;
    mlpjit_input input = {numbers, MLPJIT_F32, 2, sizes};
    if (mlpjit_input_dtype(model, i) == MLPJIT_I64) {
      input.data = decades;
      input.dtype = MLPJIT_I64;
    }
    by_name[i] = by_code[i] = input;
    if (!mlpjit_is_coded(model, name)) continue;
    by_name[i].data = sex ? sexes : groups;
    by_name[i].dtype = MLPJIT_STRING;
    for (size_t k = 0; k < 3; ++k) codes[sex][k] = mlpjit_code(model, sex ? sexes[k] : groups[k]);
    by_code[i].data = codes[sex];
  }
  int64_t labels[2][3];
  float scores[2][6];
  for (size_t k = 0; k < 2; ++k) {
    mlpjit_output outputs[] = {{labels[k], sizeof labels[k], MLPJIT_F32, 0, {0}},
                               {scores[k], sizeof scores[k], MLPJIT_F32, 0, {0}}};
    EXPECT(mlpjit_run(model, k == 0 ? by_name : by_code, 7, outputs, 2) == MLPJIT_OK);
  }
  EXPECT(memcmp(labels[0], labels[1], sizeof labels[0]) == 0);
  EXPECT(memcmp(scores[0], scores[1], sizeof scores[0]) == 0);
  EXPECT(scores[0][0] != scores[0][2] && scores[0][2] != scores[0][4]);
  mlpjit_input shifted[7];
  memcpy(shifted, by_name, sizeof shifted);
  for (size_t i = 0; i < 7; ++i) {
    if (shifted[i].dtype == MLPJIT_STRING) shifted[i].data = (const char*)shifted[i].data + 1;
  }
  mlpjit_output nothing[2] = {{NULL, 0, MLPJIT_F32, 0, {0}}, {NULL, 0, MLPJIT_F32, 0, {0}}};
  EXPECT(mlpjit_run(model, shifted, 7, nothing, 2) == MLPJIT_BAD_ARGUMENT);
  EXPECT(strstr(mlpjit_last_error(), "aligned") != NULL);
  sexes[1] = NULL;
  mlpjit_output outputs[] = {{labels[0], sizeof labels[0], MLPJIT_F32, 0, {0}},
                             {scores[0], sizeof scores[0], MLPJIT_F32, 0, {0}}};
  EXPECT(mlpjit_run(model, by_name, 7, outputs, 2) == MLPJIT_BAD_ARGUMENT);
  sexes[1] = "M";
  by_name[0].dtype = MLPJIT_STRING; /* of numbers */
  EXPECT(mlpjit_run(model, by_name, 7, outputs, 2) == MLPJIT_BAD_ARGUMENT);
  EXPECT(mlpjit_bind(model, by_name, 7) == NULL);
}

/* From memory, with classes and codes. */
static void strings(const char* folder) {
  char path[4096];
  snprintf(path, sizeof path, "%s/skl_columns_logreg_diabetes.onnx", folder);
  FILE* file = fopen(path, "rb");
  EXPECT(file != NULL);
  if (file == NULL) return;
  char* bytes = malloc(1 << 20);
  const size_t size = fread(bytes, 1, 1 << 20, file);
  fclose(file);
  mlpjit_model* model = mlpjit_load_memory(bytes, size, NULL, 0, NULL);
  memset(bytes, 0, size);
  free(bytes);
  EXPECT(model != NULL);
  EXPECT(mlpjit_input_count(model) == 7);
  EXPECT(mlpjit_is_coded(model, "sex") == 1 && mlpjit_is_coded(model, "bmi") == 0);
  EXPECT(mlpjit_class_count(model) == 2);
  const int64_t code = mlpjit_code(model, "obese");
  EXPECT(code >= 0 && strcmp(mlpjit_string_of_code(model, code), "obese") == 0);
  EXPECT(mlpjit_code(model, "no such group") == -1);
  EXPECT(mlpjit_string_of_code(model, 1000) == NULL);
  rows_of_strings(model);
  mlpjit_free(model);
}

/* A model whose last number was changed: its checks find it, unless they are not asked. */
static void checks(const char* folder) {
  char path[4096];
  snprintf(path, sizeof path, "%s/../../portable/schema-3/net.mlpjit", folder);
  FILE* file = fopen(path, "rb");
  EXPECT(file != NULL);
  if (file == NULL) return;
  char* bytes = malloc(1 << 20);
  const size_t size = fread(bytes, 1, 1 << 20, file);
  fclose(file);
  mlpjit_options options = {sizeof options, 1, 0, 0, 0, 0};
  mlpjit_model* model = mlpjit_load_memory(bytes, size, NULL, 0, &options);
  EXPECT(model != NULL && mlpjit_class_count(model) == 3);
  mlpjit_free(model);
  bytes[size - 2] ^= 0x40;
  EXPECT(mlpjit_load_memory(bytes, size, NULL, 0, &options) == NULL);
  EXPECT(mlpjit_last_status() == MLPJIT_BAD_FORMAT && strstr(mlpjit_last_error(), "layer") != NULL);
  options.no_checks = 1;
  model = mlpjit_load_memory(bytes, size, NULL, 0, &options);
  EXPECT(model != NULL);
  mlpjit_free(model);
  free(bytes);
}

static void nonsense(const char* folder) {
  EXPECT(mlpjit_load(NULL, NULL, NULL) == NULL && mlpjit_last_status() == MLPJIT_BAD_ARGUMENT);
  EXPECT(mlpjit_load("no such file", NULL, NULL) == NULL &&
         mlpjit_last_status() == MLPJIT_BAD_FORMAT);
  EXPECT(mlpjit_load_memory("nonsense", 8, NULL, 0, NULL) == NULL);
  EXPECT(mlpjit_last_status() == MLPJIT_BAD_FORMAT);
  EXPECT(mlpjit_load_memory("{}", 2, "", 0, NULL) == NULL);
  EXPECT(mlpjit_load_memory(NULL, 8, NULL, 0, NULL) == NULL);
  char path[4096];
  snprintf(path, sizeof path, "%s/torch_mlp_digits.int8dyn.onnx", folder);
  EXPECT(mlpjit_load(path, NULL, NULL) == NULL && mlpjit_last_status() == MLPJIT_UNSUPPORTED);
  EXPECT(strstr(mlpjit_last_error(), "DynamicQuantizeLinear") != NULL);
  mlpjit_options options;
  memset(&options, 0, sizeof options);
  EXPECT(mlpjit_load(path, NULL, &options) == NULL && mlpjit_last_status() == MLPJIT_BAD_ARGUMENT);
  mlpjit_free(NULL);
  mlpjit_bound_free(NULL);
  EXPECT(mlpjit_input_count(NULL) == 0 && mlpjit_output_count(NULL) == 0);
  EXPECT(mlpjit_input_name(NULL, 0) == NULL && mlpjit_output_size_text(NULL, 0, 0) == NULL);
  EXPECT(mlpjit_input_rank(NULL, 0) == -1 && mlpjit_output_size(NULL, 0, 0) == -2);
  EXPECT(mlpjit_class_count(NULL) == 0 && mlpjit_class_name(NULL, 0) == NULL);
  EXPECT(mlpjit_is_coded(NULL, "x") == 0 && mlpjit_code(NULL, "x") == -1);
  EXPECT(mlpjit_string_of_code(NULL, 0) == NULL);
  EXPECT(mlpjit_run(NULL, NULL, 0, NULL, 0) == MLPJIT_BAD_ARGUMENT);
  EXPECT(mlpjit_bind(NULL, NULL, 0) == NULL);
  EXPECT(mlpjit_bound_run(NULL, NULL, 0, NULL, 0) == MLPJIT_BAD_ARGUMENT);
  EXPECT(mlpjit_bound_output_bytes(NULL, 0) == 0);
  EXPECT(mlpjit_dtype_bytes(MLPJIT_F64) == 8 &&
         mlpjit_dtype_bytes(MLPJIT_STRING) == sizeof(char*) &&
         mlpjit_dtype_bytes((mlpjit_dtype)9) == 0);
  EXPECT(strcmp(mlpjit_status_text(MLPJIT_OK), "ok") == 0);
  EXPECT(strcmp(mlpjit_status_text((mlpjit_status)99), "no status") == 0);
  EXPECT(mlpjit_c_api_version() == MLPJIT_C_API_VERSION && strlen(mlpjit_version_string()) > 4);
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  checks(arguments[1]);
  nonsense(arguments[1]);
  digits(arguments[1]);
  strings(arguments[1]);
  if (failures == 0) printf("the C interface does what it says\n");
  return failures == 0 ? 0 : 1;
}
