# Compares what run_node_tests prints with the table that is kept: PROGRAM, FOLDER, TABLE; OUT is
# where it goes when they differ. With MLPJIT_BLESS in the
# environment the table is written.
execute_process(COMMAND ${PROGRAM} ${FOLDER} OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
if(DEFINED ENV{MLPJIT_BLESS})
  file(WRITE ${TABLE} "${printed}")
endif()
file(READ ${TABLE} expected)
if(printed STREQUAL expected)
  return()
endif()
file(WRITE ${OUT} "${printed}")
execute_process(COMMAND diff ${TABLE} ${OUT})  # what is kept, and what is now
message(FATAL_ERROR "the tests of ONNX give something else than ${TABLE} says (MLPJIT_BLESS=1 writes it anew)")
