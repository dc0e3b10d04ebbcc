-- Trained models, run by mlpjit through its C interface: mlpjit/c_api.h says what each call does.
-- For LuaJIT. Here a model takes rows of f32 and gives rows of f32, as cdata "float[?]", row after
-- row, indexed from 0; what fails is an error() with the reason.
--
--   local model = mlpjit.load(symbol_file, parameter_file)  -- or an ONNX file alone
--   local outputs = model:run(inputs, rows)
--   local call = model:bind()
--   local output = call(input)                              -- one row, quicker; the next call
--                                                           -- overwrites it
local ffi = require "ffi"

ffi.cdef [[
typedef struct mlpjit_model mlpjit_model;
typedef struct mlpjit_bound mlpjit_bound;
typedef struct {
  const void* data;
  int dtype;
  int32_t rank;
  const int64_t* sizes;
} mlpjit_input;
typedef struct {
  void* data;
  size_t bytes;
  int dtype;
  int32_t rank;
  int64_t sizes[8];
} mlpjit_output;
const char* mlpjit_last_error(void);
const char* mlpjit_status_text(int status);
mlpjit_model* mlpjit_load(const char* model_file, const char* parameter_file, const void* options);
void mlpjit_free(mlpjit_model* model);
size_t mlpjit_input_count(const mlpjit_model* model);
size_t mlpjit_output_count(const mlpjit_model* model);
const char* mlpjit_input_name(const mlpjit_model* model, size_t index);
const char* mlpjit_output_name(const mlpjit_model* model, size_t index);
int mlpjit_input_dtype(const mlpjit_model* model, size_t index);
int mlpjit_output_dtype(const mlpjit_model* model, size_t index);
int32_t mlpjit_input_rank(const mlpjit_model* model, size_t index);
int32_t mlpjit_output_rank(const mlpjit_model* model, size_t index);
int64_t mlpjit_input_size(const mlpjit_model* model, size_t index, int32_t axis);
int64_t mlpjit_output_size(const mlpjit_model* model, size_t index, int32_t axis);
size_t mlpjit_class_count(const mlpjit_model* model);
const char* mlpjit_class_name(const mlpjit_model* model, size_t index);
int mlpjit_run(mlpjit_model* model, const mlpjit_input* inputs, size_t input_count,
               mlpjit_output* outputs, size_t output_count);
mlpjit_bound* mlpjit_bind(mlpjit_model* model, const mlpjit_input* inputs, size_t input_count);
void mlpjit_bound_free(mlpjit_bound* bound);
int mlpjit_bound_run(mlpjit_bound* bound, const void* const* inputs, size_t input_count,
                     void* const* outputs, size_t output_count);
]]

-- The library is the file that MLPJIT_LIBRARY names, else the system's.
local C = ffi.load(os.getenv "MLPJIT_LIBRARY" or "libmlpjit.so.0")
local OK, F32 = 0, 0

-- A null pointer is true to Lua, but equal to nil.
local function not_null(pointer)
  if pointer == nil then error(ffi.string(C.mlpjit_last_error()), 3) end
  return pointer
end

local Model = {}
Model.__index = Model

-- The input for so many rows. A struct does not keep alive what it points to: the model keeps both.
function Model:input_of(elements, rows)
  self.sizes[0], self.sizes[1] = rows, self.width
  self.input.data, self.input.dtype, self.input.rank = elements, F32, 2
  self.input.sizes = self.sizes
  return self.input
end

function Model:run(elements, rows)
  local results = ffi.new("float[?]", rows * self.output_width)
  local output = ffi.new("mlpjit_output", { data = results, bytes = ffi.sizeof(results) })
  local status = C.mlpjit_run(self.handle, self:input_of(elements, rows), 1, output, 1)
  if status ~= OK then error(ffi.string(C.mlpjit_last_error()), 2) end
  return results
end

function Model:bind()
  local bound = not_null(C.mlpjit_bind(self.handle, self:input_of(nil, 1), 1))
  ffi.gc(bound, C.mlpjit_bound_free)
  local result = ffi.new("float[?]", self.output_width)
  local from, to = ffi.new("const void*[1]"), ffi.new("void*[1]", { result })
  return function(elements)
    from[0] = elements
    local status = C.mlpjit_bound_run(bound, from, 1, to, 1)
    if status ~= OK then error(ffi.string(C.mlpjit_status_text(status)), 2) end
    return result
  end
end

local function load(model_file, parameter_file)
  local handle = not_null(C.mlpjit_load(model_file, parameter_file, nil))
  ffi.gc(handle, C.mlpjit_free)
  if C.mlpjit_input_count(handle) ~= 1 or C.mlpjit_output_count(handle) ~= 1 then
    error(model_file .. ": a model of one input and one output was expected", 2)
  end
  if C.mlpjit_input_dtype(handle, 0) ~= F32 or C.mlpjit_output_dtype(handle, 0) ~= F32
    or C.mlpjit_input_rank(handle, 0) ~= 2 or C.mlpjit_output_rank(handle, 0) ~= 2
    or C.mlpjit_input_size(handle, 0, 1) < 0 or C.mlpjit_output_size(handle, 0, 1) < 0 then
    error(model_file .. ": a model of rows of f32 was expected", 2)
  end
  local classes = {}
  for i = 1, tonumber(C.mlpjit_class_count(handle)) do
    classes[i] = ffi.string(C.mlpjit_class_name(handle, i - 1))
  end
  return setmetatable({
    handle = handle,
    input_name = ffi.string(C.mlpjit_input_name(handle, 0)),
    width = tonumber(C.mlpjit_input_size(handle, 0, 1)),
    output_name = ffi.string(C.mlpjit_output_name(handle, 0)),
    output_width = tonumber(C.mlpjit_output_size(handle, 0, 1)),
    classes = classes,
    input = ffi.new "mlpjit_input",
    sizes = ffi.new "int64_t[2]",
  }, Model)
end

return { load = load }
