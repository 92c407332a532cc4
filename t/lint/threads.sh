#!/bin/bash
# Work is given to threads where it is seen to that it ends before a process
# does; a thread of one's own is joined by who made it.
set -euo pipefail

failed=0

# posts FILE CALL: only that file makes the call
posts() {
    if grep -rnw --include='*.c' --exclude="$1" "$2" src ngx_leadgen_module.c
    then
        failed=1
    fi
}

posts ngx_leadgen_work.c     ngx_thread_task_post
posts ngx_leadgen_password.c pthread_create

exit $failed
