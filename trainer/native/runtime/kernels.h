// A backend: one function an op.
#pragma once

#include "../generated/ops.h"
#include "cores.h"
#include "workers.h"

namespace luthier {

using Kernel = void (*)(const Call& call, Workers& workers);

struct KernelTable {
  Kernel of[opcodeCount];  // by opcode - 1; null for release
  // Runs tasks of multiply-adds between registers, in the arithmetic that products of this activation type use, and
  // returns the operations done; null where there is no such notion.
  double (*registerPeak)(DType activation, Workers& workers, int64_t tasks);
  // Whether activations may be F64; else it is the type of sums alone.
  bool computesF64;
};

const KernelTable& referenceKernels();    // single precision
const KernelTable& reference64Kernels();  // double
const KernelTable& cpuKernels(Isa isa);

}  // namespace luthier
