#!/bin/bash
# The first process of a test cluster's namespaces (mount, network, process ids), started by sandbox.ts through unshare.
# It prepares the mounts that keep the cluster's files inside, then waits and reaps orphans. When it dies, the kernel
# ends every process in the namespaces and removes their mounts, interfaces and firewall rules.
#
#   sandbox.sh STATE
set -euo pipefail
state=$1

# Sockets, network namespaces and container state disappear with the namespace.
mount --no-mtab -t tmpfs -o mode=755 tmpfs /run

# Fixed paths of the kubelet, the runtime and the network plug-ins.
mount --no-mtab --bind "$state/var-log" /var/log
mount --no-mtab --bind "$state/kubelet" /var/lib/kubelet
mount --no-mtab --bind "$state/cni" /var/lib/cni

# The kubelet requires these kernel settings; it sees replacement files, and the machine keeps its own settings.
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
