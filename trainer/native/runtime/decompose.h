// The largest singular values of a matrix and their vectors, and the first columns of its QR decomposition, in double
// precision.
//
// Work is divided by shape, sums run in a fixed order, and nothing but +, −, ·, / and √ is used: the bits are the same for
// any number of threads and any instruction set.
#pragma once

#include <cstdint>
#include <vector>

#include "workers.h"

namespace luthier {

// A matrix [rows, columns], row-major.
struct MatrixView {
  const float* values;
  int64_t rows, columns;
};

// Σ values[k] · left[k]·right[k]ᵀ, the largest first; for QR left is Q's columns, right R's rows, and values are 1.
struct Factors {
  std::vector<double> values;
  std::vector<double> left;   // [rank, rows]
  std::vector<double> right;  // [rank, columns]
};

// The `rank` largest singular values, from 1 to min(rows, columns).
Factors principalPart(MatrixView w, int64_t rank, Workers& workers);

// The first `rank` columns of Q and rows of R of W = Q·R, with LAPACK's signs: R's diagonal has the sign opposite to the
// column's own.
Factors leadingQr(MatrixView w, int64_t rank, Workers& workers);

}  // namespace luthier
