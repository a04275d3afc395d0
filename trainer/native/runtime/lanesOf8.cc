#include "lanesOf8.h"

// A sanitizer's own start-up runs after the choice between clones, so it gets one version.
#if defined(__SANITIZE_ADDRESS__)
#define LUTHIER_CLONES
#else
#define LUTHIER_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

namespace luthier {
namespace {

constexpr int lanes = 8;

}  // namespace

LUTHIER_CLONES double dotOfFloats(const float* x, const double* y, int64_t count) {
  double sums[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (int lane = 0; lane < lanes; ++lane) sums[lane] += static_cast<double>(x[i + lane]) * y[i + lane];
  }
  for (; i < count; ++i) sums[i % lanes] += static_cast<double>(x[i]) * y[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

LUTHIER_CLONES double dotOf(const double* x, const double* y, int64_t count) {
  double sums[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (int lane = 0; lane < lanes; ++lane) sums[lane] += x[i + lane] * y[i + lane];
  }
  for (; i < count; ++i) sums[i % lanes] += x[i] * y[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

LUTHIER_CLONES void addScaledFloats(double* y, double factor, const float* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] += factor * static_cast<double>(x[i]);
}

LUTHIER_CLONES void addScaledTo(double* y, double factor, const double* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] += factor * x[i];
}

LUTHIER_CLONES void rotateBoth(double* p, double* q, double c, double s, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const double a = p[i], b = q[i];
    p[i] = c * a - s * b;
    q[i] = s * a + c * b;
  }
}

}  // namespace luthier
