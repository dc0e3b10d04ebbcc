#include "src/model/parameter_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "mlpjit/ops.h"
#include "mlpjit/safetensors.h"
#include "mlpjit/version.h"
#include "src/block/parameter_state.h"
#include "src/model/parameter_names.h"
#include "src/model/rename_hint.h"

namespace mlpjit::detail {
namespace {

// Whether the parameter takes these sizes, as far as it knows its own.
bool sizes_fit(const ParameterState& state, std::span<const std::int64_t> sizes) {
  const std::lock_guard lock(state.mutex);
  return std::equal(sizes.begin(), sizes.end(), state.sizes.begin(), state.sizes.end(),
                    [](std::int64_t found, std::int64_t known) {
                      return known == nn::kUnknown || found == known;
                    });
}

// Whether {.transpose = true} turns it.
bool is_turned(const ParameterState& state, std::size_t rank) {
  return state.options.transposable && rank == 2;
}

// Brings the file's tensor to the parameter's layout and dtype; throws when it cannot.
Tensor fitted(const Tensor& stored, const nn::Parameter& parameter, const std::string& what,
              const nn::LoadOptions& options) {
  const ParameterState& state = ParameterAccess::state(parameter);
  const bool can_turn = is_turned(state, static_cast<std::size_t>(stored.rank()));
  Tensor value = options.transpose && can_turn ? transpose(stored) : stored;
  if (value.dtype() != state.options.dtype) {
    if (!options.cast) {
      throw DTypeError(
          fmt::format("{}: expected {}, the file has {}; convert with {{.cast = true}}", what,
                      to_string(state.options.dtype), to_string(value.dtype())));
    }
    value = cast(value, state.options.dtype);
  }
  if (sizes_fit(state, value.shape().sizes())) return value;
  std::string hint;
  if (value.shape() != stored.shape()) {
    hint = fmt::format(", which {{.transpose = true}} makes {}", to_string(value.shape()));
  } else if (can_turn && !options.transpose &&
             sizes_fit(state, std::vector{stored.shape()[1].value(), stored.shape()[0].value()})) {
    hint = "; a file with weights as [in, out] is read with {.transpose = true}";
  }
  const std::lock_guard lock(state.mutex);
  throw ShapeError(fmt::format("{}: expected {}, the file has {}{}{}", what, state.shape_text(),
                               to_string(stored.dtype()), to_string(stored.shape()), hint));
}

// Names that are on one side only, and the renaming that helps, if one does.
[[noreturn]] void throw_names(const nn::ParameterDict& parameters, const StoredTensors& stored,
                              const nn::LoadOptions& options, const nn::LoadReport& report) {
  std::string problem;
  if (!report.missing.empty()) {
    problem += fmt::format("; the file lacks {}", fmt::join(report.missing, ", "));
  }
  if (!report.unused.empty()) {
    problem += fmt::format("; the network has no {}", fmt::join(report.unused, ", "));
  }
  const std::string hint = rename_hint(parameters, stored, options);
  throw ParameterError(fmt::format(
      "{}: names do not match{}. {}, or take what fits with {{.strict = false}}", stored.path(),
      problem,
      hint.empty() ? "Map them with {.rename = ...}"
                   : fmt::format("Layer by layer they fit with {{.rename = {}}}", hint)));
}

}  // namespace

StoredTensors::StoredTensors(SafetensorsFile file, bool cast)
    : path_(file.name()), cast_(cast), file_(std::move(file)) {
  for (const HeaderEntry& entry : file_->header().entries) {
    index_.emplace(entry.name, names_.size());
    names_.push_back(entry.name);
  }
}

StoredTensors::StoredTensors(TensorMap tensors, std::string path)
    : path_(std::move(path)), tensors_(std::move(tensors)) {
  for (const auto& [name, tensor] : tensors_) {
    index_.emplace(name, names_.size());
    names_.push_back(name);
  }
}

bool StoredTensors::contains(const std::string& name) const {
  return index_.contains(name);
}

bool StoredTensors::is_ours() const {
  const std::map<std::string, std::string>& metadata =
      file_ ? file_->header().metadata : tensors_.metadata;
  const auto format = metadata.find("format");
  return format != metadata.end() && format->second == "mlpjit";
}

std::vector<std::int64_t> StoredTensors::sizes(const std::string& name) const {
  if (file_) return file_->header().entries[index_.at(name)].shape;
  const std::span<const std::int64_t> sizes = tensors_.at(name).shape().sizes();
  return {sizes.begin(), sizes.end()};
}

std::string StoredTensors::dtype_name(const std::string& name) const {
  if (!file_) return std::string(to_string(tensors_.at(name).dtype()));
  std::string dtype = file_->header().entries[index_.at(name)].dtype;
  std::transform(dtype.begin(), dtype.end(), dtype.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return dtype;
}

Tensor StoredTensors::read(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) throw FormatError(fmt::format("{}: no tensor '{}'", path_, name));
  return file_ ? file_->read(file_->header().entries[found->second], cast_) : tensors_.at(name);
}

void write_tensors(support::OutputFile& file, const std::string& path, TensorMap& tensors) {
  tensors.metadata["format"] = "mlpjit";
  tensors.metadata["mlpjit"] = std::string(version());
  write_safetensors(file, path, tensors);
}

void save_parameter_file(const nn::ParameterDict& parameters, const std::string& path) {
  const support::Snapshot snapshot;  // all of one moment
  TensorMap tensors;
  for (const auto& [name, parameter] : parameters) {
    if (!parameter.is_initialized()) {
      throw ParameterError(fmt::format(
          "save_parameters: parameter '{}' has no values yet: call initialize(), and the "
          "network once where sizes are inferred",
          name));
    }
    tensors[name] = parameter.data();
  }
  support::OutputFile file(path);
  write_tensors(file, path, tensors);
  file.publish();
}

bool fits_parameter(std::span<const std::int64_t> sizes, const nn::Parameter& parameter,
                    const nn::LoadOptions& options) {
  const ParameterState& state = ParameterAccess::state(parameter);
  if (options.transpose && is_turned(state, sizes.size()))
    return sizes_fit(state, std::vector{sizes[1], sizes[0]});
  return sizes_fit(state, sizes);
}

nn::LoadReport load_parameter_file(const nn::ParameterDict& parameters, const std::string& path,
                                   const nn::LoadOptions& options) {
  if (is_tracing()) {
    throw TraceError(
        "load_parameters() while tracing would happen once, not at every call: do it outside");
  }
  return load_parameters(parameters, StoredTensors(SafetensorsFile(path), options.cast), options);
}

namespace {

// Which tensor of the file is which parameter's, by first paths; what is left goes to the report.
std::map<std::string, std::string> assigned(const nn::ParameterDict& parameters,
                                            const StoredTensors& stored,
                                            const nn::LoadOptions& options,
                                            const std::set<std::string>& others,
                                            nn::LoadReport& report) {
  Renaming renamed(options.rename);
  std::map<std::string, std::string> found;
  for (const std::string& name : stored.names()) {
    if (others.contains(name) && !parameters.contains(name)) continue;
    std::string target = member_name(renamed(name), parameters);
    if (!parameters.contains(target)) {
      const bool needless = is_batch_count(name) || (stored.is_ours() && is_of_program(name));
      (needless ? report.ignored : report.unused).push_back(name);
      continue;
    }
    target = parameters.first_path(target);
    const auto [first, added] = found.emplace(target, name);
    if (!added && !identical(stored.read(first->second), stored.read(name))) {
      throw ParameterError(
          fmt::format("{}: two names in the file stand for parameter '{}', with different values",
                      stored.path(), target));
    }
  }
  if (const std::string rules = renamed.unused(); !rules.empty()) {
    throw ParameterError(fmt::format("{}: no name fits .rename = {{{}}}; the file has {}",
                                     stored.path(), rules, fmt::join(stored.names(), ", ")));
  }
  return found;
}

}  // namespace

nn::LoadReport load_parameters(const nn::ParameterDict& parameters, const StoredTensors& stored,
                               const nn::LoadOptions& options,
                               const std::set<std::string>& others) {
  nn::LoadReport report;
  const std::map<std::string, std::string> found =
      assigned(parameters, stored, options, others, report);
  for (const auto& [name, parameter] : parameters)
    (found.contains(name) ? report.loaded : report.missing).push_back(name);
  // Names before sizes: where layers are shifted, sizes are only a consequence.
  if (options.strict && !(report.missing.empty() && report.unused.empty()))
    throw_names(parameters, stored, options, report);
  // One tensor after the other, and all together in the end: what fails on the way leaves
  // everything as it was, and calls of other threads see all of the file or nothing of it.
  std::vector<ParameterState*> states;
  for (const std::string& name : report.loaded)
    states.push_back(&ParameterAccess::state(parameters[name]));
  ParameterState::Writing writing(std::move(states));
  for (const std::string& name : report.loaded) {
    const nn::Parameter& parameter = parameters[name];
    const ParameterState& state = ParameterAccess::state(parameter);
    const std::string what = fmt::format("{}: parameter '{}'", stored.path(), name);
    try {
      const Tensor tensor = stored.read(found.at(name));
      const Tensor value = fitted(tensor, parameter, what, options);
      report.tensors.push_back(
          {found.at(name), name, tensor.shape(), value.shape(),
           options.transpose && is_turned(state, static_cast<std::size_t>(tensor.rank())),
           stored.dtype_name(found.at(name)) != to_string(value.dtype())});
      writing.write(ParameterAccess::state(parameter), value, "load_parameters");
    } catch (const ShapeError& error) {
      if (report.missing.empty()) throw;
      throw ShapeError(
          fmt::format("{}; the file lacks {}", error.what(), fmt::join(report.missing, ", ")));
    }
  }
  writing.commit();
  return report;
}

}  // namespace mlpjit::detail

namespace mlpjit::nn {

std::ostream& operator<<(std::ostream& out, const LoadReport& report) {
  struct Row {
    std::string file, here, note;
  };
  std::vector<Row> rows;
  for (const LoadedTensor& each : report.tensors) {
    std::string note = each.transposed ? "transposed" : "";
    if (each.cast) note += note.empty() ? "converted" : ", converted";
    rows.push_back({each.name + " " + to_string(each.stored),
                    each.parameter + " " + to_string(each.shape), std::move(note)});
  }
  for (const std::string& name : report.missing) rows.push_back({"-", name, "missing"});
  for (const std::string& name : report.unused) rows.push_back({name, "-", "unused"});
  for (const std::string& name : report.ignored) rows.push_back({name, "-", "not needed"});
  std::size_t file = 0, here = 0;
  for (const Row& row : rows) {
    file = std::max(file, row.file.size());
    here = std::max(here, row.here.size());
  }
  for (const Row& row : rows) {
    const std::string line =
        fmt::format("{:<{}}  {:<{}}  {}", row.file, file, row.here, here, row.note);
    out << line.substr(0, line.find_last_not_of(' ') + 1) << "\n";
  }
  return out;
}

}  // namespace mlpjit::nn
