-- Handwritten digits, classified by an exported model: all rows in one call, then one by one by a
-- bound call, which must give the same bits.
--
--   luajit digits.lua digits-symbol.json digits-0000.params test.csv
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local bit = require "bit"
local ffi = require "ffi"
local mlpjit = require "mlpjit"

if #arg ~= 3 then error("usage: digits.lua SYMBOL_FILE PARAMETER_FILE ROWS.csv", 0) end
local symbol_file, parameter_file, rows_file = unpack(arg)

local model = mlpjit.load(symbol_file, parameter_file)

local numbers, rows = {}, 0
for line in io.lines(rows_file) do
  local image = line:match ",(.*)" or "" -- the first is the answer
  for number in image:gmatch "[^,]+" do table.insert(numbers, tonumber(number)) end
  rows = rows + 1
  if #numbers ~= rows * model.width then
    error(("%s: line %d: %s has %d columns"):format(rows_file, rows, model.input_name, model.width))
  end
end
local images = ffi.new("float[?]", #numbers, numbers)

local logits = model:run(images, rows)
local call = model:bind()
local bits = ffi.cast("int32_t*", logits)
for row = 0, rows - 1 do
  local first = row * model.output_width
  local alone = ffi.cast("int32_t*", call(images + row * model.width))
  local best, text = 0, {}
  for i = 0, model.output_width - 1 do
    if alone[i] ~= bits[first + i] then
      error(("%s: row %d alone has other bits"):format(rows_file, row + 1))
    end
    if logits[first + i] > logits[first + best] then best = i end
    table.insert(text, bit.tohex(bits[first + i], -8))
  end
  print(model.classes[best + 1] .. " " .. table.concat(text, " "))
end
