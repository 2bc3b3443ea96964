#!/bin/sh
# Runs the tests on other releases of Node, which come as npm packages with the binary inside and stay in .nodes.
# NODES chooses the major versions, PROJECTS the tests: `make test-nodes NODES="22 24" PROJECTS=unit`.
set -eu
cd "$(dirname "$0")/.."
nodes=${NODES:-20 22 24 26}
projects=${PROJECTS:-unit live}
package="node-$(node -p 'process.platform + "-" + process.arch')"
root=$PWD
for major in $nodes; do
  home=$root/.nodes/$major
  binaries=$home/node_modules/$package/bin
  if [ ! -x "$binaries/node" ]; then
    mkdir -p "$home"
    npm --no-update-notifier install --silent --no-save --no-package-lock --prefix "$home" "$package@$major"
  fi
  # First in PATH, so that what the tests start runs on it as well.
  for project in $projects; do
    echo "test-nodes: $project tests on Node.js $("$binaries/node" --version)" >&2
    PATH="$binaries:$PATH" node node_modules/vitest/vitest.mjs run --project "$project"
  done
done
