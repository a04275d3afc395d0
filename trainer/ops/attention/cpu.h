// attention on the CPU: strips of 48 queries × all their keys, exact softmax.
//
// A task is one head of up to 512 rows of a segment. It packs the segment's keys and values once (1/512 of the work at
// most), then for each strip forms the scores, their softmax, and the product with the values.
#pragma once

#include "../../native/cpu/attention.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t queryStrip = 48, queryBlock = 512;

// scores[from..to] := exp(scale · (score − highest)), zeros elsewhere in [0, count); gives log-sum-exp and 1/sum. `sinks`: a
// score of each head that the sum counts too; null: none.
struct SoftmaxRow {
  float lse, inverse;
};

inline SoftmaxRow softmaxRow(float* scores, int64_t from, int64_t to, int64_t count, float scale, const Tensor* sinks, int64_t head) {
  const float least = -__builtin_inff();
  for (int64_t s = 0; s < from; ++s) scores[s] = least;
  for (int64_t s = to + 1; s < count; ++s) scores[s] = least;
  F top = all(least);
  for (int64_t s = 0; s < count; s += lanes) top = highest(load(scores + s, Whole{}) * all(scale), top);
  if (sinks) top = highest(all(elementOf(*sinks, 0, head)), top);
  const float highestScore = highestOf(top);
  F sum = zero();
  for (int64_t s = 0; s < count; s += lanes) {
    const F weight = exponential(load(scores + s, Whole{}) * all(scale) - all(highestScore));
    store(scores + s, weight, Whole{});
    sum = sum + weight;
  }
  const float total = sinks ? sumOf(sum) + exponentialOf(elementOf(*sinks, 0, head) - highestScore) : sumOf(sum);
  return {highestScore + static_cast<float>(logarithm(static_cast<double>(total))), 1.0f / total};
}

// scores[0..count) := cap · tanh(scale · score / cap).
inline void capScores(float* scores, int64_t count, float scale, float cap) {
  forLanes(count, [&](int64_t s, auto n) {
    store(scores + s, all(cap) * hyperbolicTangent(load(scores + s, n) * all(scale / cap)), n);
  });
}

// Op: any op with the operands and attributes of attention.
template <class C, class T, class Op>
class AttentionTask {
 public:
  AttentionTask(const Op& op, int64_t head, Segment segment, uint8_t* scratch) : op_(op), head_(head), segment_(segment) {
    Carver carver(scratch);
    const int64_t n = roundUp(segment.rows(), panelWidth), D = op.headDim;
    keys_ = carver.take<uint32_t>(panelsWords(n, unitsOf<C>(D)));
    values_ = carver.take<uint32_t>(panelsWords(D, unitsOf<C>(n)));
    scores_ = carver.take<float>(queryStrip * n);
    left_ = carver.take<uint32_t>(queryStrip * n);
    query_ = carver.take<uint32_t>(convertedWords<C>(queryStrip, D));
  }

  static int64_t scratchBytes(const Op& op, int64_t rows) {
    const int64_t n = roundUp(rows, panelWidth), D = op.headDim;
    return Carver::bytes<uint32_t>(panelsWords(n, unitsOf<C>(D))) + Carver::bytes<uint32_t>(panelsWords(D, unitsOf<C>(n))) +
           2 * Carver::bytes<float>(queryStrip * n) + Carver::bytes<uint32_t>(convertedWords<C>(queryStrip, D));
  }

  // Rows [first, last) of the segment.
  void run(int64_t first, int64_t last) {
    const int64_t D = op_.headDim, kvHead = head_ / (op_.heads / op_.kvHeads);
    const Panels keys = packAllAlong<C>(headOf<T>(op_.k, segment_.first, kvHead, D), last, D, keys_);
    const Panels values = packAllAcross<C>(headOf<T>(op_.v, segment_.first, kvHead, D), D, last, values_);
    for (int64_t row = first; row < last; row += queryStrip) strip(row, smaller(queryStrip, last - row), keys, values);
  }

 private:
  void strip(int64_t row, int64_t rows, const Panels& keys, const Panels& values) {
    const int64_t D = op_.headDim, seen = row + rows, stride = roundUp(seen, panelWidth);
    const LeftRows q = headRows<C>(headOf<T>(op_.q, segment_.first + row, head_, D), op_.q.dtype, rows, D, query_);
    multiplyAll<C>(q, rows, keys, seen, keys.units, [&](int64_t col) { return ToFloats{scores_ + col, stride, false}; });
    float inverses[queryStrip];
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t t = segment_.first + row + i, from = indexAt(op_.segmentStart, t) - segment_.first;
      if (op_.softcap > 0) capScores(scores_ + i * stride, stride, op_.scale, op_.softcap);
      const SoftmaxRow softmax = softmaxRow(scores_ + i * stride, from, row + i, stride, op_.softcap > 0 ? 1 : op_.scale, op_.sinks, head_);
      inverses[i] = softmax.inverse;
      op_.lse.template row<float>(t)[head_] = softmax.lse;
    }
    const LeftRows p = headRows<C>(Dense<float>{scores_, stride}, DType::f32, rows, stride, left_);
    multiplyAll<C>(p, rows, values, D, unitsOf<C>(seen), [&](int64_t col) {
      return ToRows{op_.o, segment_.first + row, head_ * D + col, (head_ + 1) * D, inverses};
    });
  }

  const Op& op_;
  int64_t head_;
  Segment segment_;
  uint32_t *keys_, *values_, *left_, *query_;
  float* scores_;
};

// One block of rows of one segment; heads are the other dimension of the task grid.
struct AttentionBlock {
  Segment segment;
  int64_t first, last;  // of the segment's rows
};

template <class Op>
inline void attentionOf(const Op& op, Workers& workers) {
  const int64_t T = op.q.rows();
  Carver shared(workers.sharedScratch(Carver::bytes<Segment>(T) + Carver::bytes<AttentionBlock>(T)));
  auto* segments = shared.take<Segment>(T);
  auto* blocks = shared.take<AttentionBlock>(T);
  const int64_t count = findSegments(op.segmentStart, segments);
  int64_t blockCount = 0, longest = 0;
  for (int64_t i = 0; i < count; ++i) {
    longest = larger(longest, segments[i].rows());
    for (int64_t row = 0; row < segments[i].rows(); row += queryBlock) {
      blocks[blockCount++] = {segments[i], row, smaller(row + queryBlock, segments[i].rows())};
    }
  }
  withCompute(op.q.dtype, [&]<class C>(C) {
    withType(op.q.dtype, [&]<class T2>(T2) {
      using Task = AttentionTask<C, T2, Op>;
      forTasks(workers, blockCount * op.heads, [&](int64_t task, int32_t thread) {
        const AttentionBlock& block = blocks[task / op.heads];
        uint8_t* scratch = workers.threadScratch(thread, Task::scratchBytes(op, longest));
        Task(op, task % op.heads, block.segment, scratch).run(block.first, block.last);
      });
    });
  });
}

inline void attention(const Attention& op, Workers& workers) { attentionOf(op, workers); }

}  // namespace luthier::LUTHIER_ISA
