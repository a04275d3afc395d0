// A backend: one function an op.
#pragma once

#include "../generated/ops.h"
#include "cores.h"
#include "workers.h"

namespace luthier {

using Kernel = void (*)(const Call& call, Workers& workers);

struct KernelTable {
  Kernel of[opcodeCount];  // by opcode - 1; null for release
};

const KernelTable& referenceKernels();    // single precision
const KernelTable& reference64Kernels();  // double
const KernelTable& cpuKernels(Isa isa);

}  // namespace luthier
