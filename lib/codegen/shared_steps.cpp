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

// From so many equal steps on they share a function. Fewer keep one each, which costs a call less.
constexpr std::uint32_t kWorthSharing = 3;

// All that the code of a step is made from, as bytes: the members of its kernel (fields.h), bodies
// by what they compute, buffers by dtype and by which of them are one.
class Form {
 public:
  explicit Form(const plan::Plan& plan) : plan_(plan), main_(plan.graph->main()) {}

  // Both stay until the next call.
  const std::string& bytes() const { return bytes_; }
  const std::vector<plan::BufferId>& buffers() const { return buffers_; }

  void of(const plan::Kernel& kernel) {
    bytes_.clear();
    buffers_.clear();
    write(kernel.index());
    plan::Kernel copy = kernel;
    std::visit([this](auto& one) { plan::fields(*this, one); }, copy);
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
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void write(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof value);
  }
  void write(const plan::Extent& extent) {
    for (int i = 0; i <= plan::Extent::kDegree; ++i) write(extent.term(i));
  }
  void write(ir::OpId id) { write(id.index); }
  // By its number among those of the kernel.
  void write_id(std::int64_t buffer) {
    if (buffer < 0) return write(std::int64_t{-1});
    const auto id = static_cast<plan::BufferId>(buffer);
    const auto at = std::find(buffers_.begin(), buffers_.end(), id);
    write(static_cast<std::int64_t>(at - buffers_.begin()));
    if (at != buffers_.end()) return;
    buffers_.push_back(id);
    write(plan_.buffers[id].dtype);
  }
  void write(plan::Access& access) {
    write_id(access.buffer);
    write(access.strides);
  }
  void write(plan::Body& body) {
    const std::string code = body_signature(main_, body);
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
  std::string bytes_;
  std::vector<plan::BufferId> buffers_;
};

// Control steps and library steps are numbered and have regions; the ranges of a divided step have
// arguments of their own.
bool may_share(const plan::Step& step) {
  return plan::regions_of(step.kernel).empty() && !step.units.divided() &&
         !std::holds_alternative<plan::LibraryKernel>(step.kernel);
}

}  // namespace

SharedSteps::SharedSteps(const plan::Plan& plan) : steps_(plan.steps.size()) {
  std::unordered_map<std::string, std::uint32_t> owners;  // by form
  std::vector<std::uint32_t> counts(steps_.size(), 0);    // by owner
  Form form(plan);
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    steps_[i].owner = i;
    if (!may_share(plan.steps[i])) continue;
    form.of(plan.steps[i].kernel);
    steps_[i] = {owners.try_emplace(form.bytes(), i).first->second, form.buffers()};
    ++counts[steps_[i].owner];
  }
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    if (counts[steps_[i].owner] < kWorthSharing) steps_[i] = {i, {}};
  }
}

}  // namespace mlpjit::codegen
