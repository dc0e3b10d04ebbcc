# Moves a copy of the install to another prefix, builds the consumer against it without warnings, runs it.
file(REMOVE_RECURSE ${BINARY} ${MOVED})
file(COPY ${PREFIX}/ DESTINATION ${MOVED})
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BINARY} -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${MOVED} -D CMAKE_BUILD_TYPE=Release
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${BINARY}/consumer OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
if(NOT printed STREQUAL "10\n10\n10\nidentical\n")
  message(FATAL_ERROR "the consumer printed:\n${printed}")
endif()
