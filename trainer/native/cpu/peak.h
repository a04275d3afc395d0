// Measures the peak rate of multiply-adds between registers. Benchmarks report shares of it.
#pragma once

#include "gemm.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t peakRepeats = 25000;

// Independent multiply-adds between registers; returns the floating-point operations of one repeat.
template <class C>
inline double multiplyRegisters(float* sink) {
  constexpr int chains = panelVectors * tileRows<static_cast<int>(panelVectors)>();
  F sums[chains];
#pragma GCC unroll 24
  for (int i = 0; i < chains; ++i) sums[i] = all(static_cast<float>(i));
  const U a = wordsOf(all(1e-20f)), b = wordsOf(all(1e-10f));
  for (int64_t repeat = 0; repeat < peakRepeats; ++repeat) {
#pragma GCC unroll 24
    for (int i = 0; i < chains; ++i) sums[i] = C::multiplyAdd(sums[i], a, b);
  }
  F total = zero();
#pragma GCC unroll 24
  for (int i = 0; i < chains; ++i) total = total + sums[i];
  store(sink, total, Whole{});
  return 2.0 * chains * lanes * C::perUnit;
}

#ifdef LUTHIER_TILES
template <>
inline double multiplyRegisters<ComputeBf16>(float* sink) {
  alignas(64) float zeros[tileSide * tileSide] = {};
  Tiles tiles;
  tiles.clear<0>();
  tiles.clear<1>();
  tiles.clear<2>();
  tiles.clear<3>();
  tiles.load<4>(zeros, 64);
  tiles.load<5>(zeros, 64);
  for (int64_t repeat = 0; repeat < peakRepeats; repeat += 100) {
    tiles.addProducts<0, 4, 5>();
    tiles.addProducts<1, 4, 5>();
    tiles.addProducts<2, 4, 5>();
    tiles.addProducts<3, 4, 5>();
  }
  tiles.store<0>(zeros, 64);
  store(sink, load(zeros, Whole{}), Whole{});
  return 4 * 2.0 * tileSide * tileSide * 2 * tileSide / 100;
}
#endif

// Runs `count` tasks of them and returns the operations done.
template <class C>
inline double registerProducts(Workers& workers, int64_t count) {
  auto* sink = reinterpret_cast<float*>(workers.sharedScratch(count * lanes * 4));
  double each = 0;
  forTasks(workers, count, [&](int64_t task, int32_t) {
    const double operations = multiplyRegisters<C>(sink + task * lanes);
    if (task == 0) each = operations;
  });
  return each * static_cast<double>(count * peakRepeats);
}

inline double registerPeak(DType activation, Workers& workers, int64_t count) {
  double operations = 0;
  withCompute(activation, [&]<class C>(C) { operations = registerProducts<C>(workers, count); });
  return operations;
}

}  // namespace luthier::LUTHIER_ISA
