#pragma once
// Memory of the largest tensors: mapped by itself, in pages as large as the system has. The blocks
// that were freed last are kept, so that the next result of that size does not wait until the
// system has cleared pages for it; the system may take their pages back at any time.

#include <cstddef>

namespace mlpjit::support {

// Aligned to 2 MB; null where there is no memory.
std::byte* allocate_huge(std::size_t bytes);
void free_huge(std::byte* data, std::size_t bytes) noexcept;

}  // namespace mlpjit::support
