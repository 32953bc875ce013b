# Every command of the project. `make help` lists them.

SHELL := /bin/bash
CARGO_DENY := 0.20.2
TOOLS := $(CURDIR)/target/tools

.PHONY: help run demo build test test-rust test-examples lint format openapi clean

help: ## List every command
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run the server on http://127.0.0.1:8080 with milepost.db here
	cargo run --release -- serve

demo: ## Run a server with people, history and jobs under way
	cargo run --release -- demo

build: ## Build the release binary: target/release/milepost
	cargo build --release --locked

test: test-rust test-examples ## Run all tests, on SQLite and on a PostgreSQL of their own

test-rust: ## Run the Rust tests; ARGS='live::' runs some of them
	scripts/with-postgres cargo test --locked --workspace -- $(ARGS)

test-examples: ## Run the example programs against both databases
	scripts/with-postgres scripts/test-examples

lint: $(TOOLS)/bin/cargo-deny ## Check format, lints, dependencies and what the documents name
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --quiet
	$(TOOLS)/bin/cargo-deny check bans licenses sources
	for script in scripts/with-postgres scripts/test-examples scripts/check-docs .ci/run; do bash -n $$script || exit 1; done
	scripts/check-docs

format: ## Format the code
	cargo fmt --all

openapi: ## Write api/openapi.json anew from the handlers
	mkdir -p api
	cargo run --locked --quiet -- openapi > api/openapi.json.new
	mv api/openapi.json.new api/openapi.json

clean: ## Remove everything that was built
	cargo clean

# Built without optimisation: it runs for a second, and building it fast matters more.
$(TOOLS)/bin/cargo-deny:
	cargo install --locked --debug --quiet cargo-deny@$(CARGO_DENY) --root $(TOOLS) --target-dir $(TOOLS)/build
	rm -rf $(TOOLS)/build
