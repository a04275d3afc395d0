// The instruction sets of the cpu backend: those of this machine, and the one that it uses.
#pragma once

#include <string>
#include <vector>

namespace luthier {

// amxEmulated computes the products of amxBf16 on any machine, for tests and to reproduce their bits.
enum class Isa { avx2, avx512, avx512Bf16, amxBf16, amxEmulated };

const char* isaName(Isa isa);  // as in NativeInfo.isa of addon.ts

// The instruction sets that this machine runs. Throws an Error when it has no AVX2.
const std::vector<Isa>& availableIsas();

// The set that the environment variable LUTHIER_ISA names, or the one whose products of BF16 are the fastest here, measured once
// in this process (about 2 ms). Throws an Error when the machine lacks the set that the variable names.
Isa chooseIsa();

}  // namespace luthier
