# A project that has mlpjit's sources in it, by FetchContent, without LLVM: built, and its program run.
#   ROOT  the tree;  BUILD: its build folder;  OPTIONS: -D's separated by commas
#   SOURCE  the project;  BINARY: where all this happens;  COMPILER
# Where the build folder stands in the tree as the main one does, and with its flags, ccache has most objects already.
set(tree ${BINARY}/tree)
file(RELATIVE_PATH place ${ROOT} ${BUILD})
if(place MATCHES "^\\.\\.")
  set(place build)
endif()
file(REMOVE_RECURSE ${tree})
foreach(part CMakeLists.txt LICENSE cmake include lib src)
  file(COPY ${ROOT}/${part} DESTINATION ${tree})
endforeach()
string(REPLACE "," ";" OPTIONS "${OPTIONS}")
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BINARY}/build -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} ${OPTIONS} -D MLPJIT_WARNINGS=ON -D MLPJIT_TREE=${tree} -D MLPJIT_BUILD=${tree}/${place}
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY}/build --target program COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${BINARY}/build/program COMMAND_ERROR_IS_FATAL ANY)
