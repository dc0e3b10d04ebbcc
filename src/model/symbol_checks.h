#pragma once
// The checks of a symbol file, to and from its records.

#include "src/model/symbol_file.h"
#include "src/model/symbol_record.h"

namespace mlpjit::detail {

// `main` is the program's. Large inputs go to the tensors.
CheckRecord check_to_record(const Check& check, const ir::Function& main,
                            WrittenConstants& constants);

// Throws FormatError on what is no check of that program.
Check check_from_record(const JsonText& source, const CheckRecord& record, const ir::Function& main,
                        StoredConstants& constants);

}  // namespace mlpjit::detail
