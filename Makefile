# Gangway. The two commands a newcomer needs: `make demo` and `make test`.

CARGO ?= cargo
PLUGINS = plugins/target/wasm32-wasip2/release
SOURCES = $(shell find plugins sdk/rust wit -name target -prune -o -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.json' -o -name '*.wit' -o -name '*.csv' -o -name '*.profdata' \) -print)

.PHONY: help setup plugins build demo test test-setup bench profile features fuzz lint fmt deny clean

help:
	@echo "make demo    build everything and watch 1,000 people travel through two provisioning runs"
	@echo "make test    everything that can be tested here, real LDAP and SCIM servers included"
	@echo "make build   the release binary, target/release/gangway"
	@echo "make plugins the components, $(PLUGINS)/*.wasm"
	@echo "make bench   the figures of docs/performance.md"
	@echo "make profile the profile that the transformation is compiled with, after changes of its language"
	@echo "make features  which of the numbered features have a test"
	@echo "make fuzz    the transformation language and the directory against generated and damaged input, one minute each"
	@echo "make lint    rustfmt, clippy, licences"

# What the toolchain lacks on a new machine.
setup:
	@tests/setup/toolchain.sh

# Real servers for the tests: installed on Debian as root, asked for elsewhere.
test-setup: setup
	@tests/setup/servers.sh

# The transformation is compiled with a profile of its use (docs/performance.md): calls that are frequent are
# inlined, what is rare is moved out of the way.
TRANSFORMATION = gangway-plugin-json-transformation
PROFILED = -Cprofile-use=$(CURDIR)/plugins/json-transformation/profile/transformation.profdata -Csymbol-mangling-version=v0 \
	-Cllvm-args=-hot-callsite-threshold=500 -Cllvm-args=-hot-cold-split=true

$(PLUGINS)/.built: $(SOURCES)
	cd plugins && $(CARGO) build --locked --release --target wasm32-wasip2 --workspace \
		$(patsubst %,--exclude %,$(TRANSFORMATION) gangway-json-transformation gangway-transformation-language)
	cd plugins && RUSTFLAGS="$(PROFILED)" $(CARGO) build --locked --release --target wasm32-wasip2 -p $(TRANSFORMATION)
	@touch $@

plugins: setup $(PLUGINS)/.built

build: plugins
	$(CARGO) build --locked --release --workspace --bins

demo: build
	@target/release/gangway-demo

# Modules of the black-box tests that want the machine for themselves.
HURRIED = hostile:: hot_load:: rates::

# Always the whole workspace: building single packages changes the features of shared dependencies,
# and wasmtime would be compiled once more.
test: test-setup plugins
	$(CARGO) build --locked --workspace --bins
	# One test at a time where the engine is held to a time limit.
	RUST_TEST_THREADS=1 $(CARGO) test --locked --workspace
	$(CARGO) test --locked --workspace --test black-box -- --test-threads 1 $(HURRIED)
	$(CARGO) test --locked --workspace --test black-box -- --test-threads 2 $(HURRIED:%=--skip %)
	cd plugins && $(CARGO) test --locked --workspace

bench: test-setup build
	@target/release/gangway-bench

# Again after changes of the transformation language.
profile: setup
	@plugins/json-transformation/profile/take.sh

features:
	@tests/features.sh

# Longer: make fuzz GANGWAY_FUZZ_SECONDS=600
fuzz:
	cd plugins && GANGWAY_FUZZ_SECONDS=$(or $(GANGWAY_FUZZ_SECONDS),60) $(CARGO) test --locked --release -p gangway-transformation-language --test robust -- --ignored --nocapture fuzz
	GANGWAY_FUZZ_SECONDS=$(or $(GANGWAY_FUZZ_SECONDS),60) $(CARGO) test --locked -p gangway-directory robust -- --ignored --nocapture

fmt:
	$(CARGO) fmt --all
	cd plugins && $(CARGO) fmt --all

lint: setup
	$(CARGO) fmt --all --check
	cd plugins && $(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --workspace --test black-box -- -D warnings
	cd plugins && $(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(MAKE) deny

deny:
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny --workspace check licenses bans sources
	cd plugins && $(CARGO) deny --config ../deny.toml check licenses bans sources

clean:
	$(CARGO) clean
	cd plugins && $(CARGO) clean
