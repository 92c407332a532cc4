# ngx_leadgen_module: `make help` lists what can be made.

SHELL     := /bin/bash
BUILD     ?= build
CC        ?= cc
NGINX_SRC ?=

build_dir := $(abspath $(BUILD))
sources   := $(sort $(shell find src -name '*.c') ngx_leadgen_module.c)
headers   := $(sort $(shell find include src -name '*.h' -o -name '*.def'))
module    := $(build_dir)/ngx_leadgen_module.so

.DEFAULT_GOAL := module
.PHONY: help module static install deps up down status verify-audit logs test test-loaded lint prove-checks bench fuzz asan clean generate dashboard

help: ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

module: $(module) $(build_dir)/compile_commands.json ## The module alone, build/ngx_leadgen_module.so

$(module): $(sources) $(headers) config docker/local/build.sh sql/sqitch.plan
	@docker/local/build.sh module "$(build_dir)" "$(CC)" "$(NGINX_SRC)"

static: ## nginx itself with the module in it, NGINX_SRC=its sources
	@docker/local/build.sh static "$(build_dir)" "$(CC)" "$(NGINX_SRC)"

$(build_dir)/compile_commands.json: $(build_dir)/sources.list
	@docker/local/build.sh commands "$(build_dir)"

$(build_dir)/sources.list: $(module) ;

dashboard: ## The dashboard's files, dashboard/dist
	@docker/local/dashboard.sh "$(build_dir)"

deps: ## Install what is missing of Debian's packages
	@docker/local/deps.sh

up: ## Start the whole system below run/
	@$(MAKE) --no-print-directory deps module dashboard
	@BUILD="$(build_dir)" docker/local/up.sh

down: ## Stop it; data stays
	@docker/local/down.sh

status: ## Which programs run
	@docker/local/status.sh

verify-audit: ## Whether the audit log is as it was sealed, FROM= TO=
	@docker/local/verify-audit.py run $(if $(FROM),from=$(FROM)) $(if $(TO),to=$(TO))

logs: ## Follow all logs
	@docker/local/logs.sh

install: module ## The module into nginx's modules path, below DESTDIR
	@docker/local/install.sh "$(module)" "$(DESTDIR)"

test: ## The whole test suite
	@$(MAKE) --no-print-directory deps module
	@docker/local/dashboard.sh "$(build_dir)" test
	@t/run "$(build_dir)" "$(CC)" $(SUITES)

test-loaded: ## The suites that wait, beside busy loops, LOADED=times
	@$(MAKE) --no-print-directory deps module
	@docker/local/dashboard.sh "$(build_dir)" test
	@t/loaded "$(build_dir)" "$(CC)" $(LOADED)

lint: module ## Static checks
	@t/lint/run "$(build_dir)"

prove-checks: ## See each static check fail, on a copy with a fault
	@t/lint/prove "$(build_dir)"

generate: ## SQL and README tables from include/tables/*.def
	@include/tables/generate.py

bench: module ## What the gateway costs, against a bare proxy
	@bench/run "$(build_dir)"
	@bench/scaling.py "$(build_dir)"

fuzz: ## Fuzzers, FUZZ_SECONDS each
	@t/fuzz/run "$(build_dir)" "$(or $(FUZZ_SECONDS),30)"

asan: ## Test blocks under AddressSanitizer and UBSan
	@t/asan "$(build_dir)"

clean: ## Remove build/ and run/
	@docker/local/clean.sh
