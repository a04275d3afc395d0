// Our own exp and log, so that results do not depend on the C library.
#pragma once

#include "lanes.h"

namespace luthier::LUTHIER_ISA {

inline F magnitude(F x) { return highest(x, zero() - x); }

// Within 2 ulp for |x| ≤ 87; 0 below −87, the value at 88 above it; NaN stays NaN (of two operands max and min give the
// second where one is NaN). exp(x) = 2ⁿ·exp(r), r = x − n·ln 2, |r| ≤ ln 2 / 2;
// Taylor's series to r⁷ leaves 2e-9.
inline F exponential(F x) {
  const F clamped = lowest(all(88.0f), highest(all(-87.0f), x));
  const F n = nearestInteger(clamped * all(1.44269504088896341f));
  const F high = fma(n, all(-0.693359375f), clamped);
  const F r = fma(n, all(2.12194440e-4f), high);
  F p = all(1.0f / 5040);
  p = fma(p, r, all(1.0f / 720));
  p = fma(p, r, all(1.0f / 120));
  p = fma(p, r, all(1.0f / 24));
  p = fma(p, r, all(1.0f / 6));
  p = fma(p, r, all(0.5f));
  p = fma(p, r, all(1.0f));
  p = fma(p, r, all(1.0f));
  return whereLess(x, all(-87.0f), zero(), timesPowerOf2(p, n));
}

inline float exponentialOf(float x) { return sumOf(only(exponential(all(x)), Part{1})); }

// tanh(x): its series to x¹¹ for |x| < 0.4, which leaves 6e-8, beyond it by exp; NaN stays NaN.
inline F hyperbolicTangent(F x) {
  const F square = x * x;
  F p = all(-1382.0f / 155925);
  p = fma(p, square, all(62.0f / 2835));
  p = fma(p, square, all(-17.0f / 315));
  p = fma(p, square, all(2.0f / 15));
  p = fma(p, square, all(-1.0f / 3));
  const F near = fma(p * square, x, x);
  const F far = all(1.0f) - all(2.0f) / (all(1.0f) + exponential(x + x));
  return whereLess(square, all(0.16f), near, far);
}

inline F sigmoid(F x) { return all(1.0f) / (all(1.0f) + exponential(zero() - x)); }

// Natural logarithm of a positive normal number, in double; infinity and NaN are returned unchanged: ln(m·2ᵉ) = e·ln 2
// + 2·atanh((m−1)/(m+1)), √½ ≤ m < √2.
inline double logarithm(double x) {
  uint64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  int64_t exponent = static_cast<int64_t>(bits >> 52) - 1022;
  if (exponent > 1024) return x;
  bits = (bits & 0x000fffffffffffffull) | 0x3fe0000000000000ull;
  double m;
  __builtin_memcpy(&m, &bits, sizeof m);  // in [½, 1)
  if (m < 0.70710678118654752) {
    m *= 2;
    exponent -= 1;
  }
  const double z = (m - 1) / (m + 1), square = z * z;
  double series = 0;
  for (int k = 19; k >= 1; k -= 2) series = series * square + 1.0 / k;
  return static_cast<double>(exponent) * 0.69314718055994531 + 2 * z * series;
}

// exp(x) in double; 0 below −700, the value at 700 above it. exp(x) = 2ⁿ·exp(r), r = x − n·ln 2, |r| ≤ ln 2 / 2; Taylor's
// series to r¹³ leaves 1e-17.
inline double exponentialInDouble(double x) {
  if (x < -700) return 0;
  const double bounded = x > 700 ? 700 : x;
  const auto n = static_cast<int64_t>(bounded * 1.4426950408889634 + (bounded < 0 ? -0.5 : 0.5));
  const double r = (bounded - static_cast<double>(n) * 0.693147180369123816490) - static_cast<double>(n) * 1.90821492927058770002e-10;
  double series = 1;
  for (int k = 13; k >= 1; --k) series = 1 + series * r / k;
  const uint64_t bits = static_cast<uint64_t>(n + 1023) << 52;
  double power;
  __builtin_memcpy(&power, &bits, sizeof power);
  return series * power;
}

}  // namespace luthier::LUTHIER_ISA
