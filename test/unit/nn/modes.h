#pragma once
// The modes a network runs in, for tests that compare them on the bits.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"

namespace mlpjit::test {

bool built_with_llvm();

inline std::vector<Backend> backends() {
  std::vector<Backend> all{Backend::graph};
  if (built_with_llvm()) all.push_back(Backend::native);
  return all;
}

// Every result of `net` on `inputs` is the same imperatively, as a graph and compiled, at the first
// call and at the second. Leaves the network imperative.
template <class Net>
void expect_same_in_all_modes(Net& net, const Tensors& inputs) {
  net.hybridize(false);
  const Tensors imperative = net(inputs);
  for (const Backend backend : backends()) {
    net.hybridize({.backend = backend});
    for (int call = 0; call < 2; ++call) {
      SCOPED_TRACE(std::string(to_string(backend)) + ", call " + std::to_string(call));
      const Tensors hybrid = net(inputs);
      ASSERT_EQ(hybrid.size(), imperative.size());
      for (std::size_t i = 0; i < hybrid.size(); ++i) {
        EXPECT_TRUE(identical(hybrid[i], imperative[i])) << hybrid[i] << "\n" << imperative[i];
      }
    }
  }
  net.hybridize(false);
}

// The text of the error of type E that `call` throws.
template <class E, class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const E& error) {
    EXPECT_STREQ(typeid(error).name(), typeid(E).name()) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an error";
  return {};
}

inline void expect_mentions(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

}  // namespace mlpjit::test
