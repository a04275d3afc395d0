// Multiply-adds that never leave the registers: the arithmetic these cores could do if no byte had to be moved.
//
//   peak THREADS      prints GFLOP/s of all threads: {"F32": …, "BF16": …}; BF16 is absent where there is no vdpbf16ps
//
// Built with -march=native on the machine that is measured. All threads run at once; of each the best of many short slices
// counts, since whatever else runs on the machine can only make a slice slower.
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr int accumulators = 24;  // several in flight a port, and all fit into the registers
constexpr int64_t rounds = 12'000;
constexpr double secondsOfProbe = 0.5;

#if defined(__AVX512F__)
constexpr double flopsF32 = 2.0 * 16;
void roundsF32() {
  __m512 sums[accumulators];
  for (auto& sum : sums) sum = _mm512_setzero_ps();
  const __m512 a = _mm512_set1_ps(1.0f), b = _mm512_set1_ps(1e-9f);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (int i = 0; i < accumulators; ++i) sums[i] = _mm512_fmadd_ps(a, b, sums[i]);
    asm volatile("" : "+v"(sums[0]));
  }
  __m512 total = sums[0];
  for (int i = 1; i < accumulators; ++i) total = _mm512_add_ps(total, sums[i]);
  asm volatile("" ::"v"(total));
}
#else
constexpr double flopsF32 = 2.0 * 8;
void roundsF32() {
  constexpr int registers = 12;
  __m256 sums[registers];
  for (auto& sum : sums) sum = _mm256_setzero_ps();
  const __m256 a = _mm256_set1_ps(1.0f), b = _mm256_set1_ps(1e-9f);
  for (int64_t round = 0; round < rounds * accumulators / registers; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < registers; ++i) sums[i] = _mm256_fmadd_ps(a, b, sums[i]);
    asm volatile("" : "+x"(sums[0]));
  }
  __m256 total = sums[0];
  for (int i = 1; i < registers; ++i) total = _mm256_add_ps(total, sums[i]);
  asm volatile("" ::"x"(total));
}
#endif

#if defined(__AVX512BF16__)
constexpr double flopsBf16 = 2.0 * 32;
void roundsBf16() {
  __m512 sums[accumulators];
  for (auto& sum : sums) sum = _mm512_setzero_ps();
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1.0f), _mm512_set1_ps(1.0f));
  const __m512bh b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1e-9f), _mm512_set1_ps(1e-9f));
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (int i = 0; i < accumulators; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
    asm volatile("" : "+v"(sums[0]));
  }
  __m512 total = sums[0];
  for (int i = 1; i < accumulators; ++i) total = _mm512_add_ps(total, sums[i]);
  asm volatile("" ::"v"(total));
}
#endif

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double bestSlice(void (*work)()) {
  double best = 1e9;
  for (double start = now(), end = start; end - start < secondsOfProbe;) {
    const double before = end;
    work();
    end = now();
    best = std::min(best, end - before);
  }
  return best;
}

double gigaflops(int threads, void (*work)(), double flopsPerInstruction) {
  std::vector<double> best(threads);
  std::vector<std::thread> workers;
  for (double& result : best) workers.emplace_back([&result, work] { result = bestSlice(work); });
  for (auto& worker : workers) worker.join();
  double total = 0;
  for (const double slice : best) total += flopsPerInstruction * accumulators * rounds / slice / 1e9;
  return total;
}

}  // namespace

int main(int argumentCount, char** arguments) {
  const int threads = argumentCount > 1 ? std::max(1, std::atoi(arguments[1])) : 1;
  std::printf("{\"F32\": %.1f", gigaflops(threads, roundsF32, flopsF32));
#if defined(__AVX512BF16__)
  std::printf(", \"BF16\": %.1f", gigaflops(threads, roundsBf16, flopsBf16));
#endif
  std::printf("}\n");
  return 0;
}
