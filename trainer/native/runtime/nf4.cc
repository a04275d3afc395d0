#include "nf4.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace luthier {
namespace {

// ±10^(i−6) × midpoints of linspace(0.1, 1, 2^i + 1) for i = 0..6, plus 0 and 1. In F32 steps, as torch builds it.
std::array<float, 256> dynamicMap() {
  std::vector<float> values{0.0f, 1.0f};
  for (int i = 0; i < 7; ++i) {
    const int steps = 1 << i;
    const auto boundary = [&](int k) {
      // torch.linspace: the upper half counts down from the end, each with one rounding.
      const float step = (1.0f - 0.1f) / static_cast<float>(steps);
      if (k < (steps + 1) / 2) return std::fma(step, static_cast<float>(k), 0.1f);
      return std::fma(-step, static_cast<float>(steps - k), 1.0f);
    };
    for (int k = 0; k < steps; ++k) {
      const float middle = (boundary(k) + boundary(k + 1)) / 2.0f;
      const float value = static_cast<float>(std::pow(10.0, i - 6)) * middle;
      values.push_back(value);
      values.push_back(-value);
    }
  }
  std::sort(values.begin(), values.end());
  std::array<float, 256> map{};
  std::copy(values.begin(), values.end(), map.begin());
  return map;
}

const std::array<float, 256> map = dynamicMap();

}  // namespace

const float* const nf4DynamicMap = map.data();

}  // namespace luthier
