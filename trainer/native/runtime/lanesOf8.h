// Vector loops in double precision with eight sums side by side, added in order at the end: every instruction set computes
// the same bits, and each loop is compiled for several.
#pragma once

#include <cstdint>

namespace luthier {

// y·x of floats and doubles.
double dotOfFloats(const float* x, const double* y, int64_t count);
// y += factor·x
void addScaledFloats(double* y, double factor, const float* x, int64_t count);
double dotOf(const double* x, const double* y, int64_t count);
void addScaledTo(double* y, double factor, const double* x, int64_t count);
// (p, q) → (c·p − s·q, s·p + c·q)
void rotateBoth(double* p, double* q, double c, double s, int64_t count);

}  // namespace luthier
