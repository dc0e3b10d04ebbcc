/*
 * Between mlpjit.R and libmlpjit: .Call passes R's values, this makes C's of them and back. R keeps
 * matrices of doubles column by column, a model takes f32 row by row.
 *
 *   PKG_CPPFLAGS=-I$prefix/include PKG_LIBS="-L$prefix/lib -lmlpjit" R CMD SHLIB mlpjit.c
 */
#include <R.h>
#include <R_ext/Rdynload.h>
#include <Rinternals.h>
#include <mlpjit/c_api.h>
#include <string.h>

/* Frees what an external pointer holds, when R collects it. */
static void free_model(SEXP pointer) {
  mlpjit_free(R_ExternalPtrAddr(pointer));
  R_ClearExternalPtr(pointer);
}
static void free_bound(SEXP pointer) {
  mlpjit_bound_free(R_ExternalPtrAddr(pointer));
  R_ClearExternalPtr(pointer);
}
static SEXP guarded(void* handle, R_CFinalizer_t free_it) {
  if (handle == NULL) Rf_error("%s", mlpjit_last_error());
  SEXP pointer = PROTECT(R_MakeExternalPtr(handle, R_NilValue, R_NilValue));
  R_RegisterCFinalizerEx(pointer, free_it, TRUE);
  UNPROTECT(1);
  return pointer;
}

static SEXP load(SEXP model_file, SEXP parameter_file) {
  const char* model = R_ExpandFileName(Rf_translateChar(Rf_asChar(model_file)));
  model = strcpy(R_alloc(strlen(model) + 1, 1), model); /* the next expansion takes its place */
  const char* parameters = NULL;
  if (parameter_file != R_NilValue)
    parameters = R_ExpandFileName(Rf_translateChar(Rf_asChar(parameter_file)));
  return guarded(mlpjit_load(model, parameters, NULL), free_model);
}

static SEXP utf8(const char* text) {
  return Rf_ScalarString(Rf_mkCharCE(text, CE_UTF8));
}

/* list(input_name, width, output_name, output_width, classes) */
static SEXP describe(SEXP pointer) {
  const mlpjit_model* model = R_ExternalPtrAddr(pointer);
  if (mlpjit_input_count(model) != 1 || mlpjit_output_count(model) != 1)
    Rf_error("a model of one input and one output was expected");
  const int64_t width = mlpjit_input_size(model, 0, 1);
  const int64_t output_width = mlpjit_output_size(model, 0, 1);
  if (mlpjit_input_dtype(model, 0) != MLPJIT_F32 || mlpjit_output_dtype(model, 0) != MLPJIT_F32 ||
      mlpjit_input_rank(model, 0) != 2 || mlpjit_output_rank(model, 0) != 2 || width < 0 ||
      output_width < 0)
    Rf_error("a model of rows of f32 was expected");
  const char* names[] = {"input_name", "width", "output_name", "output_width", "classes", ""};
  SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(list, 0, utf8(mlpjit_input_name(model, 0)));
  SET_VECTOR_ELT(list, 1, Rf_ScalarInteger((int)width));
  SET_VECTOR_ELT(list, 2, utf8(mlpjit_output_name(model, 0)));
  SET_VECTOR_ELT(list, 3, Rf_ScalarInteger((int)output_width));
  const R_xlen_t count = (R_xlen_t)mlpjit_class_count(model);
  SEXP classes = Rf_allocVector(STRSXP, count);
  SET_VECTOR_ELT(list, 4, classes);
  for (R_xlen_t i = 0; i < count; ++i)
    SET_STRING_ELT(classes, i, Rf_mkCharCE(mlpjit_class_name(model, (size_t)i), CE_UTF8));
  UNPROTECT(1);
  return list;
}

/* Transposed to f32; R frees it when .Call returns. */
static float* elements_of(SEXP matrix, int rows, int columns) {
  const double* from = REAL(matrix);
  float* to = (float*)R_alloc((size_t)rows * (size_t)columns, sizeof(float));
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j)
      to[(size_t)i * columns + j] = (float)from[i + (size_t)j * rows];
  return to;
}
static SEXP matrix_of(const float* from, int rows, int columns) {
  SEXP matrix = Rf_allocMatrix(REALSXP, rows, columns);
  double* to = REAL(matrix);
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) to[i + (size_t)j * rows] = from[(size_t)i * columns + j];
  return matrix;
}

static SEXP run(SEXP pointer, SEXP matrix, SEXP output_width) {
  const int rows = Rf_nrows(matrix), columns = Rf_ncols(matrix);
  const int results = Rf_asInteger(output_width);
  const int64_t sizes[] = {rows, columns};
  const mlpjit_input input = {elements_of(matrix, rows, columns), MLPJIT_F32, 2, sizes};
  const size_t bytes = (size_t)rows * (size_t)results * sizeof(float);
  mlpjit_output output = {.data = R_alloc(bytes, 1), .bytes = bytes};
  if (mlpjit_run(R_ExternalPtrAddr(pointer), &input, 1, &output, 1) != MLPJIT_OK)
    Rf_error("%s", mlpjit_last_error());
  return matrix_of(output.data, rows, results);
}

static SEXP bind(SEXP pointer, SEXP width) {
  const int64_t sizes[] = {1, Rf_asInteger(width)};
  const mlpjit_input input = {NULL, MLPJIT_F32, 2, sizes};
  return guarded(mlpjit_bind(R_ExternalPtrAddr(pointer), &input, 1), free_bound);
}

static SEXP bound_run(SEXP pointer, SEXP row, SEXP output_width) {
  const int results = Rf_asInteger(output_width);
  const void* from[] = {elements_of(row, 1, Rf_length(row))};
  void* to[] = {R_alloc((size_t)results, sizeof(float))};
  const mlpjit_status status = mlpjit_bound_run(R_ExternalPtrAddr(pointer), from, 1, to, 1);
  if (status != MLPJIT_OK) Rf_error("%s", mlpjit_status_text(status));
  SEXP result = PROTECT(Rf_allocVector(REALSXP, results));
  for (int i = 0; i < results; ++i) REAL(result)[i] = ((const float*)to[0])[i];
  UNPROTECT(1);
  return result;
}

/* R calls it at dyn.load: the names that .Call has. */
void R_init_mlpjit(DllInfo* library) {
  static const R_CallMethodDef methods[] = {
      {"load", (DL_FUNC)load, 2}, {"describe", (DL_FUNC)describe, 1},   {"run", (DL_FUNC)run, 3},
      {"bind", (DL_FUNC)bind, 2}, {"bound_run", (DL_FUNC)bound_run, 3}, {NULL, NULL, 0},
  };
  R_registerRoutines(library, NULL, methods, NULL, NULL);
  R_useDynamicSymbols(library, FALSE);
}
