#!/bin/bash
# cppcheck, without nginx's headers: it knows no more of them than the names.
# autoVariables sees a mistake where nginx has a configuration's parser point to
# what lives as long as the parsing; clang's analyser tells these apart.
set -euo pipefail

cppcheck --quiet --error-exitcode=1 --inline-suppr -j "$(nproc)" \
    --enable=warning,performance,portability --std=c11 \
    --suppress=missingInclude --suppress=missingIncludeSystem \
    --suppress=autoVariables --suppress=unknownMacro --suppress=preprocessorErrorDirective \
    --template='{file}:{line}: {severity}: {message} [{id}]' \
    -Iinclude ngx_leadgen_module.c src
