#!/bin/bash
# The first process of a test cluster's namespaces (mount, network, process ids), started by sandbox.ts through unshare.
# It prepares the mounts that keep the cluster's traces inside, then waits and reaps orphans. When it dies the kernel
# ends every process in the namespaces and drops their mounts, interfaces and firewall rules with them.
#
#   sandbox.sh STATE
set -euo pipefail
state=$1

# Sockets, network namespaces and container state: gone with the namespace.
mount --no-mtab -t tmpfs -o mode=755 tmpfs /run

# Paths that the kubelet, the runtime or the network plug-ins do not let one choose.
mount --no-mtab --bind "$state/var-log" /var/log
mount --no-mtab --bind "$state/kubelet" /var/lib/kubelet
mount --no-mtab --bind "$state/cni" /var/lib/cni

# The kubelet insists on these kernel settings; it is shown files that have them, and the machine keeps its own.
for file in "$state"/sysctl/*; do
  setting="/proc/sys/$(basename "$file" | tr . /)"
  if [ -e "$setting" ]; then mount --no-mtab --bind "$file" "$setting"; fi
done

ip link set lo up
touch "$state/sandbox-started"

# bash reaps every orphan that is handed to process 1.
while :; do
  sleep 86400 &
  wait $! || true
done
