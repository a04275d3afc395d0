// The vector registers of one instruction set under common names: F is `lanes` floats, U as many 32-bit words.
//
// Kernel sources are compiled once for each instruction set (CMakeLists.txt), each time in a namespace of its own named
// by LUTHIER_ISA. They must not use the standard library: its inline functions would be compiled for one instruction
// set and might be linked into code that runs on another. `Whole` and `Part` give the lanes that a load or store
// touches; lanes that are not loaded are zero.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "../runtime/bf16.h"
#include "../runtime/nf4.h"

namespace luthier::LUTHIER_ISA {

struct Whole {};
struct Part {
  int64_t count;  // 1 to lanes - 1
};

#ifdef __AVX512F__

using F = __m512;
using U = __m512i;
inline constexpr int64_t lanes = 16;

inline __mmask16 maskOf(Part p) { return static_cast<__mmask16>((1u << p.count) - 1); }

inline F zero() { return _mm512_setzero_ps(); }
inline F all(float value) { return _mm512_set1_ps(value); }
inline F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
inline F highest(F a, F b) { return _mm512_max_ps(a, b); }
inline F lowest(F a, F b) { return _mm512_min_ps(a, b); }
inline F squareRoot(F a) { return _mm512_sqrt_ps(a); }
inline F nearestInteger(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline F timesPowerOf2(F a, F exponent) { return _mm512_scalef_ps(a, exponent); }
// a where x < y, else b.
inline F whereLess(F x, F y, F a, F b) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_LT_OQ), b, a); }
// The first p.count lanes of a, then zeros.
inline F only(F a, Part p) { return _mm512_maskz_mov_ps(maskOf(p), a); }
inline F only(F a, Whole) { return a; }
inline float sumOf(F a) { return _mm512_reduce_add_ps(a); }
inline float highestOf(F a) { return _mm512_reduce_max_ps(a); }

inline F load(const float* from, Whole) { return _mm512_loadu_ps(from); }
inline F load(const float* from, Part p) { return _mm512_maskz_loadu_ps(maskOf(p), from); }
inline F widened(__m256i bits) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16)); }
inline __m256i loadBits(const uint16_t* from, Whole) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
inline __m256i loadBits(const uint16_t* from, Part p) { return _mm256_maskz_loadu_epi16(maskOf(p), from); }
inline F load(const uint16_t* from, Whole p) { return widened(loadBits(from, p)); }
inline F load(const uint16_t* from, Part p) { return widened(loadBits(from, p)); }

inline void store(float* to, F value, Whole) { _mm512_storeu_ps(to, value); }
inline void store(float* to, F value, Part p) { _mm512_mask_storeu_ps(to, maskOf(p), value); }

// Rounded to nearest even; NaN stays NaN.
inline __m256i narrowed(F value) {
#ifdef __AVX512BF16__
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value));
#else
  const U bits = _mm512_castps_si512(value);
  const U odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const U rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  const U quiet = _mm512_or_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(0x40));
  const __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(_mm512_mask_blend_epi32(nan, rounded, quiet));
#endif
}

// The values of low, then those of high, as BF16.
#ifdef __AVX512BF16__
inline U pairsOf(F low, F high) { return reinterpret_cast<U>(_mm512_cvtne2ps_pbh(high, low)); }
#endif

// Bits as the lower halves of words, and with other bits as the upper ones.
using Bits = __m256i;
inline U lowerHalves(Bits bits) { return _mm512_cvtepu16_epi32(bits); }
inline U interleaved(Bits low, Bits high) { return _mm512_or_si512(lowerHalves(low), _mm512_slli_epi32(lowerHalves(high), 16)); }

// Up to 2 · lanes BF16.
inline U loadPairs(const uint16_t* from, Whole) { return _mm512_loadu_si512(from); }
inline U loadPairs(const uint16_t* from, Part p) { return _mm512_maskz_loadu_epi16((__mmask32{1} << p.count) - 1, from); }

inline void store(uint16_t* to, F value, Whole) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), narrowed(value)); }
inline void store(uint16_t* to, F value, Part p) { _mm256_mask_storeu_epi16(to, maskOf(p), narrowed(value)); }

// The NF4 values of 16 codes, a byte each.
inline F codeValues(__m128i codes) { return _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(codes), _mm512_loadu_ps(nf4Codes)); }

inline U wordsOf(F value) { return _mm512_castps_si512(value); }
inline F floatsOf(U words) { return _mm512_castsi512_ps(words); }
inline U noWords() { return _mm512_setzero_si512(); }
inline U broadcastWord(const uint8_t* from) {
  uint32_t word;
  __builtin_memcpy(&word, from, sizeof word);
  return _mm512_set1_epi32(static_cast<int>(word));
}
inline U loadWords(const uint32_t* from) { return _mm512_loadu_si512(from); }
inline void storeWords(uint32_t* to, U words) { _mm512_storeu_si512(to, words); }

// rows[i] lane j ↔ rows[j] lane i.
inline void transpose(U (&rows)[16]) {
  U t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    rows[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    rows[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    rows[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

#else

using F = __m256;
using U = __m256i;
inline constexpr int64_t lanes = 8;

inline U maskOf(Part p) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(p.count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline F zero() { return _mm256_setzero_ps(); }
inline F all(float value) { return _mm256_set1_ps(value); }
inline F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
inline F highest(F a, F b) { return _mm256_max_ps(a, b); }
inline F lowest(F a, F b) { return _mm256_min_ps(a, b); }
inline F squareRoot(F a) { return _mm256_sqrt_ps(a); }
inline F nearestInteger(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// For exponents within ±126: those of exp's argument range.
inline F timesPowerOf2(F a, F exponent) {
  const U shifted = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(a, _mm256_castsi256_ps(shifted));
}
inline F whereLess(F x, F y, F a, F b) { return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, y, _CMP_LT_OQ)); }
inline F only(F a, Part p) { return _mm256_and_ps(a, _mm256_castsi256_ps(maskOf(p))); }
inline F only(F a, Whole) { return a; }

inline float sumOf(F a) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
inline float highestOf(F a) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

inline F load(const float* from, Whole) { return _mm256_loadu_ps(from); }
inline F load(const float* from, Part p) { return _mm256_maskload_ps(from, maskOf(p)); }
inline F widened(__m128i bits) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16)); }
inline __m128i loadBits(const uint16_t* from, Whole) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
inline __m128i loadBits(const uint16_t* from, Part p) {
  __m128i bits = _mm_setzero_si128();
  __builtin_memcpy(&bits, from, static_cast<size_t>(p.count) * 2);
  return bits;
}
inline F load(const uint16_t* from, Whole p) { return widened(loadBits(from, p)); }
inline F load(const uint16_t* from, Part p) { return widened(loadBits(from, p)); }

inline void store(float* to, F value, Whole) { _mm256_storeu_ps(to, value); }
inline void store(float* to, F value, Part p) { _mm256_maskstore_ps(to, maskOf(p), value); }

// Rounded to nearest even; NaN stays NaN.
inline __m128i narrowed(F value) {
  const U bits = _mm256_castps_si256(value);
  const U odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const U rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  const U quiet = _mm256_or_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(0x40));
  const U nan = _mm256_castps_si256(_mm256_cmp_ps(value, value, _CMP_UNORD_Q));
  const U halves = _mm256_blendv_epi8(rounded, quiet, nan);
  return _mm_packus_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

inline U pairsOf(F low, F high) { return _mm256_set_m128i(narrowed(high), narrowed(low)); }

using Bits = __m128i;
inline U lowerHalves(Bits bits) { return _mm256_cvtepu16_epi32(bits); }
inline U interleaved(Bits low, Bits high) { return _mm256_or_si256(lowerHalves(low), _mm256_slli_epi32(lowerHalves(high), 16)); }

inline U loadPairs(const uint16_t* from, Whole) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
inline U loadPairs(const uint16_t* from, Part p) {
  U words = _mm256_setzero_si256();
  __builtin_memcpy(&words, from, static_cast<size_t>(p.count) * 2);
  return words;
}

inline void store(uint16_t* to, F value, Whole) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), narrowed(value)); }
inline void store(uint16_t* to, F value, Part p) {
  const __m128i bits = narrowed(value);
  __builtin_memcpy(to, &bits, static_cast<size_t>(p.count) * 2);
}

// The NF4 values of the first 8 codes, a byte each.
inline F codeValues(__m128i codes) {
  const U indices = _mm256_cvtepu8_epi32(codes);
  const F low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(nf4Codes), indices);
  const F high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(nf4Codes + 8), indices);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(indices, 28)));
}

inline U wordsOf(F value) { return _mm256_castps_si256(value); }
inline F floatsOf(U words) { return _mm256_castsi256_ps(words); }
inline U noWords() { return _mm256_setzero_si256(); }
inline U broadcastWord(const uint8_t* from) {
  uint32_t word;
  __builtin_memcpy(&word, from, sizeof word);
  return _mm256_set1_epi32(static_cast<int>(word));
}
inline U loadWords(const uint32_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
inline void storeWords(uint32_t* to, U words) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), words); }

// rows[i] lane j ↔ rows[j] lane i.
inline void transpose(U (&rows)[8]) {
  U t[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    rows[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    rows[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    rows[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    rows[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm256_permute2x128_si256(rows[i], rows[i + 4], 0x20);
    t[i + 4] = _mm256_permute2x128_si256(rows[i], rows[i + 4], 0x31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) rows[i] = t[i];
}

#endif

// Lanes that are not loaded have the value `rest`.
inline F load(const float* from, Whole p, float) { return load(from, p); }
inline F load(const float* from, Part p, float rest) {
  float values[lanes];
  store(values, all(rest), Whole{});
  store(values, load(from, p), p);
  return load(values, Whole{});
}

// Calls body(i, Whole) for each whole vector of n elements, then body(i, Part) for the remaining elements.
template <class Body>
inline void forLanes(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) body(i, Whole{});
  if (i < n) body(i, Part{n - i});
}

}  // namespace luthier::LUTHIER_ISA
