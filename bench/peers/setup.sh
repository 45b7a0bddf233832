#!/usr/bin/env bash
# Makes the environment of one peer under .venv-peers/, apart from Freshet's own: bench/peers/setup.sh cocoindex
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
peer=${1:?"say which peer: $(cd bench/peers && echo */ | tr -d /)"}
requirements=bench/peers/$peer/requirements.txt
environment=.venv-peers/$peer
stamp=$environment/.installed

if [[ ! -f $requirements ]]; then
    echo "There is no peer '$peer'; there are: $(cd bench/peers && echo */ | tr -d /)" >&2
    exit 1
fi
if [[ -f $stamp && ! $requirements -nt $stamp ]]; then
    touch "$stamp"
    exit 0
fi
python=${PYTHON:-$(command -v python3.11 || command -v python3)}
[[ -x $environment/bin/python ]] || "$python" -m venv "$environment"
echo "Installing $peer into $environment …"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
# Packages whose own requirements would bring gigabytes that the peer's measured path does not use.
if [[ -f ${requirements%.txt}-no-deps.txt ]]; then
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "${requirements%.txt}-no-deps.txt"
fi
touch "$stamp"
