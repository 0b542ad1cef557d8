"""One import for everything: `import dta_toolkit as dt`, then `dt.analysis` and `dt.instrument`.

The two packages are taken from beside this file, so a script of your own that is called `analysis.py` or
`instrument.py` hides nothing.

>>> import dta_toolkit as dt
>>> dt.analysis.cronbach_alpha.__name__, dt.instrument.load.__name__
('cronbach_alpha', 'load')
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any


def _ours(name: str) -> ModuleType:
    """Import a package from beside this file, whatever else bears its name on the path."""
    home = Path(__file__).resolve().parent / name / "__init__.py"
    loaded = sys.modules.get(name)
    if loaded is not None:
        if loaded.__file__ is not None and Path(loaded.__file__).resolve() == home:
            return loaded
        raise ImportError(
            f"dta_toolkit: a module {name!r} of {loaded.__file__} is imported already.\n"
            "Hint: import dta_toolkit before it, or rename that file."
        )
    spec = spec_from_file_location(name, home, submodule_search_locations=[str(home.parent)])
    if spec is None or spec.loader is None:
        raise ImportError(
            f"dta_toolkit: package {name!r} is not beside it.\nHint: install dta-toolkit again."
        )
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    import analysis
    import instrument
else:
    instrument = _ours("instrument")
    analysis = _ours("analysis")

__all__ = ["analysis", "instrument"]


def __getattr__(name: str) -> Any:
    """Give the version, which is looked up when it is asked for."""
    if name == "__version__":
        return instrument.__version__
    raise AttributeError(f"module 'dta_toolkit' has no attribute {name!r}")
