#include "src/c_api/guard.h"

#include <exception>
#include <new>
#include <string>

#include "lib/support/thread_object.h"
#include "mlpjit/error.h"

namespace mlpjit::c_api {
namespace {

struct LastError {
  mlpjit_status status = MLPJIT_OK;
  std::string text;
};
LastError& last() {
  struct OfTheCInterface;
  return mlpjit::support::thread_object<LastError, OfTheCInterface>();
}

}  // namespace

mlpjit_status failed(mlpjit_status status, const char* text) noexcept {
  LastError& error = last();
  error.status = status;
  try {
    error.text = text;
  } catch (...) {
    error.text.clear();
  }
  return status;
}

mlpjit_status failed() noexcept {
  try {
    throw;
  } catch (const BadArgument& error) {
    return failed(MLPJIT_BAD_ARGUMENT, error.what);
  } catch (const FormatError& error) {
    return failed(MLPJIT_BAD_FORMAT, error.what());
  } catch (const ShapeError& error) {
    return failed(MLPJIT_BAD_SHAPE, error.what());
  } catch (const DTypeError& error) {
    return failed(MLPJIT_BAD_DTYPE, error.what());
  } catch (const ValueError& error) {
    return failed(MLPJIT_BAD_VALUE, error.what());
  } catch (const MemoryError& error) {
    return failed(MLPJIT_NO_MEMORY, error.what());
  } catch (const UnsupportedError& error) {
    return failed(MLPJIT_UNSUPPORTED, error.what());
  } catch (const UserError& error) {
    return failed(MLPJIT_ERROR, error.what());
  } catch (const std::bad_alloc&) {
    return failed(MLPJIT_NO_MEMORY, "no memory");
  } catch (const std::exception& error) {
    return failed(MLPJIT_INTERNAL, error.what());
  } catch (...) {
    return failed(MLPJIT_INTERNAL, "an exception of another kind");
  }
}

void succeeded() noexcept {
  last().status = MLPJIT_OK;
  last().text.clear();
}

}  // namespace mlpjit::c_api

extern "C" {

const char* mlpjit_last_error(void) {
  return mlpjit::c_api::last().text.c_str();
}
mlpjit_status mlpjit_last_status(void) {
  return mlpjit::c_api::last().status;
}

}  // extern "C"
