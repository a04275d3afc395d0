// gradWeight on the CPU: a task is 192 rows × one panel of dW; tokens in chunks of 512, in order.
#pragma once

#include "../../native/cpu/product.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

struct GradProduct {
  const Tensor &dy, &x, &dW;
  float scale;
};

inline constexpr int64_t gradRows = 192, gradTokens = 512;

// dW += scale · sum.
struct GradOut {
  const Tensor& dW;
  int64_t row0, col0;
  F scale;

  F start(int64_t, int64_t) const { return zero(); }

  void finish(int64_t row, int64_t vector, F sum) const {
    const int64_t col = col0 + vector * lanes, count = dW.cols() - col;
    float* to = dW.row<float>(row0 + row) + col;
    if (count >= lanes) store(to, load(to, Whole{}) + scale * sum, Whole{});
    else store(to, load(to, Part{count}) + scale * sum, Part{count});
  }
};

template <class C>
inline void gradWeightTask(const GradProduct& op, int64_t row0, int64_t col0, uint8_t* scratch) {
  const int64_t rows = smaller(gradRows, op.dW.rows() - row0), width = smaller(panelWidth, op.dW.cols() - col0);
  const int64_t rowVectors = ceilDivide(rows, lanes), vectors = ceilDivide(width, lanes);
  Carver carver(scratch);
  auto* left = carver.take<uint32_t>(unitsOf<C>(gradTokens) * roundUp(gradRows, lanes));
  auto* panel = carver.take<uint32_t>(unitsOf<C>(gradTokens) * panelWidth);
  for (int64_t t = 0; t < op.dy.rows(); t += gradTokens) {
    const int64_t depth = smaller(gradTokens, op.dy.rows() - t);
    withSource(op.dy, [&](const auto& dy) { packAcross<C>(dy.block(0, row0), rows, t, depth, rowVectors, left); });
    withSource(op.x, [&](const auto& x) { packAcross<C>(x.block(0, col0), width, t, depth, vectors, panel); });
    const LeftRows a{reinterpret_cast<const uint8_t*>(left), 4, rowVectors * lanes * 4};
    multiply<C>(a, rows, panel, vectors, unitsOf<C>(depth), noTail, GradOut{op.dW, row0, col0, all(op.scale)});
  }
}

inline void gradWeight(const GradProduct& op, Workers& workers) {
  const int64_t down = ceilDivide(op.dW.rows(), gradRows), across = ceilDivide(op.dW.cols(), panelWidth);
  withCompute(op.x.dtype, [&]<class C>(C) {
    constexpr int64_t bytes = Carver::bytes<uint32_t>(unitsOf<C>(gradTokens) * roundUp(gradRows, lanes)) +
                              Carver::bytes<uint32_t>(unitsOf<C>(gradTokens) * panelWidth);
    forTasks(workers, down * across, [&](int64_t task, int32_t thread) {
      gradWeightTask<C>(op, task / across * gradRows, task % across * panelWidth, workers.threadScratch(thread, bytes));
    });
  });
}

inline void gradWeight(const GradWeight& op, Workers& workers) { gradWeight(GradProduct{op.dy, op.x, op.dW, op.scale}, workers); }

}  // namespace luthier::LUTHIER_ISA
