#!/usr/bin/env bash
# Has the demo's question answered for two principals by the bundled language model. `make demo-llm` runs it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
freshet=${FRESHET:-.venv/bin/freshet}
question="How much may we pay to settle a flood damage claim?"

"$freshet" refresh handbook
for who in user:anybody group:legal; do
    printf '\n$ freshet ask "%s" --corpus handbook --as %s --model bundled\n' "$question" "$who"
    "$freshet" ask "$question" --corpus handbook --as "$who" --model bundled
done
