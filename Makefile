# The commands of the tree. Everything installs what it needs: start anywhere.
NPM := npm --no-update-notifier

.PHONY: setup demo check test test-nodes test-long bench tools clean

setup: node_modules/.package-lock.json dist/.built

node_modules/.package-lock.json: package.json package-lock.json
	$(NPM) ci --loglevel=error
	@touch $@

dist/.built: node_modules/.package-lock.json tsconfig.json tsconfig.build.json $(shell find src -name '*.ts')
	$(NPM) run -s build
	@touch $@

# The programs that live tests and the live half of the demo talk to (`install-tools.sh bench`: the benchmarks too).
# Debian's; silent when all are there.
tools:
	@scripts/install-tools.sh

demo: setup
	@scripts/demo.sh

check: setup
	$(NPM) run -s check

test: setup tools
	$(NPM) run -s check
	$(NPM) run -s live

# All tests on every Node.js release line that we support; NODES="22 24" and PROJECTS=unit choose.
test-nodes: setup tools
	@NODES="$(NODES)" PROJECTS="$(PROJECTS)" scripts/test-nodes.sh

# What a release asks of the Lua compiler: PROGRAMS=100000 random programs against lua5.4, MINUTES=10 of each fuzzer.
test-long: setup tools
	@scripts/test-long.sh

bench: setup
	@scripts/install-tools.sh bench
	@npx tsx bench/run.ts $(ONLY)

clean:
	rm -rf dist node_modules .bench .nodes
