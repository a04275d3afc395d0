// Parts shared by attention's forward and backward passes: segments, operands as panels over all columns, and rows of
// scores.
//
// A *segment* is a minimal run of rows that no later row attends to: with block-diagonal packing, one packed example.
// All work and all orders of sums are relative to a segment's first row, so a segment's bits do not depend on its
// position in the buffer.
#pragma once

#include "gemm.h"
#include "math.h"

namespace luthier::LUTHIER_ISA {

struct Segment {
  int64_t first, last;  // rows [first, last)
  int64_t rows() const { return last - first; }
};

// Fills `segments` (room for T), last segment first; returns their number. A row attends to the keys from its segment
// start to itself.
inline int64_t findSegments(const Tensor& start, Segment* segments) {
  int64_t count = 0, last = start.count(), lowest = last;
  for (int64_t t = last - 1; t >= 0; --t) {
    lowest = smaller(lowest, indexAt(start, t));
    if (lowest < t) continue;
    segments[count++] = {t, last};
    last = lowest = t;
  }
  return count;
}

// Panels of `width` columns over `units` of K lie one after another; panel p starts at p · panelWidth · units.
constexpr int64_t panelsWords(int64_t width, int64_t units) { return roundUp(width, lanes) * units; }

constexpr int64_t panelVectorsAt(int64_t width, int64_t col) { return smaller(panelVectors, ceilDivide(width - col, lanes)); }

// The panels that packAllAlong and packAllAcross write.
struct Panels {
  const uint32_t* words;
  int64_t width, units;
};

template <class C>
inline Panels packAllAlong(const auto& matrix, int64_t width, int64_t depth, uint32_t* to) {
  for (int64_t col = 0; col < width; col += panelWidth) {
    packAlong<C>(matrix.block(col, 0), smaller(panelWidth, width - col), 0, depth, panelVectorsAt(width, col), to + col * unitsOf<C>(depth));
  }
  return {to, width, unitsOf<C>(depth)};
}

template <class C>
inline Panels packAllAcross(const auto& matrix, int64_t width, int64_t depth, uint32_t* to) {
  for (int64_t col = 0; col < width; col += panelWidth) {
    packAcross<C>(matrix.block(0, col), smaller(panelWidth, width - col), 0, depth, panelVectorsAt(width, col), to + col * unitsOf<C>(depth));
  }
  return {to, width, unitsOf<C>(depth)};
}

// The first `width` columns (whole panels) and `units` of K of a · panels; outFor(col) gives each panel's output.
template <class C, class OutFor>
inline void multiplyAll(const LeftRows& a, int64_t rows, const Panels& panels, int64_t width, int64_t units, OutFor outFor) {
  for (int64_t col = 0; col < width; col += panelWidth) {
    const uint32_t* panel = panels.words + col * panels.units;
    multiply<C>(a, rows, panel, panelVectorsAt(panels.width, col), units, noTail, outFor(col));
  }
}

// Multiplies finished sums by their row's factor and rounds them into a tensor's columns [col0, behind).
struct ToRows {
  const Tensor& to;
  int64_t row0, col0, behind;
  const float* factors;  // by row; null: 1

  F start(int64_t, int64_t) const { return zero(); }

  void finish(int64_t row, int64_t vector, F sum) const {
    const int64_t col = col0 + vector * lanes, count = behind - col;
    if (factors) sum = sum * all(factors[row]);
    if (count >= lanes) storeAny(to, row0 + row, col, sum, Whole{});
    else if (count > 0) storeAny(to, row0 + row, col, sum, Part{count});
  }
};

// The columns of one head, as a matrix whose row 0 is row `row`.
template <class T>
inline Dense<T> headOf(const Tensor& t, int64_t row, int64_t head, int64_t headDim) {
  return dense<T>(t).block(row, head * headDim);
}

// Rows of a head as a left operand: in place, or converted into `to`.
template <class C, class T>
inline LeftRows headRows(const Dense<T>& matrix, DType dtype, int64_t rows, int64_t headDim, uint32_t* to) {
  return readsInPlace<C>(dtype, headDim) ? inPlace<C>(matrix) : converted<C>(matrix, rows, headDim, to);
}

}  // namespace luthier::LUTHIER_ISA
