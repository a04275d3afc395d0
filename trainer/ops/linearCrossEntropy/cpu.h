// linearCrossEntropy on the CPU: one pass over the vocabulary in chunks of 1,024, with a running softmax.
//
// For each chunk: its logits; each row's new maximum m and Σ exp(logit − m) without the target; dh's numerator
// Σ exp(logit − m)·W, rescaled when m grows. The target is kept apart, so that 1 − p of a confident row has full
// precision also in BF16: dh = lossWeight · (numerator / sum − (others / sum)·W[target]).
// With a softcap each logit is capped as its chunk is made, and its part of a gradient takes the slope 1 − (logit/cap)².
// Only dW and smoothing need the finished sums: a second pass forms the logits again. With smoothing it makes dh too,
// whose part of the target and the vocabulary's mean would otherwise be a sum of W with each row's slopes.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/product.h"
#include "../../native/generated/ops.h"
#include "../attention/cpu.h"
#include "../gradWeight/cpu.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t vocabularyChunk = 1024;

inline Tensor matrixView(DType dtype, int64_t rows, int64_t cols, int64_t stride, void* data) {
  return {dtype, Storage::dense, 2, {rows, cols, 1, 1}, stride, static_cast<uint8_t*>(data), nullptr, nullptr};
}

// Rows [first, first + rows) of a matrix.
inline Tensor rowsView(const Tensor& t, int64_t first, int64_t rows) {
  return matrixView(t.dtype, rows, t.cols(), t.stride, t.data + first * t.stride * bytesOf(t.dtype));
}

// The running sums of a row during the pass over the vocabulary.
struct RowSums {
  float highest, others, target;  // m; Σ exp(logit − m) without the target; the target's logit
  float sum;                      // Σ logit, if the loss is smoothed
};

class CrossEntropy {
 public:
  CrossEntropy(const LinearCrossEntropy& op, Workers& workers) : op_(op), workers_(workers), rows_(op.h.rows()), width_(op.h.cols()) {
    const int64_t size = bytesOf(op.h.dtype), chunk = vocabularyChunk;
    Carver shared(workers.sharedScratch(Carver::bytes<RowSums>(rows_) + Carver::bytes<float>(rows_ * chunk) +
                                        Carver::bytes<uint8_t>(rows_ * chunk * size) + Carver::bytes<float>(rows_ * width_)));
    sums_ = shared.take<RowSums>(rows_);
    logits_ = shared.take<float>(rows_ * chunk);
    weights_ = shared.take<uint8_t>(rows_ * chunk * size);
    numerator_ = shared.take<float>(rows_ * width_);
  }

  void run() {
    forPieces(workers_, rows_, 16, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) sums_[r] = {-__builtin_inff(), 0, 0, 0};
      __builtin_memset(numerator_ + first * width_, 0, static_cast<size_t>((last - first) * width_) * 4);
    });
    const int64_t V = op_.w.rows();
    for (int64_t v = 0; v < V; v += vocabularyChunk) passChunk(v, smaller(vocabularyChunk, V - v));
    finishRows();
    const bool again = op_.dW || (op_.dh && smooths());
    for (int64_t v = 0; again && v < V; v += vocabularyChunk) passAgain(v, smaller(vocabularyChunk, V - v));
    if (op_.dh && smooths()) storeNumerators();
  }

 private:
  Tensor chunkLogits(int64_t v, int64_t count) const {
    const Tensor w = rowsView(op_.w, v, count), logits = matrixView(DType::f32, rows_, count, vocabularyChunk, logits_);
    product<true>({op_.h, w, nullptr, nullptr, 0, nullptr, nullptr, logits}, workers_);
    if (op_.softcap > 0) {
      forPieces(workers_, rows_, 16, [&](int64_t first, int64_t last) {
        for (int64_t r = first; r < last; ++r) capScores(logits_ + r * vocabularyChunk, count, 1, op_.softcap);
      });
    }
    return logits;
  }

  void passChunk(int64_t v, int64_t count) {
    chunkLogits(v, count);
    const Tensor weights = matrixView(op_.h.dtype, rows_, count, vocabularyChunk, weights_);
    forPieces(workers_, rows_, 16, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) passRow(r, v, count, weights);
    });
    if (op_.dh && !smooths()) addToNumerator(weights, v, count);
  }

  bool smooths() const { return op_.smoothing > 0; }

  void addToNumerator(const Tensor& weights, int64_t v, int64_t count) {
    const Tensor numerator = matrixView(DType::f32, rows_, width_, width_, numerator_);
    product<false>({weights, rowsView(op_.w, v, count), nullptr, nullptr, 0, nullptr, &numerator, numerator}, workers_);
  }

  void passRow(int64_t r, int64_t v, int64_t count, const Tensor& weights) {
    float* logits = logits_ + r * vocabularyChunk;
    RowSums& row = sums_[r];
    const int64_t target = indexAt(op_.target, r) - v;
    if (smooths()) row.sum += sumOfRow(logits, count);
    F top = all(row.highest);
    forLanes(count, [&](int64_t i, auto n) { top = highest(load(logits + i, n, -__builtin_inff()), top); });
    const float m = highestOf(top), shrink = shrinkage(row.highest, m);
    if (target >= 0 && target < count) {
      row.target = logits[target];
      logits[target] = -__builtin_inff();
    }
    F sum = zero();
    forLanes(count, [&](int64_t i, auto n) {
      const F logit = load(logits + i, n), weight = only(exponential(logit - all(m)), n);
      if (op_.dh && !smooths()) storeAny(weights, r, i, op_.softcap > 0 ? weight * slopeOf(logit) : weight, n);
      sum = sum + weight;
    });
    row.others = row.others * shrink + sumOf(sum);
    row.highest = m;
    if (op_.dh && !smooths() && shrink != 1) {
      float* numerator = numerator_ + r * width_;
      forLanes(width_, [&](int64_t i, auto n) { store(numerator + i, load(numerator + i, n) * all(shrink), n); });
    }
  }

  static float sumOfRow(const float* values, int64_t count) {
    F sum = zero();
    forLanes(count, [&](int64_t i, auto n) { sum = sum + load(values + i, n); });
    return sumOf(sum);
  }

  static float shrinkage(float before, float now) {
    return before == now ? 1.0f : firstLane(exponential(all(before - now)));
  }

  static float firstLane(F value) {
    float values[lanes];
    store(values, value, Whole{});
    return values[0];
  }

  // The derivative of a capped logit; that of −infinity, the target's while the others are summed, is 0.
  F slopeOf(F logit) const {
    const F tangent = highest(logit, all(-op_.softcap)) / all(op_.softcap);
    return all(1.0f) - tangent * tangent;
  }

  // nll, the loss in row order, dh.
  void finishRows() {
    forPieces(workers_, rows_, 16, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) finishRow(r);
    });
    double loss;
    __builtin_memcpy(&loss, op_.loss.data, sizeof loss);
    for (int64_t r = 0; r < rows_; ++r) loss += static_cast<double>(floatAt(op_.lossWeight, r) * floatAt(op_.nll, r));
    __builtin_memcpy(op_.loss.data, &loss, sizeof loss);
  }

  void finishRow(int64_t r) {
    const float weight = floatAt(op_.lossWeight, r);
    if (weight == 0) {
      putFloat(op_.nll, r, 0);
      if (op_.dh) forLanes(width_, [&](int64_t i, auto n) { storeAny(*op_.dh, r, i, zero(), n); });
      return;
    }
    const RowSums& row = sums_[r];
    const float total = row.others + firstLane(exponential(all(row.target - row.highest)));
    const float nll = static_cast<float>(logarithm(static_cast<double>(total))) + (row.highest - row.target);
    putFloat(op_.nll, r, smooths() ? nll + op_.smoothing * (row.target - row.sum / static_cast<float>(op_.w.rows())) : nll);
    if (!op_.dh || smooths()) return;
    const float ownSlope = op_.softcap > 0 ? firstLane(slopeOf(all(row.target))) : 1;
    const F scale = all(weight / total), pull = all(weight * row.others / total * ownSlope);
    const int64_t target = indexAt(op_.target, r);
    forLanes(width_, [&](int64_t i, auto n) {
      const F numerator = load(numerator_ + r * width_ + i, n);
      storeAny(*op_.dh, r, i, numerator * scale - pull * loadAny(op_.w, target, i, n), n);
    });
  }

  // dW[v..] += (lossWeight · (p − target))ᵀ · h; with smoothing also dh += lossWeight · (p − target) · W[v..].
  void passAgain(int64_t v, int64_t count) {
    const Tensor logits = chunkLogits(v, count), weights = matrixView(op_.h.dtype, rows_, count, vocabularyChunk, weights_);
    forPieces(workers_, rows_, 16, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) {
        logitGradient(r, v, count);
        if (smooths()) forLanes(count, [&](int64_t i, auto n) { storeAny(weights, r, i, loadAny(logits, r, i, n), n); });
      }
    });
    if (op_.dh && smooths()) addToNumerator(weights, v, count);
    if (!op_.dW) return;
    gradWeight(GradProduct{logits, op_.h, rowsView(*op_.dW, v, count), 1}, workers_);
  }

  void logitGradient(int64_t r, int64_t v, int64_t count) {
    float* logits = logits_ + r * vocabularyChunk;
    const RowSums& row = sums_[r];
    const float weight = floatAt(op_.lossWeight, r);
    if (weight == 0) return static_cast<void>(__builtin_memset(logits, 0, static_cast<size_t>(count) * 4));
    const float total = row.others + firstLane(exponential(all(row.target - row.highest)));
    const float each = op_.smoothing / static_cast<float>(op_.w.rows());
    const F scale = all(weight / total), m = all(row.highest), share = all(weight * each);
    forLanes(count, [&](int64_t i, auto n) {
      const F logit = load(logits + i, n), gradient = exponential(logit - m) * scale - share;
      store(logits + i, op_.softcap > 0 ? gradient * slopeOf(logit) : gradient, n);
    });
    const int64_t target = indexAt(op_.target, r) - v;
    if (target < 0 || target >= count) return;
    logits[target] = -weight * row.others / total;
    if (smooths()) logits[target] += weight * (op_.smoothing - each);
    if (op_.softcap > 0) logits[target] *= firstLane(slopeOf(all(row.target)));
  }

  void storeNumerators() {
    forPieces(workers_, rows_, 16, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) {
        forLanes(width_, [&](int64_t i, auto n) { storeAny(*op_.dh, r, i, load(numerator_ + r * width_ + i, n), n); });
      }
    });
  }

  const LinearCrossEntropy& op_;
  Workers& workers_;
  int64_t rows_, width_;
  RowSums* sums_;
  float* logits_;
  uint8_t* weights_;
  float* numerator_;
};

inline void linearCrossEntropy(const LinearCrossEntropy& op, Workers& workers) { CrossEntropy(op, workers).run(); }

}  // namespace luthier::LUTHIER_ISA
