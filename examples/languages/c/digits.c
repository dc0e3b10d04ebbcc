/*
 * Handwritten digits, classified by an exported model: all rows in one call, then one by one by a
 * bound call, which must give the same bits.
 *
 *   digits digits-symbol.json digits-0000.params test.csv
 */
#include <inttypes.h>
#include <mlpjit/c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

/* The rows of a file of numbers between commas, without the first of each row, the answer. */
static float* read_rows(const char* path, size_t width, size_t* rows) {
  FILE* file = fopen(path, "r");
  if (file == NULL) fail(path, "cannot be opened");
  size_t count = 0, room = 0;
  float *elements = NULL, number;
  for (size_t i = 0; fscanf(file, "%f%*[,]", &number) == 1; ++i) {
    if (i % (width + 1) == 0) continue;
    if (count == room) {
      room = room == 0 ? 4096 : 2 * room;
      elements = realloc(elements, room * sizeof *elements);
      if (elements == NULL) fail(path, "no memory");
    }
    elements[count++] = number;
  }
  if (!feof(file) || count == 0 || count % width != 0) fail(path, "not what the model takes");
  fclose(file);
  *rows = count / width;
  return elements;
}

static void print_row(const mlpjit_model* model, const float* logits, size_t classes) {
  size_t best = 0;
  for (size_t i = 1; i < classes; ++i)
    if (logits[i] > logits[best]) best = i;
  printf("%s", mlpjit_class_name(model, best));
  for (size_t i = 0; i < classes; ++i) {
    uint32_t bits;
    memcpy(&bits, &logits[i], sizeof bits);
    printf(" %08" PRIX32, bits);
  }
  printf("\n");
}

int main(int argc, char** argv) {
  if (argc != 4) fail(argv[0], "SYMBOL_FILE PARAMETER_FILE ROWS.csv");
  mlpjit_model* model = mlpjit_load(argv[1], argv[2], NULL);
  if (model == NULL) fail("mlpjit_load", mlpjit_last_error());

  /* The model says what it takes: here f32 [B, 64], with a B of any size, whose size is -1. */
  const int64_t width = mlpjit_input_size(model, 0, 1);
  const size_t classes = mlpjit_class_count(model);
  if (mlpjit_input_count(model) != 1 || mlpjit_input_dtype(model, 0) != MLPJIT_F32 || width < 1 ||
      mlpjit_output_size(model, 0, 1) != (int64_t)classes)
    fail(mlpjit_input_name(model, 0), "the model is no classifier of rows of f32");

  size_t rows;
  float* images = read_rows(argv[3], (size_t)width, &rows);
  float* logits = malloc(rows * classes * sizeof *logits);
  float* row = malloc(classes * sizeof *row);
  if (logits == NULL || row == NULL) fail(argv[0], "no memory");

  const int64_t all_sizes[] = {(int64_t)rows, width};
  const mlpjit_input all = {images, MLPJIT_F32, 2, all_sizes};
  mlpjit_output output = {.data = logits, .bytes = rows * classes * sizeof *logits};
  if (mlpjit_run(model, &all, 1, &output, 1) != MLPJIT_OK) fail("mlpjit_run", mlpjit_last_error());

  /* Bound to one row. The calls do nothing but the arithmetic; their status says how they ended. */
  const int64_t one_size[] = {1, width};
  const mlpjit_input one = {NULL, MLPJIT_F32, 2, one_size};
  mlpjit_bound* bound = mlpjit_bind(model, &one, 1);
  if (bound == NULL) fail("mlpjit_bind", mlpjit_last_error());
  for (size_t i = 0; i < rows; ++i) {
    const void* from[] = {images + i * (size_t)width};
    void* to[] = {row};
    const mlpjit_status status = mlpjit_bound_run(bound, from, 1, to, 1);
    if (status != MLPJIT_OK) fail("mlpjit_bound_run", mlpjit_status_text(status));
    if (memcmp(row, logits + i * classes, classes * sizeof *row) != 0)
      fail(argv[3], "a row alone has other bits");
  }

  for (size_t i = 0; i < rows; ++i) print_row(model, logits + i * classes, classes);
  mlpjit_bound_free(bound);
  mlpjit_free(model);
  free(row);
  free(logits);
  free(images);
  return 0;
}
