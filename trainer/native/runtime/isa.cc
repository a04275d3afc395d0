#include "isa.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "error.h"
#include "kernels.h"

namespace luthier {
namespace {

constexpr Isa everyIsa[] = {Isa::avx2, Isa::avx512, Isa::avx512Bf16, Isa::amxBf16, Isa::amxEmulated};

// Asks the kernel for the tile registers, for all threads. It refuses where it or the hypervisor does not offer them.
bool tilesAreGranted() {
  constexpr long requestPermission = 0x1023, tileData = 18;
  return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
         syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

std::vector<Isa> findIsas() {
  // Matches the flags of CMakeLists.txt: a level requires all of its features, not only the best known ones.
  if (!__builtin_cpu_supports("x86-64-v3")) {
    throw Error("this processor lacks features of x86-64-v3 (AVX2, FMA, BMI2 …), which the trainer needs: run on another node");
  }
  std::vector<Isa> found{Isa::avx2};
  if (__builtin_cpu_supports("x86-64-v4")) {
    found.push_back(Isa::avx512);
    if (__builtin_cpu_supports("avx512bf16")) {
      found.push_back(Isa::avx512Bf16);
      if (tilesAreGranted()) found.push_back(Isa::amxBf16);
    }
  }
  found.push_back(Isa::amxEmulated);
  return found;
}

// Runs tasks on the calling thread.
class CallingThread final : public Workers {
 public:
  void run(int64_t count, Task task, void* argument) override {
    for (int64_t i = 0; i < count; ++i) task(argument, i, 0);
  }
  uint8_t* threadScratch(int32_t, int64_t bytes) override { return sharedScratch(bytes); }
  uint8_t* sharedScratch(int64_t bytes) override {
    if (static_cast<size_t>(bytes) > sizeof scratch_) throw Error("measuring an instruction set takes more scratch than it has");
    return scratch_;
  }

 private:
  alignas(64) uint8_t scratch_[4096];
};

// The set with the highest rate of multiply-adds in products of BF16. One with other rounding than F32 must be faster by a
// quarter: rates differ by factors of two, so other work on the machine does not change the choice.
Isa fastestIsa() {
  std::vector<Isa> candidates = availableIsas();
  std::erase(candidates, Isa::amxEmulated);
  if (candidates.back() == Isa::avx2 || candidates.back() == Isa::avx512) return candidates.back();
  std::erase(candidates, Isa::avx2);
  std::vector<double> rates(candidates.size());
  CallingThread here;
  for (int slice = 0; slice < 5; ++slice) {
    for (size_t i = 0; i < candidates.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      const double operations = cpuKernels(candidates[i]).registerPeak(DType::bf16, here, 1);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      rates[i] = std::max(rates[i], operations / seconds.count());
    }
  }
  size_t best = 0;
  for (size_t i = 1; i < candidates.size(); ++i) {
    if (rates[i] > 1.25 * rates[best]) best = i;
  }
  return candidates[best];
}

}  // namespace

const char* isaName(Isa isa) {
  switch (isa) {
    case Isa::avx2: return "AVX2";
    case Isa::avx512: return "AVX512";
    case Isa::avx512Bf16: return "AVX512_BF16";
    case Isa::amxBf16: return "AMX_BF16";
    case Isa::amxEmulated: return "AMX_BF16_EMULATED";
  }
  return "";
}

const std::vector<Isa>& availableIsas() {
  static const std::vector<Isa> found = findIsas();
  return found;
}

Isa chooseIsa() {
  const char* asked = std::getenv("LUTHIER_ISA");
  if (!asked || !*asked) {
    static const Isa fastest = fastestIsa();
    return fastest;
  }
  const std::vector<Isa>& available = availableIsas();
  const auto is = [&](Isa isa) { return std::string(asked) == isaName(isa); };
  const auto found = std::find_if(available.begin(), available.end(), is);
  if (found != available.end()) return *found;
  const bool known = std::any_of(std::begin(everyIsa), std::end(everyIsa), is);
  std::string names;
  for (const Isa isa : available) names += (names.empty() ? "" : ", ") + std::string(isaName(isa));
  throw Error(std::string("LUTHIER_ISA is ") + asked + (known ? ", which this processor lacks: use " : ": use ") + names);
}

}  // namespace luthier
