/**
 * @file
 * The C interface of mlpjit (C11): trained models, loaded, asked what they take, and run on the
 * caller's memory. For C and for every language that calls C.
 *
 * Handles are opaque. No exception and no C++ type crosses. Every function may be called with null
 * where it takes a pointer: it then fails, or gives 0. A function that fails says why:
 * mlpjit_last_error() is text of the calling thread. Elements are row-major; sizes are of 64 bits.
 * Names, strings and messages are UTF-8; paths are the bytes that the system calls them by.
 *
 * A model may be run by any number of threads at once; a bound call by one at a time.
 */
#ifndef MLPJIT_C_API_H
#define MLPJIT_C_API_H

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

#if defined(__GNUC__)
#define MLPJIT_C_API __attribute__((visibility("default")))
#else
#define MLPJIT_C_API
#endif

/** The version of this interface: it rises with every addition; what is here stays as it is. */
#define MLPJIT_C_API_VERSION 2
/** The most axes of a tensor. */
#define MLPJIT_MAX_RANK 8

/** How a call ended. */
typedef enum mlpjit_status {
  MLPJIT_OK = 0,
  MLPJIT_BAD_ARGUMENT = 1, /**< null, an index out of range, a handle of another kind */
  MLPJIT_BAD_FORMAT = 2,   /**< a file or bytes that are no model, or a damaged one */
  MLPJIT_BAD_SHAPE = 3,    /**< sizes that the model does not take */
  MLPJIT_BAD_DTYPE = 4,    /**< another element type than the model takes */
  MLPJIT_BAD_VALUE = 5,    /**< values that an op refuses, such as an index out of range */
  MLPJIT_NO_MEMORY = 6,
  MLPJIT_UNSUPPORTED = 7, /**< what this build or machine cannot do, or ops that are not read */
  MLPJIT_TOO_SMALL = 8,   /**< a buffer of the caller's that the result does not fit in */
  MLPJIT_ERROR = 9,       /**< another error of the caller's */
  MLPJIT_INTERNAL = 10    /**< a bug of mlpjit's */
} mlpjit_status;

/** Element types. */
typedef enum mlpjit_dtype {
  MLPJIT_F32 = 0,
  MLPJIT_F64 = 1,
  MLPJIT_I32 = 2,
  MLPJIT_I64 = 3,
  MLPJIT_BOOL = 4, /**< one byte, 0 or 1 */
  MLPJIT_STRING =
      5 /**< const char*, UTF-8 to a zero; of inputs of strings (mlpjit_is_coded) only */
} mlpjit_dtype;

/** A trained model. */
typedef struct mlpjit_model mlpjit_model;
/** A model with fixed sizes, for calls that allocate and lock nothing. */
typedef struct mlpjit_bound mlpjit_bound;

/** How a model is loaded and run; zeros are the defaults. Set `struct_size` to its sizeof. */
typedef struct mlpjit_options {
  size_t struct_size;
  int interpret;   /**< not 0: run by the interpreter, without compiling; the same bits */
  int cast_halves; /**< not 0: widen float16 and bfloat16 weights of ONNX files to float32 */
  int exact_batch; /**< not 0: a program per batch size, where the default is one for all */
  int threads; /**< of one call, 128 at most; 0 and 1: the caller's alone, as mlpjit_bind() wants */
  int no_checks; /**< not 0: a model's checks are not run when it is loaded; halves have none */
} mlpjit_options;

/** Elements that a call reads: the caller's memory, aligned to its element. */
typedef struct mlpjit_input {
  const void* data;
  mlpjit_dtype dtype;
  int32_t rank;
  const int64_t* sizes; /**< `rank` of them; may be null for rank 0 */
} mlpjit_input;

/** Where a call writes: `bytes` of the caller's memory. The call says what it wrote. */
typedef struct mlpjit_output {
  void* data;
  size_t bytes;
  mlpjit_dtype dtype;             /**< written */
  int32_t rank;                   /**< written */
  int64_t sizes[MLPJIT_MAX_RANK]; /**< written */
} mlpjit_output;

/** "0.1.0", the library's version. Never null. */
MLPJIT_C_API const char* mlpjit_version_string(void);
/** MLPJIT_C_API_VERSION of the library, which may be newer than this header. */
MLPJIT_C_API uint32_t mlpjit_c_api_version(void);

/** Why the last call on this thread failed; "" after one that did not. Valid until the next. */
MLPJIT_C_API const char* mlpjit_last_error(void);
MLPJIT_C_API mlpjit_status mlpjit_last_status(void);
/** "ok", "bad format", ...; never null. */
MLPJIT_C_API const char* mlpjit_status_text(mlpjit_status status);
/** Bytes of an element; 0 for none of the types. */
MLPJIT_C_API size_t mlpjit_dtype_bytes(mlpjit_dtype dtype);

/**
 * Loads a model: with `parameter_file` null one file, of ONNX or one that save() wrote; or the two
 * that export_model() wrote. `options` may be null. Null on failure.
 */
MLPJIT_C_API mlpjit_model* mlpjit_load(const char* model_file, const char* parameter_file,
                                       const mlpjit_options* options);
/** The same from memory, which is not needed afterwards; `parameters` is null for one file. */
MLPJIT_C_API mlpjit_model* mlpjit_load_memory(const void* model, size_t model_bytes,
                                              const void* parameters, size_t parameter_bytes,
                                              const mlpjit_options* options);
/** Null is no error. */
MLPJIT_C_API void mlpjit_free(mlpjit_model* model);

/** How many inputs and outputs a model has. */
MLPJIT_C_API size_t mlpjit_input_count(const mlpjit_model* model);
MLPJIT_C_API size_t mlpjit_output_count(const mlpjit_model* model);
/** Their names, valid as long as the model; null where there is none. */
MLPJIT_C_API const char* mlpjit_input_name(const mlpjit_model* model, size_t index);
MLPJIT_C_API const char* mlpjit_output_name(const mlpjit_model* model, size_t index);
/**
 * Their types; the first of the types, and an error, where there is none. Outputs of a model whose
 * network hangs on values or sizes of inputs are known after a call only: -1 is their rank.
 */
MLPJIT_C_API mlpjit_dtype mlpjit_input_dtype(const mlpjit_model* model, size_t index);
MLPJIT_C_API mlpjit_dtype mlpjit_output_dtype(const mlpjit_model* model, size_t index);
/** Their number of axes; -1 where there is none. */
MLPJIT_C_API int32_t mlpjit_input_rank(const mlpjit_model* model, size_t index);
MLPJIT_C_API int32_t mlpjit_output_rank(const mlpjit_model* model, size_t index);
/** A size; -1 where it is symbolic, -2 where there is none. */
MLPJIT_C_API int64_t mlpjit_input_size(const mlpjit_model* model, size_t index, int32_t axis);
MLPJIT_C_API int64_t mlpjit_output_size(const mlpjit_model* model, size_t index, int32_t axis);
/** A size as text, "64", "B", "2*B+1"; null where there is none. Valid as long as the model. */
MLPJIT_C_API const char* mlpjit_input_size_text(const mlpjit_model* model, size_t index,
                                                int32_t axis);
MLPJIT_C_API const char* mlpjit_output_size_text(const mlpjit_model* model, size_t index,
                                                 int32_t axis);

/** The model's classes, where it has some: what labels that were strings are places in. */
MLPJIT_C_API size_t mlpjit_class_count(const mlpjit_model* model);
MLPJIT_C_API const char* mlpjit_class_name(const mlpjit_model* model, size_t index);
/**
 * Whether an input or output of that name is one of strings. Its dtype is MLPJIT_I64: it has codes.
 * mlpjit_run() also takes an input as MLPJIT_STRING; the strings of an output's codes are given by
 * mlpjit_string_of_code().
 */
MLPJIT_C_API int mlpjit_is_coded(const mlpjit_model* model, const char* name);
/** The code of a string for an input that is coded; -1 for one that the model does not know. */
MLPJIT_C_API int64_t mlpjit_code(const mlpjit_model* model, const char* text);
/** The string of a code; null where it is none's. Valid as long as the model. */
MLPJIT_C_API const char* mlpjit_string_of_code(const mlpjit_model* model, int64_t code);

/**
 * Runs a model. The first call with new sizes may compile. Where an output does not fit, its
 * dtype, rank and sizes are written all the same, and MLPJIT_TOO_SMALL comes back: `bytes` of 0
 * asks for them.
 */
MLPJIT_C_API mlpjit_status mlpjit_run(mlpjit_model* model, const mlpjit_input* inputs,
                                      size_t input_count, mlpjit_output* outputs,
                                      size_t output_count);

/**
 * A model bound to the sizes of `inputs`, whose data is not read. Null where it cannot run in hard
 * real time, or on failure. It keeps what it needs of the model.
 */
MLPJIT_C_API mlpjit_bound* mlpjit_bind(mlpjit_model* model, const mlpjit_input* inputs,
                                       size_t input_count);
/** Null is no error. */
MLPJIT_C_API void mlpjit_bound_free(mlpjit_bound* bound);
/** What it gives; 0, the first of the types, or -1 and -2, where there is no such thing. */
MLPJIT_C_API size_t mlpjit_bound_output_count(const mlpjit_bound* bound);
MLPJIT_C_API size_t mlpjit_bound_output_bytes(const mlpjit_bound* bound, size_t index);
MLPJIT_C_API mlpjit_dtype mlpjit_bound_output_dtype(const mlpjit_bound* bound, size_t index);
MLPJIT_C_API int32_t mlpjit_bound_output_rank(const mlpjit_bound* bound, size_t index);
MLPJIT_C_API int64_t mlpjit_bound_output_size(const mlpjit_bound* bound, size_t index,
                                              int32_t axis);
/**
 * Runs it: pointers to the inputs' and the outputs' elements, in the model's order, of the bound
 * types and sizes. No allocation, no lock, no system call. mlpjit_last_error() is left as it was.
 */
MLPJIT_C_API mlpjit_status mlpjit_bound_run(mlpjit_bound* bound, const void* const* inputs,
                                            size_t input_count, void* const* outputs,
                                            size_t output_count);

#if defined(__cplusplus)
}
#endif

#endif
