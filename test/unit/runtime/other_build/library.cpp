// A library that looks like the code generator of another build.

extern "C" {
const char* mlpjit_codegen_build() {
  return "0.0.0-other";
}
void* mlpjit_codegen_create() {
  __builtin_trap();  // whoever calls this would exchange objects of another layout
}
}
