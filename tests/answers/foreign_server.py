"""Serves a GGUF file as llama.cpp's own server does, in a process of its own: `python -m … FILE KEY`."""

from __future__ import annotations

import sys


def main() -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, key = sys.argv[1:]
    params.n_ctx = 512
    params.verbosity = -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # more are slower where other tests run
    params.hostnames = ["127.0.0.1"]
    params.api_keys = [key]
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until whoever started it goes


if __name__ == "__main__":
    main()
