# Builds the installed examples, as a project of their own, against the install without warnings, and runs one that reads
# its data.
file(REMOVE_RECURSE ${BINARY})
execute_process(COMMAND ${CMAKE_COMMAND} -S ${PREFIX}/share/mlpjit/examples -B ${BINARY} -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${PREFIX}
  -D "CMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Wshadow -Werror"
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${BINARY}/example_regression OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
if(NOT printed MATCHES "the same bits: yes")
  message(FATAL_ERROR "example_regression printed:\n${printed}")
endif()
