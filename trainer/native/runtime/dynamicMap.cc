#include "dynamicMap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace luthier {
namespace {

using Map = std::array<float, 256>;

// 10^(i−6) × midpoints of linspace(0.1, 1, n + 1) for i = 0..6, plus 0 and 1; n is 2^i with both signs, else 2^(i+1). In
// F32 steps, as torch builds it.
Map dynamicMap(bool isSigned) {
  std::vector<float> values{0.0f, 1.0f};
  for (int i = 0; i < 7; ++i) {
    const int steps = isSigned ? 1 << i : 2 << i;
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
      if (isSigned) values.push_back(-value);
    }
  }
  std::sort(values.begin(), values.end());
  Map map{};
  std::copy(values.begin(), values.end(), map.begin());
  return map;
}

const Map withSign = dynamicMap(true);
const Map withoutSign = dynamicMap(false);

}  // namespace

const float* const signedDynamicMap = withSign.data();
const float* const unsignedDynamicMap = withoutSign.data();

}  // namespace luthier
