// The cpu backend: ops/backends/cpu.cc as compiled for each instruction set.
#include "kernels.h"

namespace luthier {

namespace avx2 {
extern const KernelTable kernels;
}
namespace avx512 {
extern const KernelTable kernels;
}
namespace avx512Bf16 {
extern const KernelTable kernels;
}
namespace amxBf16 {
extern const KernelTable kernels;
}
namespace amxEmulated {
extern const KernelTable kernels;
}

const KernelTable& cpuKernels(Isa isa) {
  switch (isa) {
    case Isa::amxEmulated: return amxEmulated::kernels;
    case Isa::amxBf16: return amxBf16::kernels;
    case Isa::avx512Bf16: return avx512Bf16::kernels;
    case Isa::avx512: return avx512::kernels;
    case Isa::avx2: break;
  }
  return avx2::kernels;
}

}  // namespace luthier
