#include "lib/codegen/shared_steps.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <variant>

#include "lib/codegen/emitter.h"
#include "lib/plan/fields.h"

namespace mlpjit::codegen {
namespace {

// From so many functions on that differ in scalars alone these become arguments: immediate operands
// are a little faster.
constexpr std::uint32_t kWorthArguments = 16;

// Dense layers of so many multiplications do not feel a few arguments more: their widths are
// arguments, too.
constexpr double kWideEnough = 1 << 16;
constexpr std::int64_t kUsualRows = 64;  // where they are not known

// A field of a kernel, or of a buffer, that is not part of its form.
struct OpenField {
  const void* field;
  std::int64_t value;
  std::int64_t form;        // what of the value is
  bool is_argument = true;  // else the code has no use for it
};

// Turns of the outermost loop: the number of rows, which is the batch. Where it turns once there is
// no loop. What is left of the last turn of `each` stays part of the form, so that code without a
// remainder has none for it. Of dense layers the widths and strides, too.
class OpenFields {
 public:
  explicit OpenFields(const plan::Plan& plan) : plan_(plan) {}

  std::vector<OpenField> of(const plan::Kernel& kernel) {
    found_.clear();
    std::visit([this](const auto& one) { open(one); }, kernel);
    return std::move(found_);
  }

 private:
  void add(const plan::Extent& turns, std::int64_t each) {
    if (turns.is_known() && turns.known() > each)
      found_.push_back({&turns, turns.known(), turns.known() % each == 0 ? 1 : 0});
  }
  void open(const plan::ElementwiseKernel& kernel) {
    add(kernel.loops[0], kernel.loops.size() == 1 ? kernel.lanes : 1);
    for (const auto* accesses : {&kernel.inputs, &kernel.outputs}) {
      for (const plan::Access& access : *accesses) add_first(access);
    }
  }
  void open(const plan::TransposeKernel& kernel) {
    add_first(kernel.in);
    add_first(kernel.out);
    if (!kernel.outer.empty()) add(kernel.outer[0], 1);
  }
  void open(const plan::DenseKernel& kernel) {
    if (!kernel.batch.empty()) return add(kernel.batch[0], 1);
    if (kernel.m.is_known() && kernel.tilings.front().rows.groups > 1) {
      add_unused(kernel.m);
      add(kernel.tilings.front().rows);
    }
    const auto products = static_cast<double>(kernel.m.is_known() ? kernel.m.known() : kUsualRows) *
                          static_cast<double>(kernel.k) * static_cast<double>(kernel.n);
    if (products < kWideEnough) return;
    add(kernel.k, kernel.k % kernel.chains);
    add(kernel.n, 0);
    for (const plan::Tiling& tiling : kernel.tilings) {
      if (tiling.panels.groups > 1) add(tiling.panels);
    }
    for (const std::int64_t* stride : {&kernel.x_stride, &kernel.panel_step, &kernel.k_step})
      add(*stride, 0);
    add_stride(kernel.out);
    for (const plan::Access& extra : kernel.extras) add_stride(extra);
  }
  void add(const std::int64_t& number, std::int64_t form) {
    found_.push_back({&number, number, form});
  }
  // Which loops there are for it follows from the list of micro-kernels, which is of the form.
  void add(const plan::EvenSplit& split) {
    add(split.groups, 0);
    add(split.larger, 0);
  }
  void add_unused(const plan::Extent& size) { found_.push_back({&size, size.known(), 0, false}); }
  // The last loop passes so many at a time, and ends with the last of them.
  void add_rows(const std::vector<plan::Extent>& outer, int at_a_time) {
    if (outer.empty()) return;
    if (outer.size() > 1) return add(outer[0], 1);
    if (outer[0].is_known() && outer[0].known() > at_a_time)
      found_.push_back({&outer[0], outer[0].known(), 0});
  }
  void add_first(const plan::Access& access) {
    if (access.first.is_known() && !(access.first == 0))
      found_.push_back({&access.first, access.first.known(), 0});
  }
  // From row to row; 0 is no loop over memory.
  void add_stride(const plan::Access& access) {
    const plan::Extent& stride = access.strides[0];
    if (stride.is_known() && !(stride == 0)) found_.push_back({&stride, stride.known(), 0});
  }
  void open(const plan::NarrowDenseKernel& kernel) {
    if (kernel.m.is_known() && kernel.m.known() > kernel.rows)
      found_.push_back({&kernel.m, kernel.m.known(), 0});
  }
  void open(const plan::MatrixVectorKernel& kernel) {
    if (!kernel.batch.empty()) return add(kernel.batch[0], 1);
    if (kernel.m.is_known() && kernel.m.known() > kernel.vectors * kernel.lanes)
      found_.push_back({&kernel.m, kernel.m.known(), kernel.m.known() % kernel.lanes == 0 ? 1 : 0});
  }
  void open(const plan::ReductionKernel& kernel) { add_rows(kernel.outer, kernel.rows); }
  void open(const plan::ColumnReductionKernel& kernel) {
    if (!kernel.outer.empty()) add(kernel.outer[0], 1);
  }
  void open(const plan::RowKernel& kernel) { add_rows(kernel.outer, kernel.rows); }
  void open(const plan::CopyKernel& kernel) {
    add(plan_.buffers[kernel.from].bytes, kernel.vector_bytes);
  }
  template <class Other>  // library, lookup and control steps
  void open(const Other& /*kernel*/) {}

  const plan::Plan& plan_;
  std::vector<OpenField> found_;
};

// All that the code of a step is made from, as bytes: the members of its kernel (fields.h), bodies
// by what they compute, buffers by dtype and by which of them are one.
class Form {
 public:
  // With the scalars of bodies, or as arguments.
  Form(const plan::Plan& plan, bool with_scalars)
      : plan_(plan), main_(plan.graph->main()), with_scalars_(with_scalars) {}

  // Both stay until the next call.
  const std::string& bytes() const { return bytes_; }
  const StepArguments& arguments() const { return arguments_; }

  void of(const plan::Kernel& kernel) {
    bytes_.clear();
    arguments_ = {};
    open_ = OpenFields(plan_).of(kernel);
    for (const OpenField& open : open_) {
      if (open.is_argument) arguments_.counts.push_back({open.field, open.value});
    }
    write(kernel.index());
    // Its members are only read.
    std::visit([this](auto& one) { plan::fields(*this, one); }, const_cast<plan::Kernel&>(kernel));
    // A copy has no loop of its own: it moves all of a buffer.
    if (const auto* moved = std::get_if<plan::CopyKernel>(&kernel))
      write(plan_.buffers[moved->from].bytes);
  }

  // Members, as fields.h lists them.
  template <class T>
  void field(const char* /*name*/, T& member) {
    write(member);
  }
  void id(const char* /*name*/, std::int64_t buffer) { write_id(buffer); }
  template <class Id>
  void ids(const char* /*name*/, const std::vector<Id>& buffers) {
    write(buffers.size());
    for (const Id buffer : buffers) write_id(buffer);
  }
  void line() {}

 private:
  template <class T>
  void append(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof value);
  }
  bool write_open(const void* field) {
    const auto found =
        std::ranges::find_if(open_, [&](const OpenField& open) { return open.field == field; });
    if (found == open_.end()) return false;
    bytes_ += 'o';
    append(found->form);
    return true;
  }
  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void write(const T& value) {
    if (write_open(&value)) return;
    bytes_ += 'n';
    append(value);
  }
  void write(const plan::Extent& extent) {
    if (write_open(&extent)) return;
    bytes_ += 'e';
    for (int i = 0; i <= plan::Extent::kDegree; ++i) write(extent.term(i));
  }
  void write(ir::OpId id) { write(id.index); }
  // By its number among those of the kernel.
  void write_id(std::int64_t buffer) {
    if (buffer < 0) return write(std::int64_t{-1});
    const auto id = static_cast<plan::BufferId>(buffer);
    std::vector<plan::BufferId>& known = arguments_.buffers;
    const auto at = std::find(known.begin(), known.end(), id);
    write(static_cast<std::int64_t>(at - known.begin()));
    if (at != known.end()) return;
    known.push_back(id);
    write(plan_.buffers[id].dtype);
  }
  void write(plan::Access& access) {
    write_id(access.buffer);
    write(access.strides);
    write(access.first);
  }
  void write(plan::Body& body) {
    const std::string code = body_signature(main_, body, with_scalars_);
    if (!with_scalars_) {
      for (const plan::Body::Scalar& scalar : body.scalars) arguments_.scalars.push_back(&scalar);
    }
    for (const std::size_t count : {body.arguments.size(), body.scalars.size(), code.size()})
      write(count);
    bytes_ += code;
  }
  template <class T>
  void write(std::vector<T>& all) {
    write(all.size());
    for (T& each : all) write(each);
  }
  template <class Struct>
    requires requires(Form& io, Struct& all) { plan::fields(io, all); }
  void write(Struct& all) {
    plan::fields(*this, all);
  }

  const plan::Plan& plan_;
  const ir::Function& main_;
  const bool with_scalars_;
  std::vector<OpenField> open_;
  std::string bytes_;
  StepArguments arguments_;
};

// Control steps, lookups and library steps have numbers and regions; the ranges of a divided step
// have arguments of their own.
bool may_share(const plan::Step& step) {
  return plan::regions_of(step.kernel).empty() && !step.units.divided() &&
         plan::library_op(step.kernel) == nullptr;
}

}  // namespace

SharedSteps::SharedSteps(const plan::Plan& plan) : steps_(plan.steps.size()) {
  for (std::uint32_t i = 0; i < steps_.size(); ++i) steps_[i].owner = i;
  share_equal(plan);
  share_but_scalars(plan);
  keep_differing_scalars();
}

void SharedSteps::share_equal(const plan::Plan& plan) {
  Form form(plan, true);
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    if (!may_share(plan.steps[i])) continue;
    form.of(plan.steps[i].kernel);
    const auto known = owners_.try_emplace(form.bytes(), i).first;
    steps_[i] = {known->second, form.arguments(), &known->first};
  }
}

// Functions that differ in scalars alone become one, with all of their steps.
void SharedSteps::share_but_scalars(const plan::Plan& plan) {
  std::unordered_map<std::string, std::uint32_t> owners;   // by form
  std::vector<std::uint32_t> joined(steps_.size(), 0);     // by the owner so far: the new one
  std::vector<std::uint32_t> functions(steps_.size(), 0);  // by the new owner
  Form form(plan, false);
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    joined[i] = i;
    const plan::Step& step = plan.steps[i];
    // The scalars of a dense layer are of its micro-kernels.
    if (owner(i) != i || !may_share(step) || std::holds_alternative<plan::DenseKernel>(step.kernel))
      continue;
    form.of(step.kernel);
    if (form.arguments().scalars.empty()) continue;
    joined[i] = owners.try_emplace(form.bytes(), i).first->second;
    ++functions[joined[i]];
  }
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    const std::uint32_t to = joined[owner(i)];
    if (functions[to] < kWorthArguments) continue;
    form.of(plan.steps[i].kernel);
    steps_[i] = {to, form.arguments(), nullptr};
  }
}

// What is the same in all steps is immediate.
void SharedSteps::keep_differing_scalars() {
  std::unordered_map<std::uint32_t, std::vector<bool>> differ;  // by owner
  for (const auto& [owner, own, form] : steps_) {
    if (own.scalars.empty()) continue;
    const auto& scalars = own.scalars;
    const auto& of_owner = steps_[owner].arguments.scalars;
    std::vector<bool>& all = differ[owner];
    all.resize(scalars.size());
    for (std::size_t s = 0; s < scalars.size(); ++s)
      all[s] = all[s] || *scalars[s]->literal.bytes != *of_owner[s]->literal.bytes;
  }
  for (auto& [owner, own, form] : steps_) {
    if (own.scalars.empty()) continue;
    std::size_t number = 0;
    const std::vector<bool>& kept = differ[owner];
    std::erase_if(own.scalars, [&](const auto*) { return !kept[number++]; });
  }
}

}  // namespace mlpjit::codegen
