# Runs a program on the exported digits; then on a file that is not there.
#   PROGRAM   with what runs it;  FOLDER: of the exported files;  ROWS: test.csv
#   EXPECTED  what it must print, to the letter
#   ERROR     how an error looks in its language, a regular expression
cmake_policy(VERSION 3.25)
set(symbol ${FOLDER}/digits-symbol.json)

# The locale of machines that have none.
set(ENV{LC_ALL} C)
execute_process(COMMAND ${PROGRAM} ${symbol} ${FOLDER}/digits-0000.params ${ROWS}
  OUTPUT_VARIABLE printed ERROR_VARIABLE said RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "it ended with ${status}:\n${said}")
endif()
file(READ ${EXPECTED} expected)
if(NOT printed STREQUAL expected)
  message(FATAL_ERROR "other lines than those of ${EXPECTED}:\n${printed}${said}")
endif()

set(ENV{LC_ALL} C.UTF-8)
set(missing ${FOLDER}/no_such.params)
execute_process(COMMAND ${PROGRAM} ${symbol} ${missing} ${ROWS}
  OUTPUT_VARIABLE printed ERROR_VARIABLE said RESULT_VARIABLE status)
string(FIND "${said}" "${missing}: cannot be opened" place)
if(status EQUAL 0 OR place EQUAL -1 OR NOT printed STREQUAL "")
  message(FATAL_ERROR
    "without ${missing} it ended with ${status}, printed '${printed}' and said:\n${said}")
endif()
if(NOT said MATCHES "${ERROR}")
  message(FATAL_ERROR "no error of its language:\n${said}")
endif()
