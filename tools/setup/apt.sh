#!/bin/sh
# Installs packages without starting their services: the distribution's containerd must not run.
# Until the script ends, /usr/sbin/policy-rc.d answers "forbidden by policy" to every request to start a service.
#
# The file UNFINISHED exists from the start of the first call to the end of the first successful one, however many are
# interrupted in between, and records whether containerd was on the machine before.
#
#   apt.sh UNFINISHED [PACKAGE…]
set -eu
unfinished=$1
shift
policy=/usr/sbin/policy-rc.d
mark='# made by Luthier while it installs packages'

certificates=

cleanup() {
  rm -f "$certificates"
  if [ -f "$policy" ] && grep -qF "$mark" "$policy"; then rm -f "$policy"; fi
}
cleanup # the leftovers of a killed installation
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\n%s\nexit 101\n' "$mark" > "$policy"
  chmod 755 "$policy"
fi
if [ ! -e "$unfinished" ]; then
  if command -v containerd > /dev/null; then echo 'containerd was there'; else echo 'containerd was absent'; fi > "$unfinished"
fi

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
# Passes the environment's certificates if apt has none; apt reads them as another user, who may not read $HOME.
if [ -n "${SSL_CERT_FILE:-}" ] && [ -z "$(apt-config dump --no-empty --format '%v%n' Acquire::https::CAInfo)" ]; then
  certificates=$(mktemp)
  cat "$SSL_CERT_FILE" > "$certificates"
  chmod 644 "$certificates"
fi
apt() {
  apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
    ${certificates:+-o "Acquire::https::CAInfo=$certificates"} "$@"
}
install() {
  apt install --yes --no-install-recommends --no-remove "$@"
}
apt update
# apt refuses to continue after an earlier installation that was interrupted during unpacking.
install "$@" || {
  dpkg --force-confold --configure --pending || true
  install "$@"
}

# Otherwise it would start at the machine's next boot, or already runs if the machine's own policy allowed it.
if grep -q absent "$unfinished" && [ -d /run/systemd/system ] && command -v containerd > /dev/null; then
  systemctl disable --now --quiet containerd.service
fi
rm -f "$unfinished"
