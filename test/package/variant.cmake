# Builds a variant of mlpjit (a copy with other options, or patched), installs it, builds a program against it and runs
# that.
#   ROOT      the tree;  BUILD: its build folder;  PATCH: applied to the copy (may be empty)
#   OPTIONS   -D's separated by commas
#   SOURCE    the program's project;  BINARY: where all this happens;  COMPILER
#   TESTS     tests of the tree that are built and run too, separated by commas (may be empty)
# Where the build folder stands in the tree as the main one does, and with its flags, ccache has most objects already.
set(prefix ${BINARY}/prefix)
set(tree ${BINARY}/tree)
file(RELATIVE_PATH place ${ROOT} ${BUILD})
if(place MATCHES "^\\.\\.")
  set(place build)
endif()
set(build ${tree}/${place})
file(REMOVE_RECURSE ${tree})
foreach(part CMakeLists.txt LICENSE cmake docs include lib src test)
  file(COPY ${ROOT}/${part} DESTINATION ${tree})
endforeach()
if(PATCH)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env GIT_CEILING_DIRECTORIES=${BINARY} git apply ${PATCH}
    WORKING_DIRECTORY ${tree} COMMAND_ERROR_IS_FATAL ANY)
endif()
string(REPLACE "," ";" OPTIONS "${OPTIONS}")
set(with_tests OFF)
set(targets all)
string(REPLACE "," ";" TESTS "${TESTS}")
if(TESTS)
  set(with_tests ON)
  set(targets mlpjit mlpjit-codegen ${TESTS})
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -S ${tree} -B ${build} -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} ${OPTIONS}
  -D MLPJIT_BUILD_TESTS=${with_tests} -D MLPJIT_BUILD_TOOLS=OFF -D MLPJIT_BUILD_EXAMPLES=OFF
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} --target ${targets} COMMAND_ERROR_IS_FATAL ANY)
foreach(test IN LISTS TESTS)
  execute_process(COMMAND ${build}/bin/${test} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
execute_process(COMMAND ${CMAKE_COMMAND} --install ${build} --prefix ${prefix} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BINARY}/program -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_BUILD_TYPE=Release
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY}/program COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${BINARY}/program/program COMMAND_ERROR_IS_FATAL ANY)
