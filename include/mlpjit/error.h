#pragma once
/// @file
/// The errors mlpjit throws. A UserError is the caller's to mend and says how: layer path, op, what
/// was expected, what was found, the way out. An InternalError is a bug in mlpjit.

#include <stdexcept>
#include <string>

#include "mlpjit/export.h"

namespace mlpjit {

/// Base of every exception that mlpjit throws. Those of the standard library pass only where memory
/// for its own small objects runs out (std::bad_alloc).
class MLPJIT_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Wrong use, wrong data or a wrong file: the caller can mend it.
class MLPJIT_API UserError : public Error {
 public:
  using Error::Error;
};

/// Shapes that do not fit an op, a layer or a parameter.
class MLPJIT_API ShapeError : public UserError {
 public:
  using UserError::UserError;
};

/// Dtypes that do not fit, or that would have to mix; names `cast` where that is the way out.
class MLPJIT_API DTypeError : public UserError {
 public:
  using UserError::UserError;
};

/// Something that a trace cannot record: reading a value, leaving the trace, an unsound update.
class MLPJIT_API TraceError : public UserError {
 public:
  using UserError::UserError;
};

/// Missing, extra, uninitialised or unfitting parameters.
class MLPJIT_API ParameterError : public UserError {
 public:
  using UserError::UserError;
};

/// A file or a program text that cannot be read; says where.
class MLPJIT_API FormatError : public UserError {
 public:
  using UserError::UserError;
};

/// Values that an op cannot take, known only at run time: an index out of range, an integer
/// division by zero, the maximum of nothing.
class MLPJIT_API ValueError : public UserError {
 public:
  using UserError::UserError;
};

/// A tensor for which the system has no memory.
class MLPJIT_API MemoryError : public UserError {
 public:
  using UserError::UserError;
};

/// Something this build or this machine does not have, such as compiling without LLVM.
class MLPJIT_API UnsupportedError : public UserError {
 public:
  using UserError::UserError;
};

/// A bug in mlpjit, never the caller's fault.
class MLPJIT_API InternalError : public Error {
 public:
  using Error::Error;
};

}  // namespace mlpjit
