#!/bin/sh
# Takes the profile that the transformation is compiled with: builds the example `profile` of the language with
# counters, runs it in WebAssembly, and writes transformation.profdata. Again after changes of the language: functions
# that have changed since are compiled without. Wants clang, for the counters' runtime.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
plugins=$(cd "$here/../.." && pwd)
work="$plugins/target/profile"
tools="$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin"

command -v clang >/dev/null || { echo "missing: clang (Debian: apt-get install clang)" >&2; exit 1; }
[ -x "$tools/llvm-profdata" ] || rustup component add llvm-tools
mkdir -p "$work/out"
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"

# The counters' runtime comes from a crate, which the compiler believes only under this variable; and it finds the
# counters by the linker's marks, as on Linux.
cd "$plugins"
RUSTC_BOOTSTRAP=1 CFLAGS_wasm32_wasip2="-D__linux__" \
	RUSTFLAGS="-Cprofile-generate -Zno-profiler-runtime -Csymbol-mangling-version=v0 --cfg gangway_profile" \
	cargo build --locked --release --target wasm32-wasip2 --target-dir "$work" \
	-p gangway-transformation-language --example profile
"$work/venv/bin/python" "$here/run.py" "$work/wasm32-wasip2/release/examples/profile.wasm" "$work/out"
"$tools/llvm-profdata" merge -o "$here/transformation.profdata" "$work/out/profile.profraw"
