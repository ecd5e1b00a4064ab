#!/usr/bin/env bash
# Breaks the library on purpose, one way at a time, and expects the test that each patch beside this
# script names to notice. A guard that no test misses when it is gone may be lost unseen.
#
#   tests/teeth/run.sh [--target DIR] [--limit SECONDS] [NAME…]
#
# Works on a copy of HEAD, so what is to be tried has to be committed. Each test first has to pass
# there as it is. A patch that does not apply or does not build, or a test that is not there, is an
# error of the patch and no catch.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/teeth
export CARGO_TERM_COLOR=never RUST_BACKTRACE=0
# Between two patches little changes.
export CARGO_INCREMENTAL=1
limit=180
names=()
while (($#)); do
    case $1 in
    --target) CARGO_TARGET_DIR=$(realpath -m "$2") && shift 2 ;;
    --limit) limit=$2 && shift 2 ;;
    -*) printf 'unknown option %s\n' "$1" >&2 && exit 2 ;;
    *) names+=("$(basename "$1" .patch)") && shift ;;
    esac
done

# Always the same place, so that what is built for one run serves the next one.
copy=$CARGO_TARGET_DIR/copy
logs=$CARGO_TARGET_DIR/logs
log=$logs/unpatched
cleanup() { git -C "$root" worktree remove --force "$copy" 2>/dev/null || true; }
trap cleanup EXIT
cleanup
mkdir -p "$logs"
git -C "$root" worktree add --quiet --detach "$copy" HEAD
cd "$copy"
patches=tests/teeth

# Where a test is, as options of cargo, and what it is called: of "--test simulation a::b", which is
# what a patch says, the first and the last words.
test_of() { sed -n 's/^# catches: //p' "$patches/$1.patch"; }
place_of() {
    case $1 in
    --lib*) printf -- '-p workpool --lib\n' ;;
    *) printf -- '-p workpool-tests %s\n' "${1% *}" ;;
    esac
}

build() {
    local place
    read -ra place <<<"$1"
    cargo test --quiet --locked "${place[@]}" --no-run >"$log" 2>&1
}

# What the tests of these names say, within the time limit, and nothing else.
try() {
    local place
    read -ra place <<<"$1"
    shift
    timeout --kill-after=10 "$limit" cargo test --quiet --locked "${place[@]}" -- --exact "$@" >"$log" 2>&1
}

fault() {
    printf '%s\n' "$1" >&2
    tail -n 40 "$log" >&2
    exit 2
}

if ((${#names[@]} == 0)); then
    for patch in "$patches"/*.patch; do names+=("$(basename "$patch" .patch)"); done
fi
# Those of one target in a row: what another one needs is not built in between.
sorted=$(for name in "${names[@]}"; do printf '%s %s\n' "$(test_of "$name")" "$name"; done | sort)

declare -A passing
while read -r line; do
    caught_by=${line% *}
    passing[$(place_of "$caught_by")]+=" ${caught_by##* }"
done <<<"$sorted"
for place in "${!passing[@]}"; do
    mapfile -t tests < <(tr ' ' '\n' <<<"${passing[$place]# }" | sort -u)
    build "$place" || fault "without any patch, $place does not build"
    try "$place" "${tests[@]}" || fault "without any patch, a test of $place fails"
    grep -q "test result: ok. ${#tests[@]} passed" "$log" || fault "$place has not all of: ${tests[*]}"
done
printf 'unpatched, all pass after %ds\n\n' "$SECONDS"

caught=0
printf '%-32s | %-6s | %4s | %s\n' sabotage caught s 'caught by'
while read -r line; do
    name=${line##* } caught_by=${line% *}
    place=$(place_of "$caught_by")
    begun=$SECONDS
    log=$logs/$name
    code=0
    if ! git apply "$patches/$name.patch" 2>"$log"; then
        verdict='does not apply'
    elif ! build "$place"; then
        verdict='does not build'
    else
        try "$place" "${caught_by##* }" || code=$?
        if ((code == 124 || code == 137)); then
            verdict='by time' caught=$((caught + 1))
        elif grep -q 'test result: FAILED. 0 passed; 1 failed' "$log"; then
            verdict=yes caught=$((caught + 1))
        else
            verdict=NO
        fi
    fi
    printf '%-32s | %-6s | %4d | %s\n' "$name" "$verdict" $((SECONDS - begun)) "$caught_by"
    git checkout --quiet -- workpool
done <<<"$sorted"
printf '\n%d of %d caught in %ds\n' "$caught" "${#names[@]}" "$SECONDS"
printf 'what each test said is in %s\n' "$logs"
((caught == ${#names[@]}))
