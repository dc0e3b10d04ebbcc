# Builds a variant of mlpjit (other options, or a patched copy), installs it, builds a program against it and runs that.
#   ROOT      the tree;  PATCH: applied to a copy of it first (may be empty);  OPTIONS: -D's separated by commas
#   SOURCE    the program's project;  BINARY: where all this happens;  COMPILER
#   TESTS     tests of the tree that are built and run too, separated by commas (may be empty)
# With the main build's flags ccache has most objects already.
set(prefix ${BINARY}/prefix)
if(PATCH)
  file(REMOVE_RECURSE ${BINARY}/tree)
  foreach(part CMakeLists.txt cmake docs include lib src test)
    file(COPY ${ROOT}/${part} DESTINATION ${BINARY}/tree)
  endforeach()
  execute_process(COMMAND ${CMAKE_COMMAND} -E env GIT_CEILING_DIRECTORIES=${BINARY} git apply ${PATCH}
    WORKING_DIRECTORY ${BINARY}/tree COMMAND_ERROR_IS_FATAL ANY)
  set(ROOT ${BINARY}/tree)
endif()
string(REPLACE "," ";" OPTIONS "${OPTIONS}")
set(with_tests OFF)
set(targets all)
string(REPLACE "," ";" TESTS "${TESTS}")
if(TESTS)
  set(with_tests ON)
  set(targets mlpjit mlpjit-codegen ${TESTS})
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -S ${ROOT} -B ${BINARY}/mlpjit -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} ${OPTIONS}
  -D MLPJIT_BUILD_TESTS=${with_tests} -D MLPJIT_BUILD_TOOLS=OFF -D MLPJIT_BUILD_EXAMPLES=OFF
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY}/mlpjit --target ${targets} COMMAND_ERROR_IS_FATAL ANY)
foreach(test IN LISTS TESTS)
  execute_process(COMMAND ${BINARY}/mlpjit/bin/${test} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BINARY}/mlpjit --prefix ${prefix} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BINARY}/program -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_BUILD_TYPE=Release
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY}/program COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${BINARY}/program/program COMMAND_ERROR_IS_FATAL ANY)
