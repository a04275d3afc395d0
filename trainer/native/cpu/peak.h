// Measures the peak rate of multiply-adds between registers. Benchmarks report shares of it.
#pragma once

#include "gemm.h"

namespace luthier::LUTHIER_ISA {

// Runs `count` tasks of independent multiply-adds and returns the floating-point operations done.
template <class C>
inline double registerProducts(Workers& workers, int64_t count) {
  constexpr int64_t repeats = 25000;
  constexpr int chains = panelVectors * tileRows<static_cast<int>(panelVectors)>();
  auto* sink = reinterpret_cast<float*>(workers.sharedScratch(count * lanes * 4));
  forTasks(workers, count, [&](int64_t task, int32_t) {
    F sums[chains];
#pragma GCC unroll 24
    for (int i = 0; i < chains; ++i) sums[i] = all(static_cast<float>(i));
    const U a = wordsOf(all(1e-20f)), b = wordsOf(all(1e-10f));
    for (int64_t repeat = 0; repeat < repeats; ++repeat) {
#pragma GCC unroll 24
      for (int i = 0; i < chains; ++i) sums[i] = C::multiplyAdd(sums[i], a, b);
    }
    F total = zero();
#pragma GCC unroll 24
    for (int i = 0; i < chains; ++i) total = total + sums[i];
    store(sink + task * lanes, total, Whole{});
  });
  return 2.0 * static_cast<double>(count * repeats * chains * lanes * C::perUnit);
}

inline double registerPeak(DType activation, Workers& workers, int64_t count) {
  double operations = 0;
  withCompute(activation, [&]<class C>(C) { operations = registerProducts<C>(workers, count); });
  return operations;
}

}  // namespace luthier::LUTHIER_ISA
