#pragma once
/// @file
/// Marks the public symbols of libmlpjit; everything else is hidden.

#if defined(_WIN32)
#define MLPJIT_API
#else
#define MLPJIT_API __attribute__((visibility("default")))
#endif
