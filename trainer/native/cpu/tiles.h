// Tile registers of AMX: eight, each of 16 rows of 16 words; a word is two BF16 that are neighbours along K.
//
// `addProducts` is TDPBF16PS, as Intel's Software Developer's Manual (volume 2) defines it: for each element of the sum, the
// products of the words' lower halves are summed along K by FMA from zero, those of the upper halves likewise, and the two sums
// are added to each other and then to the element. Every operation rounds to nearest even, reads denormals as zero and flushes
// denormal results; MXCSR is neither read nor written.
//
// With LUTHIER_EMULATED_TILES the registers are memory and AVX2 computes the same bits, so that the kernels of AMX run on every
// machine. Without it the instructions are written in assembly, because the compiler's intrinsics take a register's number only
// as a literal; the runtime has asked the kernel for the permission (runtime/isa.cc).
#pragma once

#include "lanes.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t tileSide = 16;

#ifdef LUTHIER_EMULATED_TILES

using TileWords = uint32_t[tileSide][tileSide];

inline __attribute__((noinline)) void addTileProducts(TileWords& sums, const TileWords& a, const TileWords& b) {
  constexpr int64_t vectors = tileSide / lanes;
  const U upperHalf = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  for (int64_t row = 0; row < tileSide; ++row) {
    F lower[vectors], upper[vectors];
    for (int64_t v = 0; v < vectors; ++v) lower[v] = upper[v] = zero();
    for (int64_t unit = 0; unit < tileSide; ++unit) {
      const U left = broadcastWord(reinterpret_cast<const uint8_t*>(&a[row][unit]));
      for (int64_t v = 0; v < vectors; ++v) {
        const U right = loadWords(&b[unit][v * lanes]);
        lower[v] = fma(floatsOf(_mm256_slli_epi32(left, 16)), floatsOf(_mm256_slli_epi32(right, 16)), lower[v]);
        upper[v] = fma(floatsOf(_mm256_and_si256(left, upperHalf)), floatsOf(_mm256_and_si256(right, upperHalf)), upper[v]);
      }
    }
    for (int64_t v = 0; v < vectors; ++v) {
      const F products = lower[v] + upper[v];
      storeWords(&sums[row][v * lanes], wordsOf(floatsOf(loadWords(&sums[row][v * lanes])) + products));
    }
  }
}

class Tiles {
 public:
  template <int tile>
  void clear() {
    __builtin_memset(words_[tile], 0, sizeof words_[tile]);
  }

  template <int tile>
  void load(const void* from, int64_t rowBytes) {
    for (int64_t row = 0; row < tileSide; ++row) __builtin_memcpy(words_[tile][row], static_cast<const uint8_t*>(from) + row * rowBytes, 64);
  }

  template <int tile>
  void store(void* to, int64_t rowBytes) const {
    for (int64_t row = 0; row < tileSide; ++row) __builtin_memcpy(static_cast<uint8_t*>(to) + row * rowBytes, words_[tile][row], 64);
  }

  template <int sum, int a, int b>
  void addProducts() {
    // Exceptions masked, to nearest even, denormals as zero, results flushed. The function between is not inlined, and the
    // clobbers keep it there.
    constexpr uint32_t flushing = 0x1f80 | 0x0040 | 0x8000;
    uint32_t before;
    asm volatile("stmxcsr %0" : "=m"(before));
    asm volatile("ldmxcsr %0" : : "m"(flushing) : "memory");
    addTileProducts(words_[sum], words_[a], words_[b]);
    asm volatile("ldmxcsr %0" : : "m"(before) : "memory");
  }

 private:
  alignas(64) TileWords words_[8];
};

#elif defined(LUTHIER_TILES)

class Tiles {
 public:
  // Configures a thread's registers once.
  Tiles() {
    static constinit thread_local bool configured = false;
    if (configured) return;
    struct {
      uint8_t palette = 1, startRow = 0, reserved[14] = {};
      uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } const shapes;
    static_assert(sizeof shapes == 64);
    asm volatile("ldtilecfg %0" : : "m"(shapes));
    configured = true;
  }

  template <int tile>
  void clear() const {
    asm volatile("tilezero %%tmm%c0" : : "i"(tile));
  }

  template <int tile>
  void load(const void* from, int64_t rowBytes) const {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(rowBytes), "i"(tile) : "memory");
  }

  template <int tile>
  void store(void* to, int64_t rowBytes) const {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(rowBytes), "i"(tile) : "memory");
  }

  template <int sum, int a, int b>
  void addProducts() const {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sum), "i"(a), "i"(b));
  }
};

#endif

}  // namespace luthier::LUTHIER_ISA
