// A backend: one function per op.
#pragma once

#include "../generated/ops.h"
#include "isa.h"
#include "workers.h"

namespace luthier {

using Kernel = void (*)(const Call& call, Workers& workers);

struct KernelTable {
  Kernel of[opcodeCount];  // by opcode - 1; null for release
  // Runs tasks of multiply-adds between registers, in the arithmetic that products of this activation type use, and
  // returns the operations done; null for backends that have no peak.
  double (*registerPeak)(DType activation, Workers& workers, int64_t tasks);
  // True if activations may be F64; otherwise only sums may.
  bool computesF64;
};

const KernelTable& referenceKernels();    // single precision
const KernelTable& reference64Kernels();  // double
const KernelTable& cpuKernels(Isa isa);

}  // namespace luthier
