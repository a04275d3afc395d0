// The mean of floats in F32, in the order of sums that PyTorch's CPU `mean` has on x86-64 on one thread: bitsandbytes takes
// the offset of double quantisation from it, so its last bit is part of the format's bytes. (On several threads PyTorch
// divides 32,768 values and more among them; its own last bit then depends on their number.)
//
// Values are rows of 8 lanes. Rows go by turns to 4 accumulators, which sum in cascades of four levels so that errors do
// not pile up; then rows left over, accumulators, values left over and lanes are added in order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace luthier {

template <int Lanes>
struct CascadeSum {
  using Row = std::array<float, Lanes>;
  static constexpr int turns = 4, levels = 4;

  static void add(Row& sum, const float* values) {
    for (int lane = 0; lane < Lanes; ++lane) sum[lane] += values[lane];
  }

  static Row of(const float* values, int64_t rows) {
    std::array<std::array<Row, turns>, levels> sums{};
    const int64_t groups = rows / turns;
    const auto addGroup = [&](int64_t group) {
      for (int turn = 0; turn < turns; ++turn) add(sums[0][turn], values + (group * turns + turn) * Lanes);
    };
    const int power = std::max(4, ceilLog2(groups) / levels);
    const int64_t step = int64_t{1} << power;
    int64_t group = 0;
    while (group + step <= groups) {
      for (const int64_t end = group + step; group < end; ++group) addGroup(group);
      for (int level = 1; level < levels; ++level) {
        carry(sums[level - 1], sums[level]);
        if ((group & ((step - 1) << (level * power))) != 0) break;
      }
    }
    for (; group < groups; ++group) addGroup(group);
    for (int level = 1; level < levels; ++level) carry(sums[level], sums[0]);
    for (int64_t row = groups * turns; row < rows; ++row) add(sums[0][0], values + row * Lanes);
    for (int turn = 1; turn < turns; ++turn) add(sums[0][0], sums[0][turn].data());
    return sums[0][0];
  }

 private:
  static void carry(std::array<Row, turns>& from, std::array<Row, turns>& to) {
    for (int turn = 0; turn < turns; ++turn) {
      add(to[turn], from[turn].data());
      from[turn] = Row{};
    }
  }

  static int ceilLog2(int64_t value) {
    int power = 0;
    while ((int64_t{1} << power) < value) ++power;
    return power;
  }
};

inline float torchMean(const float* values, int64_t count) {
  constexpr int lanes = 8;
  if (count < lanes) return CascadeSum<1>::of(values, count)[0] / static_cast<float>(count);
  const int64_t rows = count / lanes;
  const auto sums = CascadeSum<lanes>::of(values, rows);
  float sum = 0;
  for (int64_t i = rows * lanes; i < count; ++i) sum += values[i];
  for (const float lane : sums) sum += lane;
  return sum / static_cast<float>(count);
}

}  // namespace luthier
