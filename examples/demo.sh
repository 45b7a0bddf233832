#!/usr/bin/env bash
# Refreshes the example corpus, searches it as two principals, refreshes again, builds the example dataset, and has one
# question answered for two principals, and one refused.
# `make demo` runs it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
freshet=${FRESHET:-.venv/bin/freshet}
question="How much may we pay to settle a flood damage claim?"

step() {
    local word
    printf '\n$ freshet'
    for word in "$@"; do
        if [[ $word == *' '* ]]; then printf ' "%s"' "$word"; else printf ' %s' "$word"; fi
    done
    printf '\n'
    "$freshet" "$@"
}

step check
step refresh handbook
step quarantine handbook
step search "$question" --corpus handbook --limit 2
step search "$question" --corpus handbook --as group:legal --limit 2

echo
echo "Once more, with nothing changed:"
step refresh handbook

echo
echo "A fine-tuning dataset, of which many rows derive from the same documents:"
step dataset build handbook-answers
step trace leave/annual-leave.md

echo
echo "Answers, in sentences that were checked against what they cite:"
step ask "$question" --corpus handbook
step ask "$question" --corpus handbook --as group:legal
step ask "When must the insurer be informed of reserves for a flood?" --corpus handbook
