// The cpu backend of one instruction set: CMakeLists.txt compiles this file once for each, with LUTHIER_ISA its name.
#include "../../native/cpu/peak.h"
#include "../../native/runtime/kernels.h"
#include "cpuKernels.h"

namespace luthier::LUTHIER_ISA {

extern const KernelTable kernels;

// By opcode: `release` has no kernel, wherever it stands among the ops. Known when this is compiled, since no code of an
// instruction set may run while the program is loaded.
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
