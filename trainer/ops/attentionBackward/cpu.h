// attentionBackward on the CPU: the scores again, strip by strip, and five products a strip.
//
// A task is one key–value head of a segment: it alone sums that head's dk and dv, over the group's query heads and their
// strips in order, in F32 scratch; dq of a strip is finished when the strip is.
#pragma once

#include "../../native/cpu/attention.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t backwardStrip = 48;

// Op: any op with the operands and attributes of attentionBackward.
template <class C, class T, class Op>
class AttentionBackwardTask {
 public:
  AttentionBackwardTask(const Op& op, int64_t kvHead, Segment segment, uint8_t* scratch)
      : op_(op), kvHead_(kvHead), segment_(segment), D_(op.headDim), wide_(roundUp(op.headDim, lanes)) {
    Carver carver(scratch);
    const int64_t n = roundUp(segment.rows(), panelWidth), strip = backwardStrip;
    keysAlongWords_ = carver.take<uint32_t>(panelsWords(n, unitsOf<C>(D_)));
    keysAcrossWords_ = carver.take<uint32_t>(panelsWords(D_, unitsOf<C>(n)));
    valuesAlongWords_ = carver.take<uint32_t>(panelsWords(n, unitsOf<C>(D_)));
    weights_ = carver.take<float>(strip * n);
    gradients_ = carver.take<float>(strip * n);
    left_ = carver.take<uint32_t>(strip * n);
    query_ = carver.take<uint32_t>(convertedWords<C>(strip, D_));
    panel_ = carver.take<uint32_t>(panelsWords(D_, unitsOf<C>(strip)));
    dk_ = carver.take<float>(n * wide_);
    dv_ = carver.take<float>(n * wide_);
  }

  static int64_t scratchBytes(const Op& op, int64_t rows) {
    const int64_t n = roundUp(rows, panelWidth), D = op.headDim, strip = backwardStrip;
    return 2 * Carver::bytes<uint32_t>(panelsWords(n, unitsOf<C>(D))) + Carver::bytes<uint32_t>(panelsWords(D, unitsOf<C>(n))) +
           3 * Carver::bytes<float>(strip * n) + Carver::bytes<uint32_t>(convertedWords<C>(strip, D)) +
           Carver::bytes<uint32_t>(panelsWords(D, unitsOf<C>(strip))) + 2 * Carver::bytes<float>(n * roundUp(D, lanes));
  }

  void run() {
    const int64_t n = segment_.rows(), group = op_.heads / op_.kvHeads;
    const Dense<T> k = headOf<T>(op_.k, segment_.first, kvHead_, D_), v = headOf<T>(op_.v, segment_.first, kvHead_, D_);
    keysAlong_ = packAllAlong<C>(k, n, D_, keysAlongWords_);
    keysAcross_ = packAllAcross<C>(k, D_, n, keysAcrossWords_);
    valuesAlong_ = packAllAlong<C>(v, n, D_, valuesAlongWords_);
    __builtin_memset(dk_, 0, static_cast<size_t>(n * wide_) * 4);
    __builtin_memset(dv_, 0, static_cast<size_t>(n * wide_) * 4);
    for (int64_t head = kvHead_ * group; head < (kvHead_ + 1) * group; ++head) {
      for (int64_t row = 0; row < n; row += backwardStrip) strip(head, row, smaller(backwardStrip, n - row));
    }
    for (int64_t s = 0; s < n; ++s) {
      forLanes(D_, [&](int64_t i, auto count) {
        storeAny(op_.dk, segment_.first + s, kvHead_ * D_ + i, load(dk_ + s * wide_ + i, count), count);
        storeAny(op_.dv, segment_.first + s, kvHead_ * D_ + i, load(dv_ + s * wide_ + i, count), count);
      });
    }
  }

 private:
  void strip(int64_t head, int64_t row, int64_t rows) {
    const int64_t keys = row + rows, stride = roundUp(keys, panelWidth), t = segment_.first + row, units = unitsOf<C>(D_);
    const Dense<T> q = headOf<T>(op_.q, t, head, D_), dO = headOf<T>(op_.dO, t, head, D_);
    const auto into = [&](float* to) {
      return [=](int64_t col) { return ToFloats{to + col, stride, false}; };
    };
    multiplyAll<C>(headRows<C>(q, op_.q.dtype, rows, D_, query_), rows, keysAlong_, keys, units, into(weights_));
    multiplyAll<C>(headRows<C>(dO, op_.q.dtype, rows, D_, query_), rows, valuesAlong_, keys, units, into(gradients_));
    for (int64_t i = 0; i < rows; ++i) scoreGradient(head, row + i, weights_ + i * stride, gradients_ + i * stride, stride);
    addTransposed(weights_, rows, keys, stride, dO, dv_);
    addTransposed(gradients_, rows, keys, stride, q, dk_);
    const LeftRows dS = headRows<C>(Dense<float>{gradients_, stride}, DType::f32, rows, stride, left_);
    multiplyAll<C>(dS, rows, keysAcross_, D_, unitsOf<C>(keys), [&](int64_t col) {
      return ToRows{op_.dq, t, head * D_ + col, (head + 1) * D_, nullptr};
    });
  }

  // weights: scores → P; gradients: dP → dS. Zero where the row does not attend.
  void scoreGradient(int64_t head, int64_t row, float* weights, float* gradients, int64_t count) const {
    const int64_t t = segment_.first + row, from = indexAt(op_.segmentStart, t) - segment_.first;
    F dots = zero();
    forLanes(D_, [&](int64_t i, auto n) { dots = fma(loadAny(op_.dO, t, head * D_ + i, n), loadAny(op_.o, t, head * D_ + i, n), dots); });
    const F delta = all(sumOf(dots)), scale = all(op_.scale), lse = all(op_.lse.template row<float>(t)[head]);
    if (op_.softcap > 0) return cappedGradient(row, from, weights, gradients, count, delta, lse);
    for (int64_t s = 0; s < count; s += lanes) {
      const F p = exponential(load(weights + s, Whole{}) * scale - lse);
      store(gradients + s, p * (load(gradients + s, Whole{}) - delta) * scale, Whole{});
      store(weights + s, p, Whole{});
    }
    clearUnseen(row, from, weights, gradients, count);
  }

  // The same with soft-capped scores: dS also takes the derivative of the cap, 1 − tanh².
  void cappedGradient(int64_t row, int64_t from, float* weights, float* gradients, int64_t count, F delta, F lse) const {
    const F cap = all(op_.softcap), scale = all(op_.scale), into = all(op_.scale / op_.softcap);
    for (int64_t s = 0; s < count; s += lanes) {
      const F tangent = hyperbolicTangent(load(weights + s, Whole{}) * into), p = exponential(cap * tangent - lse);
      const F slope = scale * (all(1.0f) - tangent * tangent);
      store(gradients + s, p * (load(gradients + s, Whole{}) - delta) * slope, Whole{});
      store(weights + s, p, Whole{});
    }
    clearUnseen(row, from, weights, gradients, count);
  }

  static void clearUnseen(int64_t row, int64_t from, float* weights, float* gradients, int64_t count) {
    for (int64_t s = 0; s < from; ++s) weights[s] = gradients[s] = 0;
    for (int64_t s = row + 1; s < count; ++s) weights[s] = gradients[s] = 0;
  }

  // sums[keys, D] += matrix[rows, keys]ᵀ · right[rows, D].
  void addTransposed(const float* matrix, int64_t rows, int64_t keys, int64_t stride, const Dense<T>& right, float* sums) {
    const int64_t vectors = ceilDivide(keys, lanes);
    packAcross<C>(Dense<float>{matrix, stride}, keys, 0, rows, vectors, left_);
    const Panels panels = packAllAcross<C>(right, D_, rows, panel_);
    const LeftRows a{reinterpret_cast<const uint8_t*>(left_), 4, vectors * lanes * 4};
    multiplyAll<C>(a, keys, panels, D_, panels.units, [&](int64_t col) { return ToFloats{sums + col, wide_, true}; });
  }

  const Op& op_;
  int64_t kvHead_;
  Segment segment_;
  int64_t D_, wide_;
  uint32_t *keysAlongWords_, *keysAcrossWords_, *valuesAlongWords_, *left_, *query_, *panel_;
  Panels keysAlong_{}, keysAcross_{}, valuesAlong_{};
  float *weights_, *gradients_, *dk_, *dv_;
};

template <class Op>
inline void attentionBackwardOf(const Op& op, Workers& workers) {
  const int64_t rows = op.q.rows();
  Carver shared(workers.sharedScratch(Carver::bytes<Segment>(rows)));
  auto* segments = shared.take<Segment>(rows);
  const int64_t count = findSegments(op.segmentStart, segments);
  int64_t longest = 0;
  for (int64_t i = 0; i < count; ++i) longest = larger(longest, segments[i].rows());
  withCompute(op.q.dtype, [&]<class C>(C) {
    withType(op.q.dtype, [&]<class T>(T) {
      using Task = AttentionBackwardTask<C, T, Op>;
      forTasks(workers, count * op.kvHeads, [&](int64_t task, int32_t thread) {
        uint8_t* scratch = workers.threadScratch(thread, Task::scratchBytes(op, longest));
        Task(op, task % op.kvHeads, segments[task / op.kvHeads], scratch).run();
      });
    });
  });
}

inline void attentionBackward(const AttentionBackward& op, Workers& workers) { attentionBackwardOf(op, workers); }

}  // namespace luthier::LUTHIER_ISA
