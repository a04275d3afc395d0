// The product that `linear` and `linearInput` share: y = x·W + tailScale·tailX·tailW + bias + residual over row-major
// weights.
//
// A task is one panel of y's columns × a block of up to 512 rows. It packs the panel of W block after block along K into
// scratch of its thread and keeps partial sums in F32 between blocks, so K is summed in order for any block size.
#pragma once

#include "gemm.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t rowBlock = 512;
inline constexpr int64_t unitBlock = 512;  // of K

struct ProductOperands {
  const Tensor& x;         // [rows, K]
  const Tensor& w;         // [N, K] when `along`, else [K, N]
  const Tensor* tailX;     // [rows, r]
  const Tensor* tailW;     // as w, with r for K
  float tailScale;
  const Tensor* bias;      // [N]
  const Tensor* residual;  // [rows, N]
  const Tensor& y;         // [rows, N]
};

// Rounds and writes finished sums; keeps unfinished ones in `partial`.
struct ProductOut {
  const ProductOperands& op;
  int64_t row0, col0;
  float* partial;
  bool first, last;

  F start(int64_t row, int64_t vector) const {
    return first ? zero() : load(partial + (row * panelVectors + vector) * lanes, Whole{});
  }

  void finish(int64_t row, int64_t vector, F sum) const {
    if (!last) return store(partial + (row * panelVectors + vector) * lanes, sum, Whole{});
    const int64_t col = col0 + vector * lanes, count = op.y.cols() - col;
    if (count >= lanes) write(row0 + row, col, sum, Whole{});
    else write(row0 + row, col, sum, Part{count});
  }

  template <class Count>
  void write(int64_t row, int64_t col, F sum, Count count) const {
    if (op.bias) sum = sum + loadAny(*op.bias, 0, col, count);
    if (op.residual) sum = sum + loadAny(*op.residual, row, col, count);
    storeAny(op.y, row, col, sum, count);
  }
};

template <class C, bool along>
inline void packWeight(const Tensor& w, int64_t col, int64_t width, int64_t k, int64_t depth, int64_t vectors, uint32_t* to) {
  withSource(w, [&](const auto& matrix) {
    if constexpr (along) packAlong<C>(matrix.block(col, 0), width, k, depth, vectors, to);
    else packAcross<C>(matrix.block(0, col), width, k, depth, vectors, to);
  });
}

// Rows [row, row + rows) and K in [k, k + depth) of x: in place, or converted into `to`.
template <class C>
inline LeftRows leftRows(const Tensor& x, int64_t row, int64_t rows, int64_t k, int64_t depth, uint32_t* to) {
  const auto choose = [&]<class T>(T) {
    const Dense<T> matrix = dense<T>(x).block(row, k);
    return readsInPlace<C>(x.dtype, depth) ? inPlace<C>(matrix) : converted<C>(matrix, rows, depth, to);
  };
  return x.dtype == DType::bf16 ? choose(uint16_t{}) : choose(float{});
}

template <class C>
constexpr int64_t leftWords(const Tensor& x, int64_t rows, int64_t depth) {
  return readsInPlace<C>(x.dtype, depth) ? 0 : convertedWords<C>(rows, depth);
}

template <class C, bool along>
struct ProductTask {
  const ProductOperands& op;
  int64_t row0, rows, col0;
  uint8_t* scratch;

  static constexpr int64_t depthBlock = unitBlock * C::perUnit;

  static int64_t scratchBytes(const ProductOperands& op, int64_t rows) {
    const int64_t depth = smaller(op.x.cols(), depthBlock), rank = op.tailX ? op.tailX->cols() : 0;
    return Carver::bytes<uint32_t>(unitsOf<C>(depth) * panelWidth) + Carver::bytes<uint32_t>(unitsOf<C>(rank) * panelWidth) +
           Carver::bytes<uint32_t>(convertedWords<C>(rows, depth)) + Carver::bytes<uint32_t>(convertedWords<C>(rows, rank)) +
           Carver::bytes<float>(rows * panelWidth);
  }

  void run() const {
    const int64_t K = op.x.cols(), width = smaller(panelWidth, op.y.cols() - col0), vectors = ceilDivide(width, lanes);
    const int64_t deepest = smaller(K, depthBlock);
    Carver carver(scratch);
    auto* panel = carver.take<uint32_t>(unitsOf<C>(deepest) * panelWidth);
    auto* left = carver.take<uint32_t>(convertedWords<C>(rows, deepest));
    auto* partial = carver.take<float>(rows * panelWidth);
    const Tail tail = packTail(carver, width, vectors);
    for (int64_t k = 0; k < K; k += depthBlock) {
      const int64_t depth = smaller(depthBlock, K - k);
      packWeight<C, along>(op.w, col0, width, k, depth, vectors, panel);
      const LeftRows a = leftRows<C>(op.x, row0, rows, k, depth, left);
      const ProductOut out{op, row0, col0, partial, k == 0, k + depth == K};
      multiply<C>(a, rows, panel, vectors, unitsOf<C>(depth), k == 0 ? tail : noTail, out);
    }
  }

  Tail packTail(Carver& carver, int64_t width, int64_t vectors) const {
    if (!op.tailX) return noTail;
    const int64_t rank = op.tailX->cols();
    auto* panel = carver.take<uint32_t>(unitsOf<C>(rank) * panelWidth);
    auto* left = carver.take<uint32_t>(convertedWords<C>(rows, rank));
    packWeight<C, along>(*op.tailW, col0, width, 0, rank, vectors, panel);
    return {leftRows<C>(*op.tailX, row0, rows, 0, rank, left), panel, unitsOf<C>(rank), op.tailScale};
  }
};

template <bool along>
inline void product(const ProductOperands& op, Workers& workers) {
  const int64_t blocks = ceilDivide(op.y.rows(), rowBlock);
  const int64_t rows = roundUp(ceilDivide(op.y.rows(), blocks), 12), panels = ceilDivide(op.y.cols(), panelWidth);
  withCompute(op.x.dtype, [&]<class C>(C) {
    using Task = ProductTask<C, along>;
    forTasks(workers, blocks * panels, [&](int64_t task, int32_t thread) {
      const int64_t row0 = task % blocks * rows, count = smaller(rows, op.y.rows() - row0);
      if (count <= 0) return;
      Task{op, row0, count, task / blocks * panelWidth, workers.threadScratch(thread, Task::scratchBytes(op, rows))}.run();
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
