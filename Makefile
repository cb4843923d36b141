# Each target does everything it needs on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q
# A process a core, so one thread a process.
PARALLEL := OMP_NUM_THREADS=1 $(PYTEST) -n auto

PO := $(wildcard resnet_viz/locale/*.po)

.PHONY: app install stage languages check test lint bench reference clean fuzz faults

app: install node_modules/installed  ## serve the app on 127.0.0.1 (PORT=8501)
	$(BIN)/streamlit run app.py --server.port $(PORT)

install: .venv/installed  ## the virtual environment alone

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"ResNet Viz needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Say make PYTHON=/path/to/python3.11.")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

stage: node_modules/installed  ## the stage's script, made of its modules (needs Node and npm)
	npm run --silent build

# Commit what it writes: the tests fail on a text that a catalogue lacks, or has in an older form.
languages: install  ## bring the catalogues of resnet_viz/locale up to date with the code, and compile them
	@mkdir -p build
	$(BIN)/pybabel -q extract -F pyproject.toml -k tr -k trn:1,2 --no-location --sort-output -o build/texts.pot app.py pages resnet_viz
	@for po in $(PO); do \
		$(BIN)/pybabel -q update -i build/texts.pot -o $$po -l $$(basename $$po .po) --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date && \
		$(BIN)/pybabel -q compile -i $$po -o $${po%.po}.mo || exit 1; \
	done

# Without npm the app loads the whole plotly.js, and the tests of the stage's script are skipped; in CI they fail.
node_modules/installed: package.json
	@command -v npm >/dev/null && npm install --loglevel=error && npm run --silent plotly && touch $@ \
		|| echo "npm is not here or reached nothing: the first charts take a second longer, and the stage's script is not built again."

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint node_modules/installed  ## style, types and the fast tests: a minute on two cores
	$(PARALLEL) -m "not slow and not browser"

test: lint node_modules/installed  ## everything, browser tests included where a chromium is found
	$(PARALLEL) -m "not browser"
	$(PYTEST) -m browser

bench: install  ## every benchmark, in turn: half an hour; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks all

fuzz: install  ## 2,000 damaged files through each of the four ways in
	$(PYTEST) -s tests/fuzz --fuzz 2000

faults: install  ## 102 kills, full and read-only disks, cut files, processes that sleep: a quarter of an hour
	$(PYTEST) -s tests/faults tests/runs/test_faults.py tests/workers/test_damaged.py tests/workers/test_failures.py tests/workers/test_processes.py --faults 34

reference: install  ## train the twins that ship in assets/ again (three hours on two cores)
	$(BIN)/python -m resnet_viz reference

clean:
	rm -rf .venv node_modules .pytest_cache .ruff_cache .mypy_cache build dist *.egg-info
