// The machine's resources that this process may use: cores, and the instruction set of the cpu backend.
#pragma once

#include <string>

namespace luthier {

enum class Isa { avx2, avx512, avx512Bf16 };

const char* isaName(Isa isa);  // as in NativeInfo.isa of addon.ts

// The best instruction set of this machine, or the lower one that the environment variable LUTHIER_ISA names.
// Throws an Error when the machine has no AVX2, or lacks the set that the variable names.
Isa chooseIsa();

// Cores granted by affinity and by the cgroup's quota (v2 and v1), rounded up, at least 1.
int grantedCores();

}  // namespace luthier
