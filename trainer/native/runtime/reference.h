// Element access for the reference kernels: any data type, any storage, one element at a time.
//
// The reference is the specification. `Real` (float or double) is the precision of its arithmetic; a tensor's data type
// only decides how a result is rounded when it is stored.
#pragma once

#include <cmath>

#include "bf16.h"
#include "nf4.h"

namespace luthier::reference {

template <class T>
T loadAs(const uint8_t* from) {
  T value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void storeAs(uint8_t* to, T value) {
  __builtin_memcpy(to, &value, sizeof value);
}

inline uint8_t* address(const Tensor& t, int64_t row, int64_t col) {
  const int64_t element = (t.rank == 1 ? 0 : row * t.stride) + col;
  return t.data + element * bytesOf(t.dtype);
}

template <class Real>
Real get(const Tensor& t, int64_t row, int64_t col) {
  if (t.storage == Storage::nf4) return static_cast<Real>(nf4Value(t, row * t.cols() + col));
  const uint8_t* from = address(t, row, col);
  switch (t.dtype) {
    case DType::f32: return static_cast<Real>(loadAs<float>(from));
    case DType::bf16: return static_cast<Real>(floatFromBf16(loadAs<uint16_t>(from)));
    case DType::f64: return static_cast<Real>(loadAs<double>(from));
    case DType::i32: return static_cast<Real>(loadAs<int32_t>(from));
    case DType::u32: return static_cast<Real>(loadAs<uint32_t>(from));
    case DType::u8: return static_cast<Real>(*from);
  }
  return Real(0);
}

template <class Real>
void put(const Tensor& t, int64_t row, int64_t col, Real value) {
  uint8_t* to = address(t, row, col);
  switch (t.dtype) {
    case DType::f32: return storeAs(to, static_cast<float>(value));
    case DType::bf16: return storeAs(to, bf16FromFloat(static_cast<float>(value)));
    case DType::f64: return storeAs(to, static_cast<double>(value));
    case DType::i32: return storeAs(to, static_cast<int32_t>(value));
    case DType::u32: return storeAs(to, static_cast<uint32_t>(value));
    case DType::u8: return storeAs(to, static_cast<uint8_t>(value));
  }
}

template <class Real>
void accumulate(const Tensor& t, int64_t row, int64_t col, Real value) {
  put<Real>(t, row, col, get<Real>(t, row, col) + value);
}

// An element of an I32 or U32 vector or matrix.
inline int64_t integerAt(const Tensor& t, int64_t row, int64_t col = 0) {
  const uint8_t* from = t.rank == 1 ? address(t, 0, row) : address(t, row, col);
  return t.dtype == DType::u32 ? static_cast<int64_t>(loadAs<uint32_t>(from)) : loadAs<int32_t>(from);
}

// An element of a vector.
template <class Real>
Real get(const Tensor& t, int64_t index) {
  return get<Real>(t, 0, index);
}

template <class Real>
void put(const Tensor& t, int64_t index, Real value) {
  put<Real>(t, 0, index, value);
}

// The value as it reads back after a store in t's type.
template <class Real>
Real rounded(const Tensor& t, Real value) {
  if (t.dtype == DType::bf16) return static_cast<Real>(floatFromBf16(bf16FromFloat(static_cast<float>(value))));
  if (t.dtype == DType::f32) return static_cast<Real>(static_cast<float>(value));
  return value;
}

}  // namespace luthier::reference
