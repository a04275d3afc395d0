// Runs tasks from a lambda, and selects a type by a tensor's data type.
#pragma once

#include <cstddef>

#include "../runtime/call.h"
#include "../runtime/workers.h"
#include "lanes.h"

namespace luthier::LUTHIER_ISA {

constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
constexpr int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t roundUp(int64_t a, int64_t b) { return ceilDivide(a, b) * b; }

// body(task, thread) for every task.
template <class Body>
inline void forTasks(Workers& workers, int64_t count, Body body) {
  workers.run(
      count, [](void* argument, int64_t task, int32_t thread) { (*static_cast<Body*>(argument))(task, thread); }, &body);
}

// body(first, last) over [0, count) in pieces of `piece`.
template <class Body>
inline void forPieces(Workers& workers, int64_t count, int64_t piece, Body body) {
  forTasks(workers, ceilDivide(count, piece), [&](int64_t task, int32_t) {
    body(task * piece, smaller(count, (task + 1) * piece));
  });
}

// Rows [first, last) of a matrix in pieces of about 32,768 elements.
template <class Body>
inline void forRows(Workers& workers, const Tensor& t, Body body) {
  forPieces(workers, t.rows(), larger(1, 32768 / t.cols()), body);
}

// Calls body(T{}) with T = float or uint16_t (the bits of a BF16) by the data type. The loader refuses other types for
// the cpu backend.
template <class Body>
inline void withType(DType dtype, Body body) {
  if (dtype == DType::bf16) body(uint16_t{});
  else body(float{});
}

// A vector of a tensor of either type.
template <class Count>
inline F loadAny(const Tensor& t, int64_t row, int64_t col, Count count) {
  return t.dtype == DType::bf16 ? load(t.row<uint16_t>(row) + col, count) : load(t.row<float>(row) + col, count);
}

template <class Count>
inline void storeAny(const Tensor& t, int64_t row, int64_t col, F value, Count count) {
  if (t.dtype == DType::bf16) store(t.row<uint16_t>(row) + col, value, count);
  else store(t.row<float>(row) + col, value, count);
}

// An element of either type.
inline float elementOf(const Tensor& x, int64_t row, int64_t col) {
  return x.dtype == DType::bf16 ? floatFromBf16(x.row<uint16_t>(row)[col]) : x.row<float>(row)[col];
}

inline int32_t indexAt(const Tensor& t, int64_t i) {
  int32_t value;
  __builtin_memcpy(&value, t.data + 4 * i, sizeof value);
  return value;
}

inline float floatAt(const Tensor& t, int64_t i) {
  float value;
  __builtin_memcpy(&value, t.data + 4 * i, sizeof value);
  return value;
}

inline double doubleAt(const Tensor& t, int64_t i) {
  double value;
  __builtin_memcpy(&value, t.data + 8 * i, sizeof value);
  return value;
}

inline void putDouble(const Tensor& t, int64_t i, double value) { __builtin_memcpy(t.data + 8 * i, &value, sizeof value); }

inline void putFloat(const Tensor& t, int64_t i, float value) { __builtin_memcpy(t.data + 4 * i, &value, sizeof value); }

}  // namespace luthier::LUTHIER_ISA
