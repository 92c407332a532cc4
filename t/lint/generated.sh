#!/bin/bash
# What is generated from include/tables/*.def is current.
set -euo pipefail

include/tables/generate.py --check
