#include "src/program/signature.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/ir/sizes.h"
#include "mlpjit/mode.h"

namespace mlpjit::detail {

namespace {

std::size_t first_same(std::span<const Tensor> inputs, std::size_t i) {
  const TensorImpl* impl = TensorAccess::impl(inputs[i]).get();
  for (std::size_t j = 0; j < i; ++j) {
    if (TensorAccess::impl(inputs[j]).get() == impl) return j;
  }
  return SIZE_MAX;
}

std::string text(const Signature::Argument& argument) {
  const std::string spec = to_string(TensorSpec{argument.dtype, argument.shape});
  return argument.weak == WeakKind::none ? spec : "C++ scalar (" + spec + ")";
}

std::string same_text(std::size_t i, std::size_t same_as) {
  return same_as == SIZE_MAX
             ? "a tensor of its own"
             : "the same tensor as argument " + std::to_string(same_as < i ? same_as : i);
}

}  // namespace

Signature signature_of(std::span<const Tensor> inputs, std::uint64_t structure) {
  Signature signature;
  signature.training = is_training();
  signature.structure = structure;
  signature.arguments.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorImpl& impl = impl_of(inputs[i], "call");
    signature.arguments.push_back({impl.dtype, impl.weak, impl.shape, first_same(inputs, i)});
  }
  return signature;
}

std::vector<ArgumentSpec> specs_of(const Signature& signature, std::span<const Tensor> inputs) {
  std::vector<ArgumentSpec> specs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Signature::Argument& argument = signature.arguments[i];
    ArgumentSpec spec;
    spec.dtype = argument.dtype;
    spec.shape = argument.shape;
    spec.weak = argument.weak;
    spec.same_as = argument.same_as;
    spec.concrete = inputs[i];
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::uint64_t hash(const Signature& signature) {
  std::vector<std::int64_t> words{static_cast<std::int64_t>(signature.structure),
                                  signature.training};
  for (const Signature::Argument& argument : signature.arguments) {
    words.push_back(static_cast<std::int64_t>(argument.dtype));
    words.push_back(static_cast<std::int64_t>(argument.weak));
    words.push_back(static_cast<std::int64_t>(argument.same_as));
    words.push_back(argument.shape.rank());
    for (int d = 0; d < argument.shape.rank(); ++d) {
      const Dim dim = argument.shape[d];
      words.push_back(dim.coefficient());
      words.push_back(dim.offset());
    }
  }
  return XXH3_64bits(words.data(), words.size() * sizeof words[0]);
}

bool matches(const Signature& signature, std::span<const Tensor> inputs, bool training,
             std::uint64_t structure) {
  if (signature.training != training || signature.structure != structure) return false;
  if (signature.arguments.size() != inputs.size()) return false;
  std::int64_t batch = ir::kUnknownSize;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Signature::Argument& expected = signature.arguments[i];
    const TensorImpl* impl = TensorAccess::impl(inputs[i]).get();
    if (impl == nullptr || impl->symbolic || impl->dtype != expected.dtype ||
        impl->weak != expected.weak || !ir::fits(expected.shape, impl->shape, batch) ||
        first_same(inputs, i) != expected.same_as) {
      return false;
    }
  }
  return true;
}

std::string to_string(const Signature& signature) {
  std::string result;
  for (const Signature::Argument& argument : signature.arguments) {
    result += (result.empty() ? "" : ", ") + text(argument);
  }
  if (signature.training) result += result.empty() ? "training" : "; training";
  return result.empty() ? "no arguments" : result;
}

std::vector<Guard> guards_of(const Signature& signature) {
  std::vector<Guard> guards;
  for (std::size_t i = 0; i < signature.arguments.size(); ++i) {
    const Signature::Argument& argument = signature.arguments[i];
    guards.push_back({"argument " + std::to_string(i), text(argument)});
    if (signature.arguments.size() > 1 && i > 0) {
      guards.push_back(
          {"storage of argument " + std::to_string(i), same_text(i, argument.same_as)});
    }
  }
  guards.push_back({"training", signature.training ? "true" : "false"});
  guards.push_back({"structure", std::to_string(signature.structure)});
  return guards;
}

std::vector<std::string> failed_guards(const Signature& expected, const Signature& call) {
  std::vector<std::string> failed;
  const auto compare = [&](const std::string& subject, const std::string& want,
                           const std::string& have, const char* why = "") {
    if (want != have) failed.push_back(subject + ": expected " + want + ", got " + have + why);
  };
  compare("structure", std::to_string(expected.structure), std::to_string(call.structure),
          ": the block was changed (children, parameters or their shapes) since it was traced");
  compare("arguments", std::to_string(expected.arguments.size()),
          std::to_string(call.arguments.size()));
  if (!failed.empty()) return failed;  // then nothing else matters
  std::int64_t batch = ir::kUnknownSize;
  for (std::size_t i = 0; i < expected.arguments.size(); ++i) {
    Signature::Argument want = expected.arguments[i];
    const Signature::Argument& have = call.arguments[i];
    const std::int64_t known = batch;  // by the arguments before
    if (ir::fits(want.shape, have.shape, batch)) want.shape = have.shape;
    std::string text_of_want = text(want);
    if (known != ir::kUnknownSize && !want.shape.is_static()) {
      want.shape = ir::sized(want.shape, known);
      text_of_want = text(want) + " (B is " + std::to_string(known) + " here)";
    }
    compare("argument " + std::to_string(i), text_of_want, text(have));
    compare("storage of argument " + std::to_string(i), same_text(i, want.same_as),
            same_text(i, have.same_as));
  }
  const auto mode = [](bool training) { return std::string(training ? "true" : "false"); };
  compare("training", mode(expected.training), mode(call.training));
  return failed;
}

}  // namespace mlpjit::detail
