#include "cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "error.h"

namespace luthier {
namespace {

int affinityCores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// Cores that a quota allows, or infinity. v2: "max 100000" or "150000 100000"; v1: two files, -1 for none.
double quotaV2(const std::string& directory) {
  std::ifstream file(directory + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return INFINITY;
  return std::strtod(quota.c_str(), nullptr) / period;
}

double quotaV1(const std::string& directory) {
  std::ifstream quotaFile(directory + "/cpu.cfs_quota_us"), periodFile(directory + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  if (!(quotaFile >> quota) || !(periodFile >> period) || quota <= 0 || period <= 0) return INFINITY;
  return quota / period;
}

// True if `list` ("cpu,cpuacct") contains `name`; v1 mounts often join several controllers.
bool hasController(const std::string& list, const std::string& name) {
  std::istringstream names(list);
  for (std::string one; std::getline(names, one, ',');) {
    if (one == name) return true;
  }
  return false;
}

// The tightest quota from this process's cgroup up to the root; a container often sees its own as the root.
double cgroupCores() {
  double cores = std::min(quotaV2("/sys/fs/cgroup"), quotaV1("/sys/fs/cgroup/cpu"));
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && !hasController(controllers, "cpu")) continue;
    for (std::string path = line.substr(second + 1); path.size() > 1; path.resize(path.find_last_of('/'))) {
      cores = std::min(cores, controllers.empty() ? quotaV2("/sys/fs/cgroup" + path) : quotaV1("/sys/fs/cgroup/cpu" + path));
    }
  }
  return cores;
}

Isa bestIsa() {
  // Matches the flags of CMakeLists.txt: a level requires all of its features, not only the best known ones.
  if (!__builtin_cpu_supports("x86-64-v3")) {
    throw Error("this processor lacks features of x86-64-v3 (AVX2, FMA, BMI2 …), which the trainer needs: run on another node");
  }
  if (!__builtin_cpu_supports("x86-64-v4")) return Isa::avx2;
  return __builtin_cpu_supports("avx512bf16") ? Isa::avx512Bf16 : Isa::avx512;
}

}  // namespace

const char* isaName(Isa isa) {
  switch (isa) {
    case Isa::avx2: return "AVX2";
    case Isa::avx512: return "AVX512";
    case Isa::avx512Bf16: return "AVX512_BF16";
  }
  return "";
}

Isa chooseIsa() {
  const Isa best = bestIsa();
  const char* asked = std::getenv("LUTHIER_ISA");
  if (!asked || !*asked) return best;
  for (const Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512Bf16}) {
    if (std::string(asked) != isaName(isa)) continue;
    if (isa > best) throw Error(std::string("LUTHIER_ISA is ") + asked + ", but this processor has " + isaName(best));
    return isa;
  }
  throw Error(std::string("LUTHIER_ISA is ") + asked + ": use AVX2, AVX512 or AVX512_BF16");
}

int grantedCores() {
  const double cores = std::min<double>(affinityCores(), std::ceil(cgroupCores()));
  return std::max(1, static_cast<int>(cores));
}

}  // namespace luthier
