// Packs operands of matrix products into the order in which the micro-kernel reads them.
//
// A product's K dimension runs in *units* of 32 bits: one F32, or two BF16 that are neighbours along K (an odd K is
// filled with zero). A panel is up to four vectors of columns wide, [unit][column]; rows of the left operand are read
// in place where their type allows it. Conversion (F32 ↔ BF16) happens while packing, so no converted copy of a weight
// exists.
#pragma once

#include "../runtime/nf4.h"
#include "tasks.h"

namespace luthier::LUTHIER_ISA {

struct ComputeF32 {
  static constexpr int64_t perUnit = 1;
  static constexpr DType dtype = DType::f32;
  static constexpr bool tiles = false;
  static F multiplyAdd(F sum, U a, U b) { return fma(floatsOf(a), floatsOf(b), sum); }
};

#if defined(__AVX512BF16__) || defined(LUTHIER_TILES)
struct Bf16Pairs {
  static constexpr int64_t perUnit = 2;
  static constexpr DType dtype = DType::bf16;
};
#endif

#ifdef LUTHIER_TILES
// Products of tiles (tileGemm.h).
struct ComputeBf16 : Bf16Pairs {
  static constexpr bool tiles = true;
};
#elif defined(__AVX512BF16__)
struct ComputeBf16 : Bf16Pairs {
  static constexpr bool tiles = false;
  static F multiplyAdd(F sum, U a, U b) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(b), reinterpret_cast<__m512bh>(a));
  }
};
#endif

// body(Compute{}) with the arithmetic that products of this activation type use here.
template <class Body>
inline void withCompute([[maybe_unused]] DType activation, Body body) {
#if defined(__AVX512BF16__) || defined(LUTHIER_TILES)
  if (activation == DType::bf16) return body(ComputeBf16{});
#endif
  body(ComputeF32{});
}

// A dense matrix, or a block of one, by its first element.
template <class T>
struct Dense {
  const T* data;
  int64_t stride;

  Dense block(int64_t row, int64_t col) const { return {data + row * stride + col, stride}; }

  F floats(int64_t row, int64_t col, int64_t count) const {
    const T* from = data + row * stride + col;
    if (count >= lanes) return load(from, Whole{});
    return count > 0 ? load(from, Part{count}) : zero();
  }
};

template <class T>
inline Dense<T> dense(const Tensor& t) {
  return {t.row<T>(0), t.stride};
}

// An NF4 matrix or a block of one; its values are restored as they are read.
struct Nf4 {
  const Tensor& tensor;
  int64_t row0, col0;

  Nf4 block(int64_t row, int64_t col) const { return {tensor, row0 + row, col0 + col}; }

  F floats(int64_t row, int64_t col, int64_t count) const {
    if (count <= 0) return zero();
    const int64_t element = (row0 + row) * tensor.cols() + col0 + col;
    if (count >= lanes && element % lanes == 0) return codes(element) * all(absmax(element / nf4Block));
    float values[lanes] = {};
    for (int64_t i = 0; i < smaller(count, lanes); ++i) values[i] = value(element + i);
    return load(values, Whole{});
  }

 private:
  // `lanes` codes of one block, from a whole vector's boundary.
  F codes(int64_t element) const {
    uint64_t bytes = 0;
    __builtin_memcpy(&bytes, tensor.data + element / 2, lanes / 2);
    const __m128i pairs = _mm_cvtsi64_si128(static_cast<long long>(bytes)), mask = _mm_set1_epi8(15);
    return codeValues(_mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(pairs, 4), mask), _mm_and_si128(pairs, mask)));
  }

  float value(int64_t element) const {
    const int pair = tensor.data[element / 2];
    return nf4Codes[element % 2 == 0 ? pair >> 4 : pair & 15] * absmax(element / nf4Block);
  }

  // Restored as runtime/nf4.h does: a rounded product, a rounded sum.
  float absmax(int64_t block) const {
    if (!tensor.nestedAbsmax) return floatAt(tensor.absmax, block);
    const int64_t blocks = ceilDivide(tensor.count(), nf4Block);
    const float product = signedDynamicMap[tensor.absmax[block]] * floatAt(tensor.nestedAbsmax, block / nf4NestedBlock);
    return product + floatAt(tensor.nestedAbsmax, ceilDivide(blocks, nf4NestedBlock));
  }

  static float floatAt(const uint8_t* from, int64_t index) {
    float number;
    __builtin_memcpy(&number, from + 4 * index, sizeof number);
    return number;
  }
};

// Calls body(matrix) with the tensor as the matrix type of its storage and data type.
template <class Body>
inline void withSource(const Tensor& t, Body body) {
  if (t.storage == Storage::nf4) body(Nf4{t, 0, 0});
  else if (t.dtype == DType::bf16) body(dense<uint16_t>(t));
  else body(dense<float>(t));
}

// `lanes` units of one row, from column k on; `count` elements are left of the row.
inline U unitsAlong(ComputeF32, const auto& matrix, int64_t row, int64_t k, int64_t count) {
  return wordsOf(matrix.floats(row, k, count));
}

// `lanes` units across `count` columns from column col on, for K = k; rows behind `last` are zero.
inline U unitsAcross(ComputeF32, const auto& matrix, int64_t k, int64_t, int64_t col, int64_t count) {
  return wordsOf(matrix.floats(k, col, count));
}

#if defined(__AVX512BF16__) || defined(LUTHIER_TILES)

inline U unitsAlong(Bf16Pairs, const Dense<uint16_t>& matrix, int64_t row, int64_t k, int64_t count) {
  const uint16_t* from = matrix.data + row * matrix.stride + k;
  if (count >= 2 * lanes) return loadPairs(from, Whole{});
  return loadPairs(from, Part{count});
}

inline U unitsAlong(Bf16Pairs, const auto& matrix, int64_t row, int64_t k, int64_t count) {
  return pairsOf(matrix.floats(row, k, count), matrix.floats(row, k + lanes, count - lanes));
}

inline Bits bitsOf(const Dense<uint16_t>& matrix, int64_t row, int64_t col, int64_t count) {
  const uint16_t* from = matrix.data + row * matrix.stride + col;
  return count >= lanes ? loadBits(from, Whole{}) : loadBits(from, Part{count});
}

inline Bits bitsOf(const auto& matrix, int64_t row, int64_t col, int64_t count) {
  return narrowed(matrix.floats(row, col, count));
}

inline U unitsAcross(Bf16Pairs, const auto& matrix, int64_t k, int64_t last, int64_t col, int64_t count) {
  const Bits first = bitsOf(matrix, k, col, count);
  return k + 1 > last ? lowerHalves(first) : interleaved(first, bitsOf(matrix, k + 1, col, count));
}

#endif

template <class C>
constexpr int64_t unitsOf(int64_t elements) {
  return ceilDivide(elements, C::perUnit);
}

// A panel from a matrix whose rows are the panel's columns: to[unit][column] for K in [k, k + depth), `width` columns,
// the rest up to `vectors` vectors zero.
template <class C>
inline void packAlong(const auto& matrix, int64_t width, int64_t k, int64_t depth, int64_t vectors, uint32_t* to) {
  const int64_t units = unitsOf<C>(depth);
  for (int64_t group = 0; group < vectors; ++group) {
    for (int64_t unit = 0; unit < units; unit += lanes) {
      U rows[lanes];
      for (int64_t i = 0; i < lanes; ++i) {
        const int64_t row = group * lanes + i, at = unit * C::perUnit;
        rows[i] = row < width ? unitsAlong(C{}, matrix, row, k + at, depth - at) : noWords();
      }
      transpose(rows);
      const int64_t count = smaller(lanes, units - unit);
      for (int64_t i = 0; i < count; ++i) storeWords(to + ((unit + i) * vectors + group) * lanes, rows[i]);
    }
  }
}

// A panel from a matrix whose columns are the panel's columns.
template <class C>
inline void packAcross(const auto& matrix, int64_t width, int64_t k, int64_t depth, int64_t vectors, uint32_t* to) {
  const int64_t units = unitsOf<C>(depth), last = k + depth - 1;
  for (int64_t unit = 0; unit < units; ++unit) {
    for (int64_t group = 0; group < vectors; ++group) {
      const int64_t count = width - group * lanes;
      const U words = count > 0 ? unitsAcross(C{}, matrix, k + unit * C::perUnit, last, group * lanes, count) : noWords();
      storeWords(to + (unit * vectors + group) * lanes, words);
    }
  }
}

// The left operand: the address of the unit at row 0 and K = 0, and the strides to the next row and the next unit.
struct LeftRows {
  const uint8_t* data;
  int64_t rowBytes, unitBytes;

  LeftRows at(int64_t row, int64_t unit) const { return {data + row * rowBytes + unit * unitBytes, rowBytes, unitBytes}; }
};

// True if rows of this type can be read in place: the type matches, and no row ends in half a unit.
template <class C>
constexpr bool readsInPlace(DType dtype, int64_t depth) {
  return dtype == C::dtype && depth % C::perUnit == 0;
}

template <class C, class T>
inline LeftRows inPlace(const Dense<T>& matrix) {
  return {reinterpret_cast<const uint8_t*>(matrix.data), matrix.stride * static_cast<int64_t>(sizeof(T)), 4};
}

// Rows converted into `to`, [row][unit].
template <class C>
inline LeftRows converted(const auto& matrix, int64_t rows, int64_t depth, uint32_t* to) {
  const int64_t stride = roundUp(unitsOf<C>(depth), lanes);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t unit = 0; unit < stride; unit += lanes) {
      storeWords(to + row * stride + unit, unitsAlong(C{}, matrix, row, unit * C::perUnit, depth - unit * C::perUnit));
    }
  }
  return {reinterpret_cast<const uint8_t*>(to), stride * 4, 4};
}

// The number of words that `converted` needs.
template <class C>
constexpr int64_t convertedWords(int64_t rows, int64_t depth) {
  return rows * roundUp(unitsOf<C>(depth), lanes);
}

// A second, scaled product that the sums start with. It adds the low-rank update to x·W.
struct Tail {
  LeftRows left;
  const uint32_t* panel;
  int64_t units;
  float scale;
};

inline constexpr Tail noTail{{nullptr, 0, 0}, nullptr, 0, 0};

// Consecutive buffers in scratch, each on a cache line.
class Carver {
 public:
  explicit Carver(uint8_t* at) : at_(at) {}

  template <class T>
  T* take(int64_t count) {
    T* taken = reinterpret_cast<T*>(at_);
    at_ += bytes<T>(count);
    return taken;
  }

  template <class T>
  static constexpr int64_t bytes(int64_t count) {
    return roundUp(count * static_cast<int64_t>(sizeof(T)), 64);
  }

 private:
  uint8_t* at_;
};

}  // namespace luthier::LUTHIER_ISA
