#!/bin/sh
# What building needs beyond rustup, a C compiler, make and git: the WebAssembly target.
set -eu

need() {
	command -v "$1" >/dev/null 2>&1 || { echo "missing: $1 ($2)" >&2; exit 1; }
}

need cargo "install Rust with rustup: https://rustup.rs"
need cc "install a C compiler, for example: apt-get install gcc"

if command -v rustup >/dev/null 2>&1; then
	rustup target list --installed | grep -qx wasm32-wasip2 || rustup target add wasm32-wasip2
elif [ ! -d "$(rustc --print sysroot)/lib/rustlib/wasm32-wasip2" ]; then
	echo "missing: the Rust target wasm32-wasip2 (without rustup: install it from your distribution)" >&2
	exit 1
fi
