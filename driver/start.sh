#!/bin/sh
# ./shiftcore selftest | run SOURCE... : the driver with the build that lies beside this script. Options are those of
# `shiftcore`. Nothing is installed: the packages are unpacked into lib/ beside this script.
set -eu

fail() {
	echo "error: $1" >&2
	exit 2
}

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
python=${PYTHON:-python3}

# A PYNQ image keeps its packages in an environment of its own, and lets only root load a bitstream.
if [ -z "${PYTHON:-}" ] && [ -f /etc/profile.d/pynq_venv.sh ]; then
	[ "$(id -u)" = 0 ] || exec sudo -- "$0" "$@"
	set +eu
	. /etc/profile.d/pynq_venv.sh
	[ ! -f /etc/profile.d/xrt_setup.sh ] || . /etc/profile.d/xrt_setup.sh
	set -eu
fi

command -v "$python" >/dev/null || fail "$python: not found; install Python 3.10 or newer, or name yours with PYTHON=..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "$python is older than Python 3.10"
"$python" -c 'import numpy' 2>/dev/null || fail "$python has no NumPy; install it (Debian: python3-numpy)"

if [ ! -d "$here/lib" ] && [ -d "$here/wheels" ]; then
	fresh=$(mktemp -d "$here/.lib.XXXXXX") || fail "$here cannot be written"
	for wheel in "$here"/wheels/*.whl; do
		"$python" -m zipfile -e "$wheel" "$fresh" || fail "$wheel: damaged; copy the archive again"
	done
	chmod 755 "$fresh"
	mv "$fresh" "$here/lib"
fi
PYTHONPATH=$here:$here/lib
export PYTHONPATH
"$python" -c 'import rich, typer' 2>/dev/null ||
	fail "rich and typer are missing; install them: pip install -r $here/driver/requirements.txt"

case ${1:-} in
run | selftest)
	name=$1
	shift
	exec "$python" -m driver "$name" --build "$here/build/@PRESET@/@BOARD@" "$@"
	;;
*)
	exec "$python" -m driver "$@"
	;;
esac
