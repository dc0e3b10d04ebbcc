# cmake -DROOT= -DFACTS= -DFILES= -DVERSION= -DOUT= -P build_id.cmake: writes the header that says which build this is.
# Libraries built apart agree on it only when their sources and how they were compiled agree.
cmake_policy(VERSION 3.25)
set(all "${FACTS}")
separate_arguments(FILES)
foreach(file ${FILES})
  file(SHA256 ${ROOT}/${file} hash)
  string(APPEND all "\n${file} ${hash}")
endforeach()
string(SHA256 id "${all}")
string(SUBSTRING ${id} 0 16 id)
file(WRITE ${OUT} "#pragma once
// Written by cmake/build_id.cmake.

namespace mlpjit::codegen {

inline constexpr char kBuildId[] = \"${VERSION}-${id}\";

}  // namespace mlpjit::codegen
")
