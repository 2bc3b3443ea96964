#!/bin/sh
# The random tests of the Lua compiler for as long as a release asks: programs against lua5.4, then each fuzzer for
# some minutes. Every round starts from a seed that is printed; a failure shows its log and how to run it again.
set -eu
cd "$(dirname "$0")/.."

programs="${PROGRAMS:-100000}"
minutes="${MINUTES:-10}"
seed="${SEED:-$(date +%s)}"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# round project file runs: one run of a test, from the next seed.
round() {
  command="MOONHOOK_SEED=$seed MOONHOOK_FUZZ_RUNS=$3 npx vitest run --project $1 --testTimeout 3600000 $2"
  echo "$(date +%T) $command"
  if ! sh -c "$command" > "$log" 2>&1; then
    cat "$log"
    exit 1
  fi
  seed=$((seed + $3))
}

# fuzz project file runs: rounds until the minutes are over.
fuzz() {
  end=$(($(date +%s) + 60 * minutes))
  while [ "$(date +%s)" -lt "$end" ]; do round "$1" "$2" "$3"; done
}

ran=0
while [ "$ran" -lt "$programs" ]; do
  runs=$((programs - ran < 10000 ? programs - ran : 10000))
  round live test/differential/lua-programs.test.ts "$runs"
  ran=$((ran + runs))
done
fuzz unit test/fuzz/lua.test.ts 200000
fuzz live test/differential/lua-libraries.test.ts 20000
echo "no difference in $ran programs; no failure of the fuzzers in $minutes minutes each"
