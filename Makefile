# Carechain. `make` alone lists the targets. Every target can be interrupted and run again.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Where `make run` listens and keeps its data: make run PORT=9000 DATA=/srv/carechain
PORT ?= 8080
DATA ?= ./data

CARGO ?= cargo
XTASK := $(CARGO) run --quiet --locked -p xtask
FORGE := node_modules/@foundry-rs/forge-linux-amd64/bin/forge
STEP := scripts/step.sh
# Written last, inside what it stands for: an interrupted or deleted installation has no stamp.
CONTRACT_TOOLS := contracts/node_modules/.installed

.PHONY: help
help:
	@echo 'make run             build and start a demo node on http://localhost:$(PORT) (PORT=, DATA=)'
	@echo 'make build           target/release/carechain'
	@echo 'make test            everything: check, contracts, Rust, WebAssembly under Node'
	@echo 'make check           formatting, lints, artifacts, tidy'
	@echo 'make contracts       compile the contracts, write contracts/artifacts and snapshots'
	@echo 'make test-contracts  the tests of the contracts alone'
	@echo 'make wasm            the WebAssembly modules in target/wasm/web'
	@echo 'make bench           measure on this machine'
	@echo 'make clean           remove what was built; keeps data'

# ---- run ------------------------------------------------------------------------------------

.PHONY: run build
run: build
	@exec target/release/carechain node --demo --data '$(DATA)' --listen '127.0.0.1:$(PORT)'

build:
	@scripts/need.sh build
	@$(STEP) 'build target/release/carechain (minutes the first time, seconds afterwards)' \
		$(CARGO) build --release --locked -p carechain-cli

# ---- check and test -------------------------------------------------------------------------

# Cheap checks first, then the contracts (seconds), then what compiles the workspace.
.PHONY: test check
test: check test-contracts test-rust test-wasm
	@echo '==> all tests passed'

check: check-format check-artifacts lint

.PHONY: check-format check-artifacts lint test-contracts test-rust test-wasm tools
tools:
	@scripts/need.sh test

check-format: tools $(CONTRACT_TOOLS)
	@$(STEP) 'format of Rust' $(CARGO) fmt --all --check
	@cd contracts && ../$(STEP) 'format of Solidity' $(FORGE) fmt --check
	@$(STEP) 'tidy' $(XTASK) -- tidy

check-artifacts: tools $(CONTRACT_TOOLS)
	@$(STEP) 'contract artifacts' $(XTASK) -- artifacts --check

lint: check-format check-artifacts
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(STEP) 'licences and sources of dependencies' $(CARGO) deny --offline check licenses bans sources; \
	else echo '    cargo-deny is not installed: licences and sources are not checked here'; fi
	@$(STEP) 'clippy' $(CARGO) clippy --workspace --all-targets --locked -- -D warnings

test-contracts: tools $(CONTRACT_TOOLS)
	@cd contracts && ../$(STEP) 'tests of the contracts, gas as in contracts/snapshots' \
		$(FORGE) test --gas-snapshot-check=true

test-rust: tools
	@$(STEP) 'tests of Rust' $(CARGO) test --workspace --locked

test-wasm: tools
	@$(STEP) 'WebAssembly for Node' $(XTASK) --features wasm -- wasm --target nodejs
	@$(STEP) 'tests under Node' scripts/js-tests.sh

# With -j the phases still follow each other: they share one cargo lock anyway.
.NOTPARALLEL:

# ---- generated ------------------------------------------------------------------------------

.PHONY: contracts wasm
contracts: tools $(CONTRACT_TOOLS)
	@$(STEP) 'contract artifacts' $(XTASK) -- artifacts
	@cd contracts && ../$(STEP) 'gas snapshots' $(FORGE) test --match-contract GasTest

wasm: tools
	@$(STEP) 'WebAssembly for the web' $(XTASK) --features wasm -- wasm --release --target web

$(CONTRACT_TOOLS): contracts/package-lock.json contracts/package.json
	@scripts/need.sh test
	@cd contracts && ../$(STEP) 'tools of the contracts (npm ci)' npm ci --no-audit --no-fund
	@touch $@

# ---- the rest -------------------------------------------------------------------------------

.PHONY: bench clean
bench: build
	@mkdir -p target/bench
	@$(STEP) 'content store, on the disk of target/' \
		$(CARGO) run --release --locked -p carechain-ipfs --example ipfs_bench -- target/bench
	@$(STEP) 'chain' $(CARGO) run --release --locked -p carechain-chain --example chain_load
	@$(STEP) 'the program as people meet it' \
		env TMPDIR='$(CURDIR)/target/bench' $(CARGO) run --release --locked -p carechain-benches -- all

clean:
	$(CARGO) clean
	rm -rf contracts/out contracts/cache contracts/node_modules
