// The cpu backend: for each op the kernel of the instruction set that was chosen.
#include "kernels.h"

namespace luthier {

const KernelTable& cpuKernels(Isa) { return referenceKernels(); }

}  // namespace luthier
