#!/bin/bash
# Nothing is left to do in the text, no line is a conflict's, and lines of C
# have 80 columns.
set -euo pipefail

failed=0

# the words are put together here so that this file has none of them
words="TO""DO|FIX""ME|XX""X"
t/lint/files '*' '.*' \
    | xargs grep -nIE "\b($words)\b|^(<<<<<<<|>>>>>>>) " && failed=1

# shellcheck disable=SC2016
t/lint/files '*.[ch]' | xargs awk '
    length($0) > 80 { print FILENAME ":" FNR ": longer than 80 columns"; f = 1 }
    /[ \t]+$/       { print FILENAME ":" FNR ": blanks at the end"; f = 1 }
    /\t/            { print FILENAME ":" FNR ": a tab"; f = 1 }
    END             { exit f }' || failed=1

exit $failed
