# Every command of the project. `make help` lists them.

SHELL := /bin/bash
CARGO_DENY := 0.20.2
CARGO_FUZZ := 0.13.2
CARGO_CYCLONEDX := 0.5.9
TOOLS := $(CURDIR)/target/tools
WEB_INSTALLED := web/node_modules/.package-lock.json web/codegen/node_modules/.package-lock.json

.PHONY: help run demo build ui dev test test-rust test-faults test-examples test-python test-web test-slow test-api test-api-short \
	test-sql fuzz audit sbom e2e lint lint-rust lint-web lint-python format openapi screenshots bench bench-load bench-python bench-web clean

# What is checked has the page in it; `make test-rust UI=` does without.
lint lint-rust lint-web test test-rust test-faults test-examples e2e screenshots bench-load bench-python bench-web: export UI ?= required

help: ## List every command
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run the server on http://127.0.0.1:8080 with milepost.db here
	cargo run --release -- serve

demo: ## Run a server with people, history and jobs under way
	cargo run --release -- demo

build: ## Build the release binary: target/release/milepost
	cargo build --release --locked

ui: $(WEB_INSTALLED) ## Build the web page into web/dist
	npm --prefix web run build

dev: $(WEB_INSTALLED) ## Serve the page from its sources, with the API of a server on port 8080
	npm --prefix web run dev

test: test-rust test-examples test-python test-api-short test-web e2e ## Run all tests, on SQLite and on a PostgreSQL of their own

test-faults: ## Kill backups and migrations at many more moments, larger crowds, longer reports; PostgreSQL's way back to a moment
	MILEPOST_TEST_KILL_STEP_MS=3 MILEPOST_TEST_CROWD=10000 MILEPOST_TEST_REPORT_ROWS=1100000 scripts/with-postgres \
		cargo test --locked -p milepost --test it -- \
		backup:: restore_drill:: migrations_killed:: kill:: events::crowds:: reports::memory:: $(ARGS)
	scripts/with-postgres scripts/drill-postgres

test-rust: ## Run the Rust tests; ARGS='live::' runs some of them
	scripts/with-postgres cargo test --locked --workspace -- $(ARGS)

test-examples: ## Run the example programs against both databases
	scripts/with-postgres scripts/test-examples

test-python: ## Test the Python package; ARGS='-k spool' runs some of it
	scripts/test-python $(ARGS)

test-api: ## Attack the API with schemathesis, on both databases; ARGS='provider' as some of those who may come
	scripts/with-postgres scripts/attack scripts/attack_api.py long $(ARGS)

test-api-short: ## The same, a few requests of each kind
	scripts/with-postgres scripts/attack scripts/attack_api.py short

test-sql: ## Look for SQL injections with sqlmap, on both databases
	scripts/with-postgres scripts/attack scripts/attack_sql.py

fuzz: $(TOOLS)/bin/cargo-fuzz ## Feed the parsers; SECONDS=600 each, ARGS='event query' some of them
	scripts/fuzz $(or $(SECONDS),60) $(ARGS)

audit: $(TOOLS)/bin/cargo-deny ## Look for known weaknesses of dependencies; needs internet
	scripts/audit

sbom: $(TOOLS)/bin/cargo-cyclonedx ## Write what the binary and the page are made of into target/sbom
	scripts/sbom

test-web: $(WEB_INSTALLED) ## Run the page's unit tests
	npm --prefix web test

test-slow: ## Attack a server with 2,000 slow clients in three ways; takes some minutes, not part of `make test`
	cargo build --locked
	scripts/attack-slowly

e2e: $(WEB_INSTALLED) ## Walk through the page in a real browser
	cargo build --locked
	scripts/make-venv target/python-venv python/pyproject.toml --editable './python[test]'
	scripts/with-chromium npm --prefix web run e2e

lint: lint-web lint-rust lint-python ## Check format, lints, types, dependencies, sizes and what the documents name

lint-rust: $(TOOLS)/bin/cargo-deny ## Check all but the page
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --quiet
	$(TOOLS)/bin/cargo-deny check bans licenses sources
	for script in $$(grep -l "^#!.*bash" scripts/* .ci/run); do bash -n $$script || exit 1; done
	scripts/check-docs
	scripts/check-operations

lint-web: $(WEB_INSTALLED) ## Check the page: lints, types, drift from the API, size
	npm --prefix web run lint
	npm --prefix web run typecheck
	npm --prefix web run api-types:check
	npm --prefix web run build
	node web/scripts/check-size.mjs

lint-python: ## Check the Python package: format, lints, types
	scripts/test-python lint

format: $(WEB_INSTALLED) ## Format the code
	cargo fmt --all
	scripts/test-python format
	npm --prefix web run format

screenshots: $(WEB_INSTALLED) ## Take every page into docs/screenshots
	cargo build --locked
	scripts/with-chromium npm --prefix web run screenshots

bench: bench-load bench-python bench-web ## Measure: the server under load, a step in a script, an event from request to screen

bench-load: ## Measure the server under load; SCALE=full takes longer, ARGS='fairness --database sqlite' is some of it
	cargo build --release --locked --workspace
	cargo build --release --locked --workspace --features milepost/from-memory --bin milepost-from-memory
	scripts/with-postgres target/release/milepost-bench $(ARGS)

bench-python: ## Measure how long reporting a step keeps a Python script
	cargo build --release --locked --workspace
	scripts/test-python bench

bench-web: $(WEB_INSTALLED) ## Measure how long an event takes from the request to the screen
	cargo build --locked
	scripts/with-chromium npm --prefix web run bench

openapi: $(WEB_INSTALLED) ## Write api/openapi.json and the page's types anew from the handlers
	mkdir -p api
	cargo run --locked --quiet -- openapi > api/openapi.json.new
	mv api/openapi.json.new api/openapi.json
	npm --prefix web run api-types

clean: ## Remove everything that was built
	cargo clean
	rm -rf web/dist web/node_modules web/codegen/node_modules

# npm writes this file last; the build script of milepost-web goes by it, too.
$(WEB_INSTALLED): %/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --include=dev --no-audit --no-fund

# Built without optimisation: they run for a second, and building them fast matters more.
$(TOOLS)/bin/cargo-deny: VERSION := $(CARGO_DENY)
$(TOOLS)/bin/cargo-fuzz: VERSION := $(CARGO_FUZZ)
$(TOOLS)/bin/cargo-cyclonedx: VERSION := $(CARGO_CYCLONEDX)
$(TOOLS)/bin/%:
	cargo install --locked --debug --quiet $*@$(VERSION) --root $(TOOLS) --target-dir $(TOOLS)/build
	rm -rf $(TOOLS)/build
