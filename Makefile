# The commands of the tree. Everything installs what it needs: start anywhere.
NPM := npm --no-update-notifier
ROOT := $(shell [ "$$(id -u)" = 0 ] && [ "$$(uname)" = Linux ] && echo yes)

.PHONY: setup demo check test bench tools clean

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

bench: setup
	@scripts/install-tools.sh bench
	@npx tsx bench/run.ts $(ONLY)

clean:
	rm -rf dist node_modules .bench
