// The cpu backend of one instruction set: CMakeLists.txt compiles this file once for each, with LUTHIER_ISA its name.
#include "../../native/cpu/peak.h"
#include "../../native/runtime/kernels.h"
#include "cpuKernels.h"

namespace luthier::LUTHIER_ISA {

extern const KernelTable kernels;

#define LUTHIER_ENTRY(name, Struct) [](const Call& call, Workers& workers) { name(Struct(call), workers); },
const KernelTable kernels = {{LUTHIER_OPS(LUTHIER_ENTRY) nullptr}, registerPeak, false};
#undef LUTHIER_ENTRY

}  // namespace luthier::LUTHIER_ISA
