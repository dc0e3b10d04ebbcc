#pragma once
// What the audit says of a function.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "pains.h"

namespace mlpjit::test {

class Audit : public PainTest {
 protected:
  HybridizeOptions audited() const {
    HybridizeOptions all = options();
    all.audit = true;
    return all;
  }
  template <class Jitted>
  static std::string audit_of(const Jitted& f) {
    std::string text;
    const Explanation explanation = f.explain();
    for (const SignatureSummary& signature : explanation.signatures) {
      for (const std::string& line : signature.audit) text += line + "\n";
    }
    return text;
  }
  static void expect_text(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  }
  static auto lines_in(const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  }
  // What the audit says of two calls.
  template <class Function>
  std::string audit(const Function& function, const Tensors& inputs) const {
    const auto f = jit([function](const Tensors& x) { return Tensors(function(x)); }, audited());
    f(inputs);
    f(inputs);
    return audit_of(f);
  }
};

// A C++ bool that is another at each trace.
struct Toggle {
  std::shared_ptr<bool> state = std::make_shared<bool>(false);
  bool operator()() const { return *state = !*state; }
};

}  // namespace mlpjit::test
