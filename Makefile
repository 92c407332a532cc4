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
.PHONY: help module install deps up down status logs test lint prove-checks bench fuzz asan clean generate

help: ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

module: $(module) $(build_dir)/compile_commands.json ## The module alone, build/ngx_leadgen_module.so

$(module): $(sources) $(headers) config docker/local/build.sh
	@docker/local/build.sh module "$(build_dir)" "$(CC)" "$(NGINX_SRC)"

$(build_dir)/compile_commands.json: $(build_dir)/sources.list
	@docker/local/build.sh commands "$(build_dir)"

$(build_dir)/sources.list: $(module) ;

clean: ## Remove build/ and run/
	@docker/local/down.sh
	rm -rf build run
