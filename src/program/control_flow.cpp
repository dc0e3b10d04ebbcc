// cond, while_loop and scan: run as written, or recorded as ops with regions.
//
// What a region updates of the outside (tensors, the random stream, the print token) becomes
// further results of the op, and for loops further carried values: inside, the tensor's value from
// before the op is replaced by a region argument. That is sound because no two tensors of a trace
// share one SSA value (Recorder::fresh).

#include "mlpjit/control_flow.h"

#include <algorithm>

#include "lib/ir/opcodes.h"
#include "lib/ir/size_product.h"
#include "lib/support/publication.h"
#include "mlpjit/ops.h"
#include "src/ops/dispatch.h"
#include "src/program/audit.h"
#include "src/program/trace_function.h"
#include "src/record/recorder.h"

namespace mlpjit::detail {

namespace {

// A C++ scalar as a tensor of its own dtype.
Tensor strong(const Tensor& x, const char* call) {
  const TensorImpl& impl = impl_of(x, call);
  return impl.weak == WeakKind::none ? x : adapt(x, impl.dtype, call);
}

Tensors strong(const Tensors& tensors, const char* call) {
  Tensors result;
  for (const Tensor& tensor : tensors) result.push_back(strong(tensor, call));
  return result;
}

// Independent of everything that still has a handle.
Tensors independent(Tensors tensors) {
  for (Tensor& tensor : tensors) {
    if (TensorAccess::impl(tensor).use_count() > 1) tensor = tensor.copy();
  }
  return tensors;
}

Tensor predicate(const Tensor& x, const char* call) {
  Tensor bit = strong(x, call);
  if (!ir::SizeProduct(bit.shape()).is(1)) {
    throw ShapeError(path_prefix() + call + ": the condition has the shape " +
                     to_string(bit.shape()) +
                     "; expected one element, as all or any of them give by min or max of casts");
  }
  if (bit.rank() > 0) bit = detail::reshape(bit, {});
  return bit.dtype() == DType::boolean ? bit : detail::cast(bit, DType::boolean);
}

Tensor single_condition(const Tensors& results) {
  if (results.size() != 1) {
    throw UserError(path_prefix() + "while_loop: the condition gives " +
                    std::to_string(results.size()) + " tensors; expected one");
  }
  return predicate(results[0], "while_loop");
}

// What the body gives for the state: of the same types, where C++ scalars adapt.
Tensors carried(const Tensors& results, const Tensors& before, const char* call) {
  if (results.size() != before.size()) {
    throw UserError(path_prefix() + call + ": the body gives back " +
                    std::to_string(results.size()) + " carried tensors; expected " +
                    std::to_string(before.size()));
  }
  Tensors fitted;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const TensorSpec expected{before[i].dtype(), before[i].shape()};
    const auto text = [&](const Tensor& actual) {
      return path_prefix() + call + ": the body gives back " +
             to_string(TensorSpec{actual.dtype(), actual.shape()}) + " for carried tensor " +
             std::to_string(i) + "; expected " + to_string(expected);
    };
    const bool weak_fits =
        results[i].is_weak() && TensorAccess::impl(results[i])->weak <= kind_of(expected.dtype);
    if (!weak_fits && results[i].dtype() != expected.dtype)
      throw DTypeError(text(results[i]) + "; use cast");
    fitted.push_back(adapt(results[i], expected.dtype, call));
    if (!identical(fitted[i].shape(), expected.shape))
      throw ShapeError(text(results[i]) + "; use reshape or broadcast_to");
  }
  return fitted;
}

Dim scan_length(const Tensors& xs) {
  if (xs.empty()) throw UserError(path_prefix() + "scan: there is no tensor to scan over");
  for (const Tensor& x : xs) {
    if (x.rank() == 0)
      throw ShapeError(path_prefix() + "scan: a tensor to scan over has no axis 0");
    if (!identical(x.shape()[0], xs[0].shape()[0])) {
      throw ShapeError(path_prefix() + "scan: tensors of the lengths " +
                       to_string(xs[0].shape()[0]) + " and " + to_string(x.shape()[0]) +
                       " on axis 0; expected one length");
    }
  }
  return xs[0].shape()[0];
}

Shape entry_shape(const Shape& shape) {
  Shape entry;
  for (int i = 1; i < shape.rank(); ++i) entry.push_back(shape[i]);
  return entry;
}

// One region while it is recorded; unwinds it when an exception passes.
class Recording {
 public:
  explicit Recording(Recorder& recorder)
      : recorder_(recorder), region_(recorder.function().add_region()) {
    recorder_.begin_region(region_);
  }
  ~Recording() {
    if (open_) recorder_.abandon_region();
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  Tensor argument(const ir::Type& type) {
    return recorder_.symbolic(recorder_.function().add_argument(region_, type));
  }

  void end(const Tensors& results) {
    std::vector<ir::ValueId> values;
    for (const Tensor& result : results) values.push_back(recorder_.value_of(result, "return"));
    updates_ = recorder_.end_region();
    open_ = false;
    recorder_.function().region(region_).results = std::move(values);
  }

  ir::RegionId id() const { return region_; }
  const std::vector<Recorder::RegionUpdate>& updates() const { return updates_; }

 private:
  Recorder& recorder_;
  ir::RegionId region_;
  bool open_ = true;
  std::vector<Recorder::RegionUpdate> updates_;
};

// In a region and those inside it, every use of `from` becomes `to`.
void redirect(ir::Function& function, ir::RegionId region, ir::ValueId from, ir::ValueId to) {
  for (const ir::OpId id : function.region(region).ops) {
    ir::Op& op = function.op(id);
    std::replace(op.operands.begin(), op.operands.end(), from, to);
    for (const ir::RegionId inner : op.regions) redirect(function, inner, from, to);
  }
  std::vector<ir::ValueId>& results = function.region(region).results;
  std::replace(results.begin(), results.end(), from, to);
}

// What any of the regions updates, each once.
struct Outer {
  Tensor tensor;
  ir::ValueId before;
};
std::vector<Outer> outer_updates(std::initializer_list<const Recording*> regions) {
  std::vector<Outer> all;
  for (const Recording* region : regions) {
    for (const Recorder::RegionUpdate& update : region->updates()) {
      const bool known = std::any_of(all.begin(), all.end(), [&](const Outer& outer) {
        return TensorAccess::impl(outer.tensor) == TensorAccess::impl(update.tensor);
      });
      if (!known) all.push_back({update.tensor, update.before});
    }
  }
  return all;
}

// Makes an updated tensor an argument of the region, at `place`, and its value at the end a result
// there.
void carry(ir::Function& function, const Recording& region, const Outer& outer, std::size_t place,
           std::optional<std::size_t> result_place) {
  const ir::ValueId argument =
      function.add_argument(region.id(), function.value(outer.before).type);
  std::vector<ir::ValueId>& arguments = function.region(region.id()).arguments;
  std::rotate(arguments.begin() + static_cast<std::ptrdiff_t>(place), arguments.end() - 1,
              arguments.end());
  for (std::size_t i = 0; i < arguments.size(); ++i)
    function.value(arguments[i]).index = static_cast<std::uint32_t>(i);
  redirect(function, region.id(), outer.before, argument);
  if (!result_place) return;
  ir::ValueId after = argument;  // where this region leaves it alone
  for (const Recorder::RegionUpdate& update : region.updates()) {
    if (TensorAccess::impl(update.tensor) == TensorAccess::impl(outer.tensor)) after = update.after;
  }
  if (after == outer.before) after = argument;
  std::vector<ir::ValueId>& results = function.region(region.id()).results;
  results.insert(results.begin() + static_cast<std::ptrdiff_t>(*result_place), after);
}

std::vector<ir::ValueId> values_of(Recorder& recorder, const Tensors& tensors, const char* call) {
  std::vector<ir::ValueId> values;
  for (const Tensor& tensor : tensors) values.push_back(recorder.value_of(tensor, call));
  return values;
}

// Appends the op; results [0, first) and those after the updated ones come back, the updated
// tensors take theirs.
Tensors finish(Recorder& recorder, ir::Opcode opcode, std::vector<ir::ValueId> operands,
               ir::Attrs attrs, std::vector<ir::RegionId> regions, const std::vector<Outer>& outer,
               std::size_t first) {
  const ir::OpId op = with_path([&] {
    return recorder.function().append(recorder.region(), opcode, std::move(operands),
                                      std::move(attrs), std::move(regions), current_path());
  });
  const std::vector<ir::ValueId> values = recorder.function().op(op).results;
  Tensors results;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i >= first && i < first + outer.size()) {
      recorder.update(outer[i - first].tensor, values[i], ir::to_string(opcode).data());
    } else {
      results.push_back(recorder.symbolic(values[i]));
    }
  }
  return results;
}

Tensors record_cond(Recorder& recorder, const Tensor& bit, const TensorsFunction& then,
                    const TensorsFunction& otherwise, const Tensors& operands) {
  // The branches see the operands themselves, so that updates of them are seen like those of other
  // tensors.
  Recording yes(recorder);
  const Tensors if_true = strong(then(operands), "cond");
  yes.end(if_true);
  Recording no(recorder);
  const Tensors if_false = strong(otherwise(operands), "cond");
  no.end(if_false);
  if (if_true.size() != if_false.size()) {
    throw ShapeError(path_prefix() + "cond: the first branch gives " +
                     std::to_string(if_true.size()) + " tensors, the second " +
                     std::to_string(if_false.size()) + "; expected as many from both");
  }
  const std::vector<Outer> outer = outer_updates({&yes, &no});
  ir::Function& function = recorder.function();
  std::vector<ir::ValueId> values{recorder.value_of(bit, "cond")};
  for (std::size_t i = 0; i < outer.size(); ++i) {
    for (const Recording* region : {&yes, &no}) carry(function, *region, outer[i], i, i);
    values.push_back(outer[i].before);
  }
  return finish(recorder, ir::Opcode::cond, std::move(values), {}, {yes.id(), no.id()}, outer, 0);
}

Tensors record_while(Recorder& recorder, const TensorsFunction& condition,
                     const TensorsFunction& body, const Tensors& state,
                     std::int64_t max_iterations) {
  ir::Function& function = recorder.function();
  std::vector<ir::ValueId> values = values_of(recorder, state, "while_loop");
  const std::vector<ir::Type> types = function.types(values);
  const auto arguments = [&](Recording& region) {
    Tensors symbols;
    for (const ir::Type& type : types) symbols.push_back(region.argument(type));
    return symbols;
  };
  Recording test(recorder);
  const Tensors tested = arguments(test);
  test.end({single_condition(condition(tested))});
  bool updated = !test.updates().empty();
  for (std::size_t i = 0; i < tested.size(); ++i) {  // the state itself, through a slice as well
    updated =
        updated || TensorAccess::impl(tested[i])->value != function.region(test.id()).arguments[i];
  }
  if (updated) {
    throw TraceError(path_prefix() +
                     "while_loop: the condition updates a tensor, prints or draws random numbers; "
                     "do that in the body");
  }
  Recording round(recorder);
  round.end(carried(body(arguments(round)), state, "while_loop"));
  const std::vector<Outer> outer = outer_updates({&round});
  for (std::size_t i = 0; i < outer.size(); ++i) {
    carry(function, test, outer[i], state.size() + i, std::nullopt);
    carry(function, round, outer[i], state.size() + i, state.size() + i);
    values.push_back(outer[i].before);
  }
  return finish(recorder, ir::Opcode::while_loop, std::move(values),
                {{"max_iterations", max_iterations}}, {test.id(), round.id()}, outer, state.size());
}

std::pair<Tensors, Tensors> record_scan(Recorder& recorder, const ScanFunction& body,
                                        const Tensors& init, const Tensors& xs) {
  ir::Function& function = recorder.function();
  std::vector<ir::ValueId> values = values_of(recorder, init, "scan");
  const std::vector<ir::ValueId> scanned = values_of(recorder, xs, "scan");
  Recording round(recorder);
  Tensors carry_in, entry;
  for (const ir::ValueId value : values)
    carry_in.push_back(round.argument(ir::Type(function.value(value).type)));
  for (const ir::ValueId value : scanned) {
    ir::Type type = function.value(value).type;
    type.shape = entry_shape(type.shape);
    entry.push_back(round.argument(type));
  }
  auto [carry_out, ys] = body(carry_in, entry);
  Tensors results = carried(carry_out, init, "scan");
  for (const Tensor& y : strong(ys, "scan")) results.push_back(y);
  round.end(results);
  const std::vector<Outer> outer = outer_updates({&round});
  for (std::size_t i = 0; i < outer.size(); ++i) {
    carry(function, round, outer[i], init.size() + i, init.size() + i);
    values.push_back(outer[i].before);
  }
  const std::int64_t count = static_cast<std::int64_t>(values.size());
  values.insert(values.end(), scanned.begin(), scanned.end());
  Tensors all = finish(recorder, ir::Opcode::scan, std::move(values), {{"carried", count}},
                       {round.id()}, outer, init.size());
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(init.size());
  return {Tensors(all.begin(), middle), Tensors(middle, all.end())};
}

// What a scan over nothing gives for its ys: nothing, of the right shape. The body says which, and
// is recorded rather than run, as in the other modes; so its errors are theirs too.
Tensors empty_ys(const ScanFunction& body, const Tensors& init, const Tensors& xs) {
  std::vector<ArgumentSpec> specs;
  for (const Tensors& tensors : {init, xs}) {
    for (const Tensor& tensor : tensors)
      specs.push_back({.dtype = tensor.dtype(), .shape = tensor.shape()});
  }
  const Trace trace = trace_function(
      [&](const Tensors& inputs) {
        const auto middle = inputs.begin() + static_cast<std::ptrdiff_t>(init.size());
        return record_scan(*Recorder::current(), body, Tensors(inputs.begin(), middle),
                           Tensors(middle, inputs.end()))
            .second;
      },
      specs, {});
  check_escaped(trace, specs, path_prefix() + "scan over nothing");
  Tensors empty;
  const ir::Function& main = trace.graph->main();
  for (const ir::Type& type : main.types(main.body().results))
    empty.push_back(make_tensor(type.dtype, type.shape));
  return empty;
}

}  // namespace

const Tensor& only_one(const Tensors& tensors, const char* call, const char* what) {
  if (tensors.size() == 1) return tensors.front();
  throw UserError(path_prefix() + call + ": " + std::to_string(tensors.size()) + " " + what +
                  " where one tensor is taken; take them as const Tensors&");
}

Tensors cond(const Tensor& predicate_value, const TensorsFunction& then,
             const TensorsFunction& otherwise, const Tensors& operands) {
  const Tensor bit = predicate(predicate_value, "cond");
  const Tensors inputs = strong(operands, "cond");
  if (Recorder* recorder = Recorder::current())
    return record_cond(*recorder, bit, then, otherwise, inputs);
  return independent(strong(bit.item<bool>() ? then(inputs) : otherwise(inputs), "cond"));
}

Tensors while_loop(const TensorsFunction& condition, const TensorsFunction& body,
                   const Tensors& initial, std::int64_t max_iterations) {
  const Tensors start = strong(initial, "while_loop");
  if (Recorder* recorder = Recorder::current()) {
    return record_while(*recorder, condition, body, start,
                        std::max<std::int64_t>(max_iterations, -1));
  }
  // As in a program, what the loop updates is there when it has come to its end, or never was.
  support::Publication updates;
  Tensors state = start;
  for (Tensor& tensor : state) tensor = tensor.copy();
  for (std::int64_t i = 0; max_iterations < 0 || i < max_iterations; ++i) {
    if (!single_condition(condition(state)).item<bool>()) break;
    Tensors next = carried(body(state), start, "while_loop");
    state.clear();
    state = independent(std::move(next));
  }
  updates.commit();
  return state;
}

std::pair<Tensors, Tensors> scan(const ScanFunction& body, const Tensors& initial,
                                 const Tensors& xs_given) {
  const Tensors init = strong(initial, "scan");
  Tensors xs = strong(xs_given, "scan");
  const Dim length = scan_length(xs);
  if (Recorder* recorder = Recorder::current()) return record_scan(*recorder, body, init, xs);
  support::Publication updates;
  Tensors carry = init;
  for (Tensor& tensor : carry) tensor = tensor.copy();
  for (Tensor& x : xs) x = x.copy();  // the body may update them; later entries are as they were
  if (length == Dim(0)) return {carry, empty_ys(body, init, xs)};
  std::vector<Tensors> columns;
  for (std::int64_t i = 0; i < length.value(); ++i) {
    Tensors entry;
    for (const Tensor& x : xs) {
      entry.push_back(detail::reshape(x.slice(0, i, i + 1), [&] {
        std::vector<Dim> dims;
        for (int axis = 1; axis < x.rank(); ++axis) dims.push_back(x.shape()[axis]);
        return dims;
      }()));
    }
    auto [next, ys] = body(carry, entry);
    Tensors fitted = carried(next, init, "scan");
    next.clear();
    carry.clear();
    carry = independent(std::move(fitted));
    columns.resize(ys.size());
    for (std::size_t j = 0; j < ys.size(); ++j) columns[j].push_back(strong(ys[j], "scan").copy());
  }
  Tensors stacked;
  for (const Tensors& column : columns) stacked.push_back(detail::stack(column, 0));
  updates.commit();
  return {carry, stacked};
}

}  // namespace mlpjit::detail
