// adamw8 on the CPU: tasks of 64 blocks; the order of operations is the reference's.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"
#include "../../native/runtime/dynamicMap.h"

namespace luthier::LUTHIER_ISA {

class Adamw8Step {
 public:
  explicit Adamw8Step(const Adamw8& op)
      : op_(op), rate_(floatAt(op.hyper, 0) * op.learningRateScale), step_(all(rate_ / floatAt(op.hyper, 1))),
        root2_(all(floatAt(op.hyper, 2))), factor_(all(floatAt(op.factor, 0))), decay_(all(1.0f - rate_ * op.weightDecay)) {}

  void block(int64_t index) const {
    const int64_t first = index * dynamicBlock, count = smaller(dynamicBlock, op_.theta.count() - first);
    float m[dynamicBlock], v[dynamicBlock];
    restore(op_.m, op_.mScale, signedDynamicMap, index, count, m);
    restore(op_.v, op_.vScale, unsignedDynamicMap, index, count, v);
    const float* grad = op_.grad.row<float>(0) + first;
    float* theta = op_.theta.row<float>(0) + first;
    const F beta1 = all(op_.beta1), rest1 = all(op_.oneMinusBeta1), beta2 = all(op_.beta2), rest2 = all(op_.oneMinusBeta2);
    F mTop = zero(), vTop = zero();
    forLanes(count, [&](int64_t i, auto n) {
      const F g = load(grad + i, n) * factor_;
      const F m1 = load(m + i, n) * beta1 + rest1 * g;
      const F v1 = load(v + i, n) * beta2 + rest2 * g * g;
      store(m + i, m1, n);
      store(v + i, v1, n);
      store(theta + i, load(theta + i, n) * decay_ - step_ * (m1 / (squareRoot(v1) / root2_ + all(op_.eps))), n);
      mTop = highest(mTop, magnitude(m1));
      vTop = highest(vTop, v1);
    });
    quantize(m, highestOf(mTop), signedDynamicMap, op_.m, op_.mScale, index, count);
    quantize(v, highestOf(vTop), unsignedDynamicMap, op_.v, op_.vScale, index, count);
  }

 private:
  static void restore(const Tensor& codes, const Tensor& scales, const float* map, int64_t block, int64_t count, float* values) {
    const float scale = floatAt(scales, block);
    const uint8_t* from = codes.data + block * dynamicBlock;
    for (int64_t i = 0; i < count; ++i) values[i] = map[from[i]] * scale;
  }

  static void quantize(const float* values, float scale, const float* map, const Tensor& codes, const Tensor& scales,
                       int64_t block, int64_t count) {
    putFloat(scales, block, scale);
    uint8_t* to = codes.data + block * dynamicBlock;
    for (int64_t i = 0; i < count; ++i) to[i] = scale > 0 ? dynamicCode(map, values[i] / scale) : uint8_t{0};
  }

  const Adamw8& op_;
  float rate_;
  F step_, root2_, factor_, decay_;
};

inline void adamw8(const Adamw8& op, Workers& workers) {
  const Adamw8Step step(op);
  forPieces(workers, ceilDivide(op.theta.count(), dynamicBlock), 64, [&](int64_t first, int64_t last) {
    for (int64_t index = first; index < last; ++index) step.block(index);
  });
}

}  // namespace luthier::LUTHIER_ISA
