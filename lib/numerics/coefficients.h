#pragma once
// Constants of the definitions in *-inl.h.

namespace mlpjit::numerics {}
