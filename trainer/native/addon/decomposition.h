// Decompositions off JavaScript's thread, with threads of their own; the result settles a promise.
#pragma once

#include <napi.h>

namespace luthier {

// (values: Float32Array, rows, columns, rank, "principal" | "qr", threads) → Promise<{ values, left, right }>
Napi::Value decompose(const Napi::CallbackInfo& call);

}  // namespace luthier
