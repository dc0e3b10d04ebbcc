#pragma once
/// @file
/// Marks of the public face: symbols of libmlpjit (everything else is hidden), and what a compiler
/// may warn of.

#if defined(_WIN32)
#define MLPJIT_API
#else
#define MLPJIT_API __attribute__((visibility("default")))
#endif

/// On a member function that gives a view of its object, on a parameter that the result refers to:
/// clang warns where the view outlives a temporary. Members that would give a view of a temporary
/// give values instead, whatever the compiler.
#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define MLPJIT_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif
#ifndef MLPJIT_LIFETIMEBOUND
#define MLPJIT_LIFETIMEBOUND
#endif
