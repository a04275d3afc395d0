#include "quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "error.h"
#include "nf4.h"
#include "reference.h"
#include "torchMean.h"

namespace luthier {
namespace {

constexpr float smallestScale = 1e-38f;

float valueAt(const uint8_t* values, DType dtype, int64_t index) {
  using namespace reference;
  if (dtype == DType::bf16) return floatFromBf16(loadAs<uint16_t>(values + 2 * index));
  return loadAs<float>(values + 4 * index);
}

// A non-finite scale is invalid, and its code would lie outside of every table.
float finiteAt(const uint8_t* values, DType dtype, int64_t index) {
  const float value = valueAt(values, dtype, index);
  if (std::isfinite(value)) return value;
  throw Error("element " + std::to_string(index) + " is " + (std::isnan(value) ? "NaN" : "infinite"));
}

// The code whose interval between midpoints holds the value; a midpoint belongs to the lower code.
uint8_t nf4Code(float scaled) {
  uint8_t code = 0;
  while (code < 15 && scaled > (nf4Codes[code] + nf4Codes[code + 1]) / 2.0f) ++code;
  return code;
}

// The 8-bit code of a value in [-1, 1]: the nearest entry of the dynamic map, looked up by the nearest of 65,536 evenly
// spaced values, as bitsandbytes' CPU code finds it (entries below 2e-5 are hence never used).
class DynamicCodes {
 public:
  DynamicCodes() {
    for (size_t i = 0; i < table_.size(); ++i) table_[i] = nearest(static_cast<float>(static_cast<double>(i) / 65535 * 2 - 1));
  }

  uint8_t of(float normed) const {
    const float place = (normed + 1.0f) * 32767.5f + 0.5f;
    return table_[static_cast<size_t>(std::clamp(place, 0.0f, 65535.0f))];
  }

 private:
  static uint8_t nearest(float value) {
    const float* const first = signedDynamicMap;
    const float* above = std::lower_bound(first, first + 256, value);
    if (above == first) return 0;
    if (above == first + 256) return 255;
    return static_cast<uint8_t>((value - above[-1] <= above[0] - value ? above - 1 : above) - first);
  }

  std::array<uint8_t, 65536> table_{};
};

// absmax → codes and scales of 256 blocks each, the offset last.
void quantizeScales(Nf4Matrix& matrix) {
  static const DynamicCodes codes;
  const auto count = static_cast<int64_t>(matrix.absmax.size());
  const float offset = torchMean(matrix.absmax.data(), count);
  if (!std::isfinite(offset)) throw Error("the mean of its blocks' scales overflows F32, so it cannot be quantised twice");
  for (int64_t first = 0; first < count; first += nf4NestedBlock) {
    const int64_t last = std::min(first + nf4NestedBlock, count);
    float scale = 0;
    for (int64_t i = first; i < last; ++i) scale = std::max(scale, std::fabs(matrix.absmax[i] - offset));
    matrix.nestedAbsmax.push_back(scale);
    for (int64_t i = first; i < last; ++i) {
      // When all blocks are equal, the scale is 0 and every code restores the offset. bitsandbytes writes the first
      // code.
      matrix.absmaxCodes.push_back(scale > 0 ? codes.of((matrix.absmax[i] - offset) / scale) : 0);
    }
  }
  matrix.nestedAbsmax.push_back(offset);
  matrix.absmax.clear();
}

}  // namespace

Nf4Matrix quantizeNf4(const uint8_t* values, DType dtype, int64_t count, bool doubleQuantization) {
  Nf4Matrix matrix;
  matrix.packed.resize(static_cast<size_t>((count + 1) / 2));
  for (int64_t first = 0; first < count; first += nf4Block) {
    const int64_t last = std::min(first + nf4Block, count);
    const bool whole = last - first == nf4Block;
    float absmax = 0;
    for (int64_t i = first; i < last; ++i) absmax = std::max(absmax, std::fabs(finiteAt(values, dtype, i)));
    const float scale = std::max(absmax, smallestScale), inverse = 1.0f / scale;
    for (int64_t i = first; i < last; ++i) {
      const float value = valueAt(values, dtype, i), scaled = whole ? value * inverse : value / scale;
      matrix.packed[i / 2] |= static_cast<uint8_t>(nf4Code(scaled) << (i % 2 == 0 ? 4 : 0));
    }
    matrix.absmax.push_back(whole ? absmax : scale);
  }
  if (count % 2 != 0) matrix.packed.back() |= nf4Code(0.0f);
  if (doubleQuantization) quantizeScales(matrix);
  return matrix;
}

}  // namespace luthier
