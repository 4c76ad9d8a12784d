#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# ./shiftcore selftest | certify | run SOURCE... | calibrate SOURCE... | load MODEL : the driver with the build that lies beside this script.
# Options are those of `shiftcore`. Nothing is installed: the packages are unpacked into lib/ beside this script.
set -eu

fail() {
	echo "error: $1" >&2
	exit 2
}

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
python=${PYTHON:-python3}

# A PYNQ image keeps its packages in an environment of its own, and lets only root load a bitstream. Its profile file
# is written for bash and starts further programs, so it is read, not run: a bin folder first in PATH enters the
# environment, and XRT asks for one variable.
profile=/etc/profile.d/pynq_venv.sh
if [ -z "${PYTHON:-}" ] && [ -f "$profile" ]; then
	[ "$(id -u)" = 0 ] || exec sudo -- sh "$here/$(basename -- "$0")" "$@"
	VIRTUAL_ENV=$(sed -n 's:^ *\(source\|\.\) *"\{0,1\}\([^"]*\)/bin/activate.*:\2:p' "$profile" | tail -n 1)
	VIRTUAL_ENV=${VIRTUAL_ENV:-/usr/local/share/pynq-venv}
	[ -x "$VIRTUAL_ENV/bin/python3" ] || fail "$profile: $VIRTUAL_ENV/bin/python3 is missing; name PYNQ's Python with PYTHON=..."
	PATH=$VIRTUAL_ENV/bin:$PATH
	XILINX_XRT=${XILINX_XRT:-/usr}
	export VIRTUAL_ENV PATH XILINX_XRT
fi

command -v "$python" >/dev/null || fail "$python: not found; install Python 3.10 or newer, or name yours with PYTHON=..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "$python is older than Python 3.10"
why=$("$python" -c 'import numpy' 2>&1) ||
	fail "$python has no NumPy that works; install it (Debian: python3-numpy)${why:+: $(echo "$why" | grep . | tail -n 1)}"

# What root writes here would stay root's: what is unpacked is given to whom the folder belongs, and Python's caches go
# elsewhere.
give() { :; }
if [ "$(id -u)" = 0 ] && [ "$(stat -c %u "$here")" != 0 ]; then
	give() { chown -R --reference="$here" "$1"; }
	PYTHONPYCACHEPREFIX=/run/shiftcore
	export PYTHONPYCACHEPREFIX
fi

# What an older archive left in lib/ is not this one's.
if ! cmp -s "$here/wheels/SHA256SUMS" "$here/lib/SHA256SUMS"; then
	rm -rf "$here/lib"
	find "$here" -maxdepth 1 -name '.lib.*' -mmin +60 -exec rm -rf {} + # of a power cut
	fresh=$(mktemp -d "$here/.lib.XXXXXX") || fail "$here cannot be written"
	trap 'rm -rf "$fresh"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	for wheel in "$here"/wheels/*.whl; do
		"$python" -m zipfile -e "$wheel" "$fresh" 2>/dev/null || fail "$wheel: cannot be unpacked; copy the archive again, or free some space"
	done
	cp "$here/wheels/SHA256SUMS" "$fresh"
	chmod 755 "$fresh"
	give "$fresh"
	mv -T "$fresh" "$here/lib" 2>/dev/null || [ -d "$here/lib" ] || fail "$here/lib cannot be written"
	rm -rf "$fresh"
	trap - EXIT INT TERM HUP
fi
PYTHONPATH=$here/lib${PYTHONPATH:+:$PYTHONPATH}
SHIFTCORE_START=$here/$(basename -- "$0")
export PYTHONPATH SHIFTCORE_START
why=$("$python" -c 'import rich, typer' 2>&1) ||
	fail "rich and typer are missing; install them: pip install -r $here/requirements.txt${why:+ ($(echo "$why" | grep . | tail -n 1))}"

case ${1:-} in
run | calibrate | load | selftest | certify)
	name=$1
	shift
	exec "$python" -m shiftcore "$name" --build "$here/build/@PRESET@/@BOARD@" "$@"
	;;
*)
	exec "$python" -m shiftcore "$@"
	;;
esac
