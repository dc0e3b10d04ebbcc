/* Sizes and places of what crosses the C interface: they stay within a major version. */
#include <mlpjit/c_api.h>
#include <stdio.h>

#define SIZE(type) printf("%s %zu\n", #type, sizeof(type))
#define PLACE(type, member) printf("%s.%s %zu\n", #type, #member, offsetof(type, member))

int main(void) {
  SIZE(mlpjit_options);
  PLACE(mlpjit_options, struct_size);
  PLACE(mlpjit_options, interpret);
  PLACE(mlpjit_options, cast_halves);
  PLACE(mlpjit_options, exact_batch);
  PLACE(mlpjit_options, threads);
  PLACE(mlpjit_options, no_checks);
  SIZE(mlpjit_input);
  PLACE(mlpjit_input, data);
  PLACE(mlpjit_input, dtype);
  PLACE(mlpjit_input, rank);
  PLACE(mlpjit_input, sizes);
  SIZE(mlpjit_output);
  PLACE(mlpjit_output, data);
  PLACE(mlpjit_output, bytes);
  PLACE(mlpjit_output, dtype);
  PLACE(mlpjit_output, rank);
  PLACE(mlpjit_output, sizes);
  printf("MLPJIT_INTERNAL %d\nMLPJIT_BOOL %d\nMLPJIT_STRING %d\n", MLPJIT_INTERNAL, MLPJIT_BOOL,
         MLPJIT_STRING);
  return 0;
}
