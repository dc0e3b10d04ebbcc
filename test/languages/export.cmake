# Exports the digits network and keeps what it gives for the 360 rows.
#   PROGRAM  example_export_digits;  DATA: the examples' data;  FOLDER: where all this goes
file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})
execute_process(COMMAND ${PROGRAM} ${DATA} ${FOLDER} OUTPUT_FILE ${FOLDER}/expected.txt
  COMMAND_ERROR_IS_FATAL ANY)
string(REPEAT "[0-9A-F]" 8 bits)
string(REPEAT " ${bits}" 10 logits)
file(STRINGS ${FOLDER}/expected.txt lines REGEX "^[0-9]${logits}$")
list(LENGTH lines count)
if(NOT count EQUAL 360)
  message(FATAL_ERROR "${FOLDER}/expected.txt has ${count} lines of a label and logits, not 360")
endif()
