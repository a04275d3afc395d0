// Under AddressSanitizer, an instruction may touch only its operands in the regions, and a kernel only the scratch that
// it requested. In other builds these functions do nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace luthier {

inline int64_t wholePages(int64_t bytes) { return (bytes + 4095) / 4096 * 4096; }

inline void forbid([[maybe_unused]] const uint8_t* from, [[maybe_unused]] int64_t bytes) {
#ifdef __SANITIZE_ADDRESS__
  if (bytes > 0) __asan_poison_memory_region(from, static_cast<size_t>(bytes));
#endif
}

inline void allow([[maybe_unused]] const uint8_t* from, [[maybe_unused]] int64_t bytes) {
#ifdef __SANITIZE_ADDRESS__
  if (bytes > 0) __asan_unpoison_memory_region(from, static_cast<size_t>(bytes));
#endif
}

}  // namespace luthier
