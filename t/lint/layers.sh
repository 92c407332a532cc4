#!/bin/bash
# A source file includes only headers of its own layer and of those below it:
# base, shm, io, then auth, policy and event side by side, sentry on event, http.
set -euo pipefail

below() {
    case $1 in
    base)              echo base ;;
    shm)               echo base shm ;;
    io)                echo base shm io ;;
    auth|policy|event) echo base shm io "$1" ;;
    sentry)            echo base shm io event sentry ;;
    http)              echo base shm io auth policy event sentry http ;;
    *)                 echo "nothing: no such layer" ;;
    esac
}

failed=0

while IFS=: read -r file line header; do
    layer=${file#src/}
    layer=${layer%%/*}
    name=${header#*ngx_leadgen_}
    name=${name%%.h*}

    # a private header stands beside the files that include it
    if [ -f "${file%/*}/ngx_leadgen_$name.h" ]; then
        continue
    fi

    case " $(below "$layer") " in
    *" $name "*)
        ;;
    *)
        echo "$file:$line: layer $layer must not include ngx_leadgen_$name.h"
        failed=1
        ;;
    esac
done < <(grep -rn --include='*.[ch]' '^# *include *"ngx_leadgen_' src)

# a façade stands on the layers below it, too
while IFS=: read -r file line header; do
    layer=${file#include/ngx_leadgen_}
    layer=${layer%.h}
    name=${header#*ngx_leadgen_}
    name=${name%%.h*}

    case " $(below "$layer") " in
    *" $name "*)
        ;;
    *)
        echo "$file:$line: façade $layer must not include ngx_leadgen_$name.h"
        failed=1
        ;;
    esac
done < <(grep -n '^# *include *"ngx_leadgen_' include/ngx_leadgen_*.h)

while read -r name; do
    echo "$name: two files of this name: $(echo src/*/"$name")"
    failed=1
done < <(find src -name '*.[ch]' -printf '%f\n' | sort | uniq -d)

exit $failed
