#!/bin/bash
# Every symbol is ngx_leadgen_<unit>_<verb>, its unit the name of its file, and
# the module exports only these and what nginx looks for in it.
set -euo pipefail

failed=0

for object in "$BUILD"/addon/*/*.o; do
    file=$(basename "$object" .o).c
    unit=${file#ngx_leadgen_}
    unit=${unit%.c}

    # T D B R: seen outside; t: functions of the file, some with what the
    # compiler made of them behind a dot
    while read -r kind symbol; do
        if ! [[ $symbol =~ ^ngx_leadgen_${unit}(s|_[a-z0-9_]+)?(\..*)?$ ]]; then
            echo "$file: $symbol ($kind) does not begin ngx_leadgen_${unit}_"
            failed=1
        fi
    done < <(nm --defined-only "$object" \
             | awk '$2 ~ /^[TDBRt]$/ { print $2, $3 }')
done

while read -r symbol; do
    echo "ngx_leadgen_module.so: exports $symbol"
    failed=1
done < <(nm -D --defined-only "$BUILD/ngx_leadgen_module.so" \
         | awk '{ print $3 }' \
         | grep -vxE 'ngx_leadgen_[a-z0-9_]+|ngx_modules|ngx_module_(names|order)')

exit $failed
