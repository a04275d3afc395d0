// The cores that this process may use.
#pragma once

namespace luthier {

// Cores granted by affinity and by the cgroup's quota (v2 and v1), rounded up, at least 1.
int grantedCores();

}  // namespace luthier
