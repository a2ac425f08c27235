# shellcheck shell=bash
# Sourced by the other scripts: where things are, and how they speak.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
export CARGO_TARGET_DIR=$TARGET

WASM_TARGET=wasm32v1-none
# The name under which rustup knows a Wasm compiler built from the distribution's sources.
WASM_FALLBACK=station-wasm

if [ -t 2 ]; then
    BOLD=$(printf '\033[1m') RED=$(printf '\033[31m') PLAIN=$(printf '\033[0m')
else
    BOLD='' RED='' PLAIN=''
fi

# A step, for people; stdout stays for results.
say() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*" >&2; }

# An error and what to do next.
die() {
    printf '%serror:%s %s\n' "$RED" "$PLAIN" "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Whether the default toolchain compiles for the Wasm target.
wasm_target_installed() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$WASM_TARGET/lib" ]
}

# Whether the toolchain built from the distribution's sources is there.
wasm_fallback_installed() {
    compgen -G "/usr/lib/rustlib/$WASM_TARGET/lib/libcore-*.rlib" >/dev/null &&
        rustup toolchain list | grep -q "^$WASM_FALLBACK\b"
}

# Point the build at whichever of the two is there; rustup's own wins.
choose_wasm_toolchain() {
    if [ -z "${WASM_BUILD_TOOLCHAIN:-}" ] && ! wasm_target_installed && wasm_fallback_installed; then
        export WASM_BUILD_TOOLCHAIN=$WASM_FALLBACK
    fi
}

# The string value of a field of a flat JSON object on stdin.
json_string() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" | head -n 1; }

# "17 s" or "3 min 20 s".
duration() {
    if [ "$1" -lt 60 ]; then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi
}

# The number value of a field of a flat JSON object on stdin.
json_number() { sed -n "s/.*\"$1\" *: *\([0-9.]*\).*/\1/p" | head -n 1; }

# This machine, for tables of figures: "2 cores of …, 8 GiB, Linux …, rustc …".
machine_in_words() {
    local cpu memory
    cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    memory=$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
    printf '%s cores of %s, %s, %s, %s' \
        "$(nproc)" "${cpu:-an unnamed processor}" "$memory" "$(uname -sr)" "$(rustc --version | cut -d' ' -f1,2)"
}
