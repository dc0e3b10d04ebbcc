# Handwritten digits, classified by an exported model: all rows in one call, then one by one by a
# bound call, which must give the same bits.
#
#   Rscript digits.R digits-symbol.json digits-0000.params test.csv
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "mlpjit.R"), chdir = TRUE)

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 3) stop("usage: digits.R SYMBOL_FILE PARAMETER_FILE ROWS.csv")
rows_file <- arguments[3]

model <- mlpjit_load(arguments[1], arguments[2])
images <- as.matrix(read.csv(rows_file, header = FALSE))[, -1] # the first is the answer
if (ncol(images) != model$width) {
  stop(rows_file, ": ", model$input_name, " has ", model$width, " columns")
}

logits <- predict(model, images)
call <- mlpjit_bind(model)
alone <- t(apply(images, 1, call))
if (!identical(alone, unname(logits))) stop(rows_file, ": a row alone has other bits")

# R has no f32, but writes numbers as such.
bits <- function(numbers) {
  bytes <- matrix(writeBin(numbers, raw(), size = 4, endian = "big"), nrow = 4)
  toupper(apply(bytes, 2, paste, collapse = ""))
}
for (i in seq_len(nrow(logits))) {
  cat(model$classes[which.max(logits[i, ])], bits(logits[i, ]))
  cat("\n")
}
