#!/bin/sh
# Installs packages without starting the services that they bring: the distribution's containerd is not ours to run.
# Until it ends, /usr/sbin/policy-rc.d answers "forbidden by policy" to whoever asks to start a service.
#
# The file UNFINISHED is there from the first call's start to the end of one that got through, however many are
# interrupted between them, and says whether containerd was on the machine before.
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
cleanup # what an installation that was killed has left
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
# The environment's certificates, where apt has none of its own; it reads them as another user, who may not see $HOME.
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
# apt refuses to go on where an earlier installation was interrupted while it unpacked.
install "$@" || {
  dpkg --force-confold --configure --pending || true
  install "$@"
}

# Else it would start with the machine's next boot, or runs already where the machine's own policy lets it.
if grep -q absent "$unfinished" && [ -d /run/systemd/system ] && command -v containerd > /dev/null; then
  systemctl disable --now --quiet containerd.service
fi
rm -f "$unfinished"
