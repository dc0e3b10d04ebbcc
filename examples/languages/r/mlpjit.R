# Trained models, run by mlpjit through its C interface; mlpjit.c is between. Here a model takes
# rows of f32 and gives rows of f32: matrices, and numbers to R. What fails is an error.
#
#   source("mlpjit.R", chdir = TRUE)                     # where mlpjit.so is
#   model <- mlpjit_load(symbol_file, parameter_file)    # or an ONNX file alone
#   outputs <- predict(model, matrix)
#   call <- mlpjit_bind(model)
#   output <- call(matrix[1, ])                          # one row, quicker

mlpjit_calls <- getNativeSymbolInfo(
  c("load", "describe", "run", "bind", "bound_run"),
  dyn.load("mlpjit.so")
)

mlpjit_load <- function(model_file, parameter_file = NULL) {
  handle <- .Call(mlpjit_calls$load, model_file, parameter_file)
  structure(c(handle = handle, .Call(mlpjit_calls$describe, handle)), class = "mlpjit_model")
}

predict.mlpjit_model <- function(object, newdata, ...) {
  newdata <- as.matrix(newdata)
  stopifnot(is.numeric(newdata))
  storage.mode(newdata) <- "double"
  outputs <- .Call(mlpjit_calls$run, object$handle, newdata, object$output_width)
  if (length(object$classes) == ncol(outputs)) colnames(outputs) <- object$classes
  outputs
}

# A function of one row, bound to its size: the arithmetic and little else.
mlpjit_bind <- function(model) {
  bound <- .Call(mlpjit_calls$bind, model$handle, model$width)
  function(row) {
    stopifnot(is.numeric(row), length(row) == model$width)
    .Call(mlpjit_calls$bound_run, bound, as.double(row), model$output_width)
  }
}

print.mlpjit_model <- function(x, ...) {
  cat("mlpjit model: ", x$input_name, " [rows, ", x$width, "] -> ",
      x$output_name, " [rows, ", x$output_width, "]\n", sep = "")
  invisible(x)
}
