#!/bin/sh
# The real servers that the tests start on loopback: OpenLDAP and scim2-server.
# On Debian as root they are installed; elsewhere this says exactly what is missing.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
venv="$here/target/test-venv"
missing=""

have() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1; }

packages=""
have slapd || packages="$packages slapd"
have ldapadd || packages="$packages ldap-utils"
have openssl || packages="$packages openssl"
have python3 || packages="$packages python3"
if have python3 && ! python3 -c 'import venv, ensurepip' 2>/dev/null; then packages="$packages python3-venv"; fi

if [ -n "$packages" ]; then
	if [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
		# The package must not start a server of its own: the tests start theirs on free ports.
		policy=/usr/sbin/policy-rc.d
		made=""
		if [ ! -e "$policy" ]; then
			printf '#!/bin/sh\nexit 101\n' >"$policy"
			chmod +x "$policy"
			made=yes
		fi
		apt-get update -qq
		# shellcheck disable=SC2086
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages >/dev/null
		[ -z "$made" ] || rm -f "$policy"
	else
		missing="$missing\n  install the packages (names of Debian):$packages"
	fi
fi

if have python3; then
	# Again when the list of packages has changed.
	if ! cmp -s "$here/tests/setup/requirements.txt" "$venv/requirements.txt"; then
		mkdir -p "$here/target"
		python3 -m venv "$venv"
		"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/tests/setup/requirements.txt"
		cp "$here/tests/setup/requirements.txt" "$venv/requirements.txt"
	fi
fi
[ -x "$venv/bin/scim2-server" ] || missing="$missing\n  scim2-server: python3 -m venv target/test-venv && target/test-venv/bin/pip install -r tests/setup/requirements.txt"

if [ -n "$missing" ]; then
	printf 'The tests need real servers, and this machine lacks:%b\n' "$missing" >&2
	exit 1
fi
