# Target platform and build steps, included by functions/*/Makefile and layers/*/Makefile, which `sam build` runs with
# ARTIFACTS_DIR set (Metadata: BuildMethod: makefile).
#
# BUILD_TARGET=lambda (default): wheels for Lambda's Python on arm64, on any machine (layers/python has the version).
# BUILD_TARGET=local: wheels for this machine and the Python of .venv (or LOCAL_PYTHON), which can then run the artifacts:
#   BUILD_TARGET=local sam build --build-dir .aws-sam/local
BUILD_TARGET ?= lambda
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

ROOT := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))..)
UV := $(ROOT)/.venv/bin/uv

ifeq ($(BUILD_TARGET),lambda)
PYTHON_VERSION := $(shell $(ROOT)/layers/python version)
ifeq ($(PYTHON_VERSION),)
$(error no version of Python to build for)
endif
PLATFORM := --python-platform aarch64-manylinux_2_28 --python-version $(PYTHON_VERSION)
COMPILER := $(shell $(ROOT)/layers/python path $(UV))
else ifeq ($(BUILD_TARGET),local)
LOCAL_PYTHON ?= $(ROOT)/.venv/bin/python
PLATFORM := --python $(LOCAL_PYTHON)
COMPILER := $(LOCAL_PYTHON)
else
$(error BUILD_TARGET must be lambda or local, not $(BUILD_TARGET))
endif

# Install wheels, each checked against its hash. $(1): requirements file, $(2): target folder, $(3): platform other than
# PLATFORM. Not shipped: bin/ (console scripts that contain this machine's paths, and so do their hashes in RECORD) and the
# packages' own tests.
define install-wheels
@$(UV) pip install --quiet --no-deps --require-hashes --only-binary :all: --link-mode copy $(or $(3),$(PLATFORM)) \
	--requirement $(ROOT)/requirements/$(1) --target $(2)
$(call clean-wheels,$(2))
endef
define clean-wheels
@rm -rf $(1)/bin $(1)/.lock
@find $(1) -type d -name tests -prune -exec rm -rf {} +
@find $(1) -path '*.dist-info/RECORD' -exec sed -i.bin '/^\(\.\.\/\)*bin\//d' {} + && find $(1) -name RECORD.bin -delete
endef

# The adopter's folder app/, if there is one (docs/use/app.md). APP runs one step of tools.app.build.
APP = $(if $(wildcard $(ROOT)/app),cd $(ROOT) && .venv/bin/python -m tools.app.build,true)
# $(1): target folder.
define copy-app
@$(APP) code $(abspath $(1))
endef
define install-app
$(if $(wildcard $(ROOT)/app),@$(APP) packages $(abspath $(1)) -- $(PLATFORM))
$(call clean-wheels,$(1))
endef

# Copy our packages, without the contract tests for other projects (store_dynamo.testing), which import pytest.
# $(1): packages, $(2): their folder, $(3): target folder.
define copy-packages
@mkdir -p $(3)
@tar -C $(2) --exclude=__pycache__ --exclude=testing -cf - $(1) | tar -C $(3) -xf -
endef

# Copy the two libraries that both functions use. $(1): target folder.
define copy-libraries
$(call copy-packages,store_dynamo,$(ROOT)/store_dynamo/src,$(1))
$(call copy-packages,attachments_s3,$(ROOT)/attachments_s3/src,$(1))
endef

# Keep only the descriptions of the services in a list and of app/. $(1): list, $(2): folder of the packages.
define keep-services
@services=$$($(APP) services) && cd $(2)/botocore/data && for service in */; do \
	grep -qx "$${service%/}" $(1) <(echo "$$services") || rm -r "$$service"; \
done
endef

# Compile bytecode. /opt and /var/task are read-only on Lambda, so without .pyc every cold start compiles every module
# (docs/evidence/performance.md). unchecked-hash: Python does not compare the source's time, which the zip does not keep.
# -s/-p: tracebacks show the path on Lambda instead of the build's. $(1): folder, $(2): its path on Lambda.
define compile-bytecode
@if [ -n "$(COMPILER)" ]; then \
	"$(COMPILER)" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s $(1) -p $(2) $(1); \
else \
	echo "Python $(PYTHON_VERSION) was not found, so the build contains no .pyc and cold starts take about twice as long. \
To fix this: $(UV) python install $(PYTHON_VERSION), or BYTECODE_PYTHON=/path/to/python$(PYTHON_VERSION)" >&2; \
fi
endef
