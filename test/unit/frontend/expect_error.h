#pragma once
// EXPECT_ERROR(Type, statement, "text", ...): the statement throws exactly that type, and its
// message has the texts.

#include <gtest/gtest.h>

#include <string>
#include <typeinfo>
#include <vector>

namespace mlpjit::test {

template <class E, class F>
void expect_error(F&& statement, const std::vector<std::string>& texts, const char* file,
                  int line) {
  try {
    statement();
    ADD_FAILURE_AT(file, line) << "nothing was thrown";
  } catch (const std::exception& e) {
    if (typeid(e) != typeid(E)) {
      ADD_FAILURE_AT(file, line) << "another type was thrown: " << typeid(e).name() << ": "
                                 << e.what();
    }
    for (const std::string& text : texts) {
      if (std::string(e.what()).find(text) == std::string::npos) {
        ADD_FAILURE_AT(file, line) << "the message has no '" << text << "': " << e.what();
      }
    }
  }
}

}  // namespace mlpjit::test

#define EXPECT_ERROR(Type, statement, ...) \
  ::mlpjit::test::expect_error<Type>([&] { statement; }, {__VA_ARGS__}, __FILE__, __LINE__)
