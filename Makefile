# The few words of this project. `make demo` and `make test` need nothing prepared by hand.
.PHONY: demo demo-down test oracle example crashes check style fix bench environment lock
.DEFAULT_GOAL := check

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
BIN := .venv/bin
PYTEST_OPTIONS ?=

demo: environment          ## build examples/shop, show it at work, and leave it running
	@scripts/install run
	@$(SUDO) $(BIN)/python scripts/demo.py up

demo-down: environment     ## stop what the demo started
	@$(SUDO) $(BIN)/python scripts/demo.py down

test: environment          ## the whole suite, on real packages, containers and machines
	@scripts/install run test
	@$(SUDO) scripts/suite $(PYTEST_OPTIONS)

oracle: environment        ## hold many package sets against mmdebstrap, file by file: an hour
	@scripts/install run test
	@$(SUDO) HERDBOOK_ORACLE=long $(BIN)/pytest tests/oracle $(PYTEST_OPTIONS)

example: environment       ## build all of examples/catalogue, start each image, compare its components
	@scripts/install run test
	@$(SUDO) HERDBOOK_CATALOGUE=long $(BIN)/pytest tests/example_catalogue $(PYTEST_OPTIONS)

crashes: environment       ## kill campaigns at random moments, and the server at every act
	@scripts/install run test
	@$(SUDO) HERDBOOK_CRASHES=long $(BIN)/pytest tests/model/test_campaign_crashes.py \
		tests/end_to_end/test_campaign.py tests/model/test_fleet_crashes.py \
		tests/end_to_end/test_fleet_crashes.py tests/end_to_end/test_machine_crashes.py \
		$(PYTEST_OPTIONS)

check: style               ## what every commit passes: style, types, layers, unit tests
	@scripts/suite --side-by-side -q tests/unit $(PYTEST_OPTIONS)

style: environment         ## what is told by reading alone: style, types, layers
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports >/dev/null || $(BIN)/lint-imports

fix: environment           ## mend what can be mended without thinking
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet

bench: environment         ## measure against what users would otherwise pick
	@scripts/install run test
	@$(SUDO) $(BIN)/python benchmarks/run.py

lock: environment          ## pin the newest dependencies that are a week old
	@scripts/environment --lock

environment:
	@scripts/environment
