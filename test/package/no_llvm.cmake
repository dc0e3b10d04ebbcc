# Builds mlpjit without LLVM, with the flags of the main build so that ccache has most objects already, and a program
# against its install: the graph backend works, the native one says loudly what is missing.
set(prefix ${BINARY}/prefix)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${ROOT} -B ${BINARY}/mlpjit -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_BUILD_TYPE=${TYPE} -D MLPJIT_WERROR=${WERROR} -D MLPJIT_WITH_LLVM=OFF
  -D MLPJIT_BUILD_TESTS=OFF -D MLPJIT_BUILD_TOOLS=OFF -D MLPJIT_BUILD_EXAMPLES=OFF
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY}/mlpjit COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BINARY}/mlpjit --prefix ${prefix} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BINARY}/program -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_BUILD_TYPE=Release
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY}/program COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${BINARY}/program/program COMMAND_ERROR_IS_FATAL ANY)
