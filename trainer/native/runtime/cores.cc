#include "cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

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

}  // namespace

int grantedCores() {
  const double cores = std::min<double>(affinityCores(), std::ceil(cgroupCores()));
  return std::max(1, static_cast<int>(cores));
}

}  // namespace luthier
