#!/bin/sh
# Installs packages without starting the services that they bring: the distribution's containerd is not ours to run.
# Until it ends, /usr/sbin/policy-rc.d answers "forbidden by policy" to whoever asks to start a service.
#
#   apt.sh PACKAGE…
set -eu
policy=/usr/sbin/policy-rc.d
mark='# made by Luthier while it installs packages'

cleanup() {
  if [ -f "$policy" ] && grep -qF "$mark" "$policy"; then rm -f "$policy"; fi
}
cleanup # what an installation that was killed has left
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\n%s\nexit 101\n' "$mark" > "$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
had_containerd=$(command -v containerd || true)
options="-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0"
# shellcheck disable=SC2086
apt-get $options update
# shellcheck disable=SC2086
apt-get $options install --yes --no-install-recommends --no-remove "$@"

# Else it would start with the machine's next boot.
if [ -z "$had_containerd" ] && [ -d /run/systemd/system ] && command -v containerd > /dev/null; then
  systemctl disable --quiet containerd.service
fi
