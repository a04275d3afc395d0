// The cpu backend of one instruction set: CMakeLists.txt compiles this file once per set, with LUTHIER_ISA as its name.
#include "../../native/cpu/peak.h"
#include "../../native/runtime/kernels.h"
#include "cpuKernels.h"

namespace luthier::LUTHIER_ISA {

extern const KernelTable kernels;

// Kernels by opcode; `release` has none. The table is a compile-time constant, since no code of an instruction set may
// run while the addon is being loaded.
constexpr KernelTable makeKernels() {
  KernelTable table{};
#define LUTHIER_ENTRY(name, Struct)                    \
  table.of[static_cast<int32_t>(Opcode::name) - 1] = \
      [](const Call& call, Workers& workers) { name(Struct(call), workers); };
  LUTHIER_OPS(LUTHIER_ENTRY)
#undef LUTHIER_ENTRY
  table.registerPeak = registerPeak;
  return table;
}

constinit const KernelTable kernels = makeKernels();

}  // namespace luthier::LUTHIER_ISA
