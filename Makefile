# `make demo` and `make test` do all their own set-up; `make help` lists the rest.
# Everything runs from .venv and keeps its state in the checkout: .venv .lab .ansible .cache

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

# The tools look for HOME; jobs of CI and AWX may have none.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/.cache/home
endif
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Named outright, because Ansible ignores the ansible.cfg of a world-writable directory.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_HOME := $(CURDIR)/.ansible
# Ansible insists on UTF-8; this locale is there on every Debian.
export LC_ALL := C.UTF-8
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
# Nearly everything here starts Python many times: what is compiled once is kept, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

# The Python which makes .venv (3.11 or newer); found when not given.
export PYTHON
# More arguments for ansible-playbook: make demo ARGS='-t cni -v'
ARGS ?=

.PHONY: help
help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## .venv with what the playbooks and the lab need
	@tools/setup.sh run

.PHONY: setup-test
setup-test: ## the same, and the test tools
	@tools/setup.sh test

.PHONY: demo
demo: setup ## the whole bootstrap against the embedded lab, which stays up
	@python -m lab up --if-needed
	@ansible-playbook site.yml $$(python -m tools.demo) $(ARGS)
	@cat tools/demo.txt

.PHONY: lab-up lab-down lab-status
lab-up: setup ## start the lab
	@python -m lab up
lab-down: setup ## stop the lab and forget its state
	@python -m lab down
lab-status: setup ## what the lab runs
	@python -m lab status

.PHONY: test
test: setup-test ## everything below, six stages at a time, with a summary
	@python -m tools.check

.PHONY: lint sanity unit integration site day-two recovery bgp molecule
lint: setup-test ## ruff, mypy, yamllint, ansible-lint, generated pages
	@python -m tools.check ruff mypy yamllint ansible-lint docs
sanity: setup-test ## ansible-test sanity, in a copy of the tree
	@python -m tools.check sanity
unit: setup-test ## the unit tests
	@python -m tools.check unit
integration: setup-test ## modules, playbooks and stand-ins on labs of their own
	@python -m tools.check integration
site: setup-test ## whole runs: from cold to standing, resumed, with bad input
	@python -m tools.check site
day-two: setup-test ## reset, upgrades, rotation, reboots, power cuts
	@python -m tools.check day-two
recovery: setup-test ## status, backup and restore, emergency recovery
	@python -m tools.check recovery
bgp: setup-test ## the router, its speakers and the phase that joins them
	@python -m tools.check bgp
molecule: setup-test ## converge, idempotence and verify: a lab of its own, and a router with a kernel of its own
	@python -m tools.check molecule router

.PHONY: bench
bench: setup-test ## the measured claims
	@status=0; for claim in bench/*.py; do echo "== $$claim"; python "$$claim" $(ARGS) || status=1; done; exit $$status

.PHONY: docs
docs: setup ## write the pages which are generated
	@python -m tools.docs

.PHONY: constraints
constraints: setup-test ## resolve requirements*.txt anew and write constraints.txt
	@python -m tools.constraints

.PHONY: clean
clean: ## remove everything `make` made; the lab must be down
	@if [ -x .venv/bin/python ]; then python -m lab down >/dev/null 2>&1 || true; fi
	@rm -rf .venv .lab .ansible .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/output
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
