"""What the package exports: the public names of its public modules."""

import importlib
import pkgutil

import mfgcore


def is_public(name):
    return not any(part.startswith("_") for part in name.split("."))


def public_modules():
    """The modules whose names have no part with an underscore before it; dict by name."""
    found = pkgutil.walk_packages(mfgcore.__path__, "mfgcore.")
    names = ["mfgcore", *(each.name for each in found if is_public(each.name))]
    return {name: importlib.import_module(name) for name in names}


def public_callables():
    """What these define, or export by `__all__`, and can be called; dict by the full name."""
    found = {}
    for module in public_modules().values():
        for name in getattr(module, "__all__", filter(is_public, vars(module))):
            each = getattr(module, name)
            if callable(each) and getattr(each, "__module__", None) == module.__name__:
                found[f"{module.__name__}.{name}"] = each
    return found
