# The program and the project that README.md shows, word by word: built against the install, and run.
#   ROOT  the tree;  BINARY: where all this happens;  PREFIX: the install;  COMPILER
file(READ ${ROOT}/README.md page)
# extract(LANGUAGE FILE): the first block of that language becomes the file.
function(extract language file)
  string(FIND "${page}" "```${language}\n" begin)
  if(begin EQUAL -1)
    message(FATAL_ERROR "README.md shows no ${language}")
  endif()
  string(SUBSTRING "${page}" ${begin} -1 text)
  string(FIND "${text}" "\n" begin)
  math(EXPR begin "${begin} + 1")
  string(SUBSTRING "${text}" ${begin} -1 text)
  string(FIND "${text}" "\n```" end)
  string(SUBSTRING "${text}" 0 ${end} text)
  file(WRITE ${BINARY}/${file} "${text}\n")
endfunction()
file(REMOVE_RECURSE ${BINARY})
extract(cpp app.cpp)
extract(cmake CMakeLists.txt)
# Without optimisation, so that assert() asserts.
execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S ${BINARY} -B ${BINARY}/build
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${PREFIX} -D CMAKE_BUILD_TYPE=Debug
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY}/build COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${BINARY}/build/app COMMAND_ERROR_IS_FATAL ANY)
