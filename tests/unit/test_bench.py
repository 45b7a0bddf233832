"""The scripts in bench/ leave the libraries that they measure importable."""

from __future__ import annotations

import sys
from importlib.metadata import packages_distributions
from pathlib import Path

SCRIPTS = sorted((Path(__file__).parents[2] / "bench").glob("*.py"))


def test_no_script_bears_the_name_of_a_library() -> None:
    """Python looks for modules beside a script first, so that `import datasets` would find a script of that name."""
    libraries = sys.stdlib_module_names | packages_distributions().keys()
    assert {script.stem for script in SCRIPTS} & libraries == set()
    assert "dataset_checks" in {script.stem for script in SCRIPTS}
