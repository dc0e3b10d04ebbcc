#   MODEL  an ONNX file of rows of 64
# Moves a copy of the install to another prefix, builds the consumer against it without warnings, runs it.
file(REMOVE_RECURSE ${BINARY} ${MOVED})
file(COPY ${PREFIX}/ DESTINATION ${MOVED})
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BINARY} -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${MOVED} -D CMAKE_BUILD_TYPE=Release
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${BINARY}/consumer ${MODEL} ${BINARY}/saved.mlpjit OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
if(NOT printed STREQUAL "10\n10\n10\nidentical\nidentical\n")
  message(FATAL_ERROR "the consumer printed:\n${printed}")
endif()

# The same by pkg-config, where that is.
find_program(pkg_config pkg-config)
if(pkg_config)
  file(GLOB_RECURSE description ${MOVED}/*/mlpjit.pc)
  get_filename_component(folder ${description} DIRECTORY)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${folder} ${pkg_config} --cflags --libs mlpjit
    OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  execute_process(COMMAND ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${folder} ${pkg_config} --variable=libdir mlpjit
    OUTPUT_VARIABLE libraries OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${COMPILER} -std=c++20 -o ${BINARY}/by_pkg_config ${SOURCE}/consumer.cpp ${flags}
    COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${libraries} ${BINARY}/by_pkg_config
    OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
  if(NOT printed STREQUAL "10\n10\n10\nidentical\n")
    message(FATAL_ERROR "built by pkg-config, the consumer printed:\n${printed}")
  endif()
endif()
