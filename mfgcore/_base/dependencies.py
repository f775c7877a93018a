"""What the code of users depends on: the modules and files that it reaches, and plain values.

A file depends on its content, on the modules of users that it imports, and on what is read while
these are executed; what was defined in a notebook, on its code and on what that uses.
"""

import ast
import contextlib
import dis
import functools
import hashlib
import importlib.util
import linecache
import os
import site
import stat
import sys
import sysconfig
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mfgcore._base.errors import shorten
from mfgcore._base.fingerprint import PACKAGE

_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/share/", "/usr/lib/")
_NO_VALUES = (  # of a class or a module: of Python's own making, or without a meaning for a run
    "__dict__", "__weakref__", "__module__", "__doc__", "__annotations__", "__qualname__",
    "__firstlineno__", "__static_attributes__", "__dataclass_fields__", "__dataclass_params__",
    "__match_args__", "__abstractmethods__", "_abc_impl", "__builtins__", "__annotate__",
    "__annotate_func__", "__annotations_cache__", "__slotnames__", "__orig_bases__",
    "__parameters__",
)  # fmt: skip
_LOOKING_UP = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_MAPPINGS = (os.__file__, Mapping.get.__code__.co_filename)
_LOCKS = tuple({type(threading.Lock()), type(threading.RLock())})


@functools.cache
def _installed_folders() -> tuple[str, ...]:
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    places += [*site.getsitepackages(), site.getusersitepackages(), str(PACKAGE)]
    return tuple(sorted({f"{os.path.realpath(place)}/" for place in places}))


@functools.cache
def _holds_distributions(folder: str) -> bool:
    return any(Path(folder).glob("*.dist-info"))


@functools.cache
def is_users(file: str | None) -> bool:
    """Whether a file is a user's, and not one of Python, of mfgcore or of an installed package."""
    if not file or file.startswith("<frozen"):
        return False
    if file.startswith("<"):  # a cell of a notebook, a string
        return True
    path = os.path.realpath(file)
    if path.startswith((*_installed_folders(), *_SYSTEM)):
        return False
    # a folder of packages that PYTHONPATH names, as modules of clusters do
    parents = {os.path.realpath(entry) for entry in sys.path if entry}
    return not any(
        str(parent) in parents and _holds_distributions(str(parent))
        for parent in Path(path).parents
    )


def is_users_module(module: Any) -> bool:
    """Whether a module is one that a user wrote."""
    return isinstance(module, types.ModuleType) and is_users(getattr(module, "__file__", None))


def absolute(path: str | bytes | os.PathLike[str]) -> str:
    """A path from the root, without following links; str."""
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100


def digest(*parts: object) -> str:
    """Digest of some parts, each as its text or bytes; 16 characters."""
    whole = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else str(part).encode("utf-8", "backslashreplace")
        whole.update(b"%d\0" % len(content))
        whole.update(content)
    return whole.hexdigest()[:16]


# ------------------------------------------------------------------------------------- files


@functools.lru_cache(maxsize=4096)
def _content_digest(path: str, size: int, changed: int, number: int) -> str:
    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digest(path: str) -> str:
    """Digest of what a file holds, or of the names in a folder; also of one that is not there."""
    try:
        known = Path(path).stat()
        if stat.S_ISDIR(known.st_mode):
            return digest("folder", *sorted(each.name for each in Path(path).iterdir()))
        return _content_digest(path, known.st_size, known.st_mtime_ns, known.st_ino)
    except OSError as error:
        return f"none ({type(error).__name__})"


def imported_names(source: str | bytes, package: str) -> set[str]:
    """Names of the modules that a source imports anywhere, also inside of its functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
                base = f"{above}.{base}".strip(".")
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            found |= {".".join(parts[: end + 1]) for end in range(len(parts))}
    return found - {""}


def _file_of(name: str) -> str | None:
    """The file of a module, loaded or not; None of one that is not a user's, or is not found."""
    module = sys.modules.get(name)
    if module is not None:
        return getattr(module, "__file__", None) if is_users_module(module) else None
    top = name.partition(".")[0]
    if top != name and _file_of(top) is None:  # find_spec would import the package
        return None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return None
    file = spec.origin if spec is not None and spec.has_location else None
    return file if is_users(file) else None


def reached_modules(source: bytes, package: str = "") -> dict[str, str]:
    """The modules of users that a source imports, and these in turn; their files by their names."""
    found: dict[str, str] = {}
    left = imported_names(source, package)
    while left:
        name = left.pop()
        if name in found or (file := _file_of(name)) is None:
            continue
        found[name] = file
        if file.endswith(".py"):
            inner = name if Path(file).name == "__init__.py" else name.rpartition(".")[0]
            with contextlib.suppress(OSError, SyntaxError, ValueError):
                left |= imported_names(Path(file).read_bytes(), inner)
    return found


# ----------------------------------------------------------------------- what is read, and by whom


@dataclass
class Reading:
    """Paths and environment variables that code of users reads while it is executed."""

    paths: set[str] = field(default_factory=set)
    answers: set[str] = field(default_factory=set)  # of what cannot be followed, in words
    variables: set[str] = field(default_factory=set)


_readings: list[Reading] = []
_READ = ("open", "os.listdir", "os.scandir", "sqlite3.connect", "ctypes.dlopen")
_ANSWERS = {
    "subprocess.Popen": "starts a program",
    "os.system": "starts a program",
    "socket.connect": "asks the network",
}
_HEARD = {*_READ, *_ANSWERS}
# asked whether code of a user's may read a path now
_guard: ContextVar[Callable[[str | None, str], None] | None] = ContextVar("_guard", default=None)
_written: set[str] = set()  # by this process, while it was watched: nobody's input


@functools.cache
def _is_ours(file: str) -> bool:
    """Whether what code reads is not for the user whose code called it: linecache shows code."""
    if file == linecache.__file__ or file.startswith("<frozen importlib"):
        return True
    return Path(file).resolve().is_relative_to(PACKAGE)


def _reader() -> types.FrameType | None:
    """The frame of a user's code that reads a file just now; None if other code does."""
    frame: types.FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if _is_ours(file):
            return None
        if is_users(file):
            return frame
        frame = frame.f_back
    return None


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _HEARD or not (_readings or _guard.get()):
        return
    if event in _ANSWERS:
        frame = _reader()
        if frame is not None and _readings:
            _readings[-1].answers.add(_ANSWERS[event])
        elif frame is not None and (ask := _guard.get()) is not None:
            ask(None, _ANSWERS[event])
        return
    path = arguments[0]
    if not isinstance(path, str | bytes | os.PathLike):  # a descriptor, or nothing
        return
    path = absolute(path)
    if event == "open":
        writes = isinstance(arguments[1], str) and set(arguments[1]) & set("wax")
        if writes or (arguments[1] is None and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            _written.add(path)
            return
    frame = _reader()
    # what an installed package brings, and what is Python's own, is known by its version
    if frame is None or path in _written or not is_users(path):
        return
    if _readings:
        _readings[-1].paths.add(path)
    elif (ask := _guard.get()) is not None and Path(path).exists():
        ask(path, f"{frame.f_code.co_filename}, line {frame.f_lineno}")


@functools.cache  # a hook stays for good
def _watch() -> None:
    sys.addaudithook(_heard)


@contextlib.contextmanager
def reading() -> Iterator[Reading]:
    """Note what code of users reads while the body is executed."""
    _watch()
    found = Reading()
    get = os._Environ.__getitem__

    def noted(environment: Any, key: Any) -> Any:
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename in _MAPPINGS:  # os.getenv, get, in
            frame = frame.f_back
        if frame is not None and is_users(frame.f_code.co_filename):
            found.variables.add(os.fsdecode(key))
        return get(environment, key)

    _readings.append(found)
    os._Environ.__getitem__ = noted  # type: ignore[method-assign]
    try:
        with _libraries_that_open_files_themselves(found):
            yield found
    finally:
        os._Environ.__getitem__ = get  # type: ignore[method-assign]
        _readings.remove(found)


@contextlib.contextmanager
def guarded(ask: Callable[[str | None, str], None]) -> Iterator[None]:
    """Ask whether code of users may read a path, whenever it does while the body is executed."""
    _watch()
    before = _guard.set(ask)
    try:
        yield
    finally:
        _guard.reset(before)


@contextlib.contextmanager
def _libraries_that_open_files_themselves(found: Reading) -> Iterator[None]:
    """Note what netCDF4 and h5py open, of which Python hears nothing."""
    import netCDF4

    patched = []
    for module, name in ((netCDF4, "Dataset"), (sys.modules.get("h5py"), "File")):
        original: Any = getattr(module, name, None)
        if original is None:
            continue

        def new(cls, path, mode="r", *rest, _of=original, **options):
            if isinstance(path, str | os.PathLike) and mode.startswith("r"):
                found.paths.add(absolute(path))
            return _of.__new__(cls, path, mode, *rest, **options)

        patched.append((module, name, original))
        setattr(module, name, type(name, (original,), {"__new__": new}))
    try:
        yield
    finally:
        for module, name, original in patched:
            setattr(module, name, original)


# ------------------------------------------------------------------------------------ values


def value_digest(
    value: Any, unfollowed: Callable[[str], object], modules: set[str] | None = None
) -> str:
    """Digest of a function, class or value of a notebook, and of all that it uses.

    `unfollowed` is told of what cannot be followed, in words; to `modules` are added the names of
    those that functions import when they are called.
    """
    try:
        return _Follower(unfollowed, modules).digest(value)
    except RecursionError:
        unfollowed(f"{shorten(value)}, which is nested too deeply")
        return "unfollowed"


class _Follower:
    def __init__(self, unfollowed, modules=None):
        self._modules = set() if modules is None else modules
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no other object gets the number of one that was seen
        self._unfollowed = unfollowed

    def digest(self, value: Any) -> str:
        if type(value) in _PLAIN:
            return digest(type(value).__name__, repr(value))
        if id(value) in self._seen:  # as where it was first, also one that holds itself
            return digest("seen", self._seen[id(value)])
        self._seen[id(value)] = len(self._seen)
        self._kept.append(value)
        return self._first(value)

    def _first(self, value: Any) -> str:
        if isinstance(value, tuple | list) and type(value) in (tuple, list):
            return digest(type(value).__name__, *map(self.digest, value))
        if type(value) is dict:
            pairs = [(self.digest(key), self.digest(inner)) for key, inner in value.items()]
            return digest("dict", *(part for pair in pairs for part in pair))
        if type(value) in (set, frozenset):  # in no order
            alone = (_Follower(self._unfollowed, self._modules).digest(each) for each in value)
            return digest(type(value).__name__, *sorted(alone))
        if isinstance(value, types.ModuleType):
            return self._module(value)
        if isinstance(value, types.CodeType):
            return self._code(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.MethodType):
            return digest("method", self.digest(value.__func__), self.digest(value.__self__))
        if isinstance(value, property | functools.cached_property | staticmethod | classmethod):
            parts = (getattr(value, key, None) for key in ("fget", "fset", "func", "__func__"))
            return digest(type(value).__name__, *map(self.digest, parts))
        if isinstance(value, np.ndarray) and value.dtype != object:
            array = np.ascontiguousarray(value)
            return digest("array", value.dtype.str, value.shape, array.tobytes())
        if isinstance(value, _LOCKS):  # say nothing of a run
            return "lock"
        wrapped = getattr(value, "__wrapped__", None)  # of functools.cache, jax.jit and the like
        if wrapped is not None:
            return digest("wrapped", type(value).__qualname__, self.digest(wrapped))
        return self._any(value)

    def _any(self, value: Any) -> str:
        """Any other object, by what pickle would take for it."""
        kind = type(value)
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:
            self._unfollowed(f"{shorten(value)}, a {kind.__qualname__}")
            return digest("unfollowed", kind.__module__, kind.__qualname__)
        if isinstance(reduced, str):  # the name of a global
            return digest("global", getattr(value, "__module__", ""), reduced)
        parts = [list(part) if isinstance(part, Iterator) else part for part in reduced]
        return digest("object", self.digest(kind), *map(self.digest, parts))

    def _code(self, code: types.CodeType) -> str:
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        return digest("code", code.co_code, *map(str, names), *map(self.digest, code.co_consts))

    def _function(self, function: types.FunctionType) -> str:
        if not is_users(function.__code__.co_filename):
            return digest("function", function.__module__, function.__qualname__)
        cells = []
        for cell in function.__closure__ or ():
            with contextlib.suppress(ValueError):  # one that is still empty
                cells.append(cell.cell_contents)
        known = function.__globals__
        names = [name for name in _names_in(function.__code__, _LOOKING_UP) if name in known]
        used = {name: known[name] for name in names}
        modules = _imported_by(function.__code__)
        self._modules.update(modules)
        parts = (function.__code__, function.__defaults__, function.__kwdefaults__, cells, used,
                 modules, function.__dict__)  # fmt: skip
        return digest("function", *map(self.digest, parts))

    def _class(self, cls: type) -> str:
        if not is_users(_file_of_class(cls)):
            return digest("class", cls.__module__, cls.__qualname__)
        parts = [self.digest(base) for base in cls.__bases__]
        for name, value in vars(cls).items():
            if name in _NO_VALUES or isinstance(value, types.MemberDescriptorType):
                continue
            if isinstance(value, types.FunctionType) and value.__code__.co_filename == "<string>":
                continue  # what dataclasses make of the fields
            parts += [name, self.digest(value)]
        fields = getattr(cls, "__dataclass_fields__", {})
        parts += [self.digest([name, each.default]) for name, each in fields.items()]
        return digest("class", cls.__qualname__, *parts)

    def _module(self, module: types.ModuleType) -> str:
        if not is_users_module(module):
            return digest("module", module.__name__)
        values = {key: value for key, value in vars(module).items() if not key.startswith("__")}
        source = file_digest(module.__file__ or "")
        return digest("module", source, self.digest(values))


def _names_in(code: types.CodeType, instructions: tuple[str, ...]) -> list[str]:
    """Names that some instructions of a code, or of one inside of it, have."""
    names = [each.argval for each in dis.get_instructions(code) if each.opname in instructions]
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            names += _names_in(inner, instructions)
    return sorted(set(names))


def _imported_by(code: types.CodeType) -> dict[str, str]:
    """Digests of the modules of users that a code imports when it is called, by their names."""
    source = "".join(f"import {name}\n" for name in _names_in(code, ("IMPORT_NAME",)) if name)
    return {name: file_digest(file) for name, file in reached_modules(source.encode()).items()}


def _file_of_class(cls: type) -> str:
    """Where a class was written; a text like a cell's for one that is in no file."""
    module = sys.modules.get(cls.__module__)
    if module is None or cls.__module__ == "__main__":
        return "<cell>"
    return getattr(module, "__file__", None) or ""  # none of builtins


def join_fingerprints(parts: Iterable[str]) -> str:
    """Different parts of fingerprints, joined in their order."""
    return "+".join(dict.fromkeys(part for whole in parts for part in whole.split("+") if part))
