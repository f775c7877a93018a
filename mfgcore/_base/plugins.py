"""Files of users: what has a name in them, and all that the runs which use it depend on."""

import contextlib
import importlib
import os
import sys
import types
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mfgcore._base.dependencies import (
    absolute,
    digest,
    file_digest,
    guarded,
    is_users,
    is_users_module,
    reached_modules,
    reading,
    value_digest,
)
from mfgcore._base.errors import ConfigurationError, MfgcoreError, one_line, shorten
from mfgcore._base.files import StrPath

PREFIX = "mfgcore_import_"
READS = "reads"  # a name in a file, or of a class or function: files that are read during a run


@dataclass
class _Imported:
    """A file of a user's that was imported.

    Parameters
    ----------
    name, content : str
        Of its module; the digest of the file itself.
    modules : dict of str to (str, str)
        Modules that it reaches: the file of each, and the digest of what was imported.
    read : dict of str to str
        Digests of the files and folders that were read while it was imported, by their paths.
    """

    path: Path
    name: str
    content: str
    modules: dict[str, tuple[str, str]] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)

    def is_current(self, content: bytes) -> bool:
        """Whether the file with this content would be what was imported."""
        return self.content == digest(content) and all(
            file_digest(file) == known
            for file, known in [*self.modules.values(), *self.read.items()]
        )

    def digest(self) -> str:
        """Digest of the file and of all that it reaches, wherever they are."""
        parts = [(name, known) for name, (_, known) in self.modules.items()]
        parts += [(self._place(path), known) for path, known in self.read.items()]
        parts += [(name, _digest_of_what_is_named(path)) for name, path in self.reads().items()]
        return digest(self.content, *(word for part in sorted(parts) for word in part))

    def reads(self) -> dict[str, str]:
        """What the file names as read during a run; its paths by what they are called there."""
        found: dict[str, str] = {}
        for name in [self.name, *self.modules]:
            module = sys.modules.get(name)
            value = () if module is None else vars(module).get(READS, ())
            if not callable(value):  # a function of theirs may have the name
                folder = Path(getattr(module, "__file__", None) or ".").parent
                words = _named(value, name)
                found |= {word: _path_of(word, folder) for word in words}
        return found

    def _place(self, path):
        """A path that is the same wherever the folder of the file is."""
        place = os.path.relpath(path, self.path.parent)
        return Path(path).name if place.startswith(os.pardir) else place


_imported: dict[Path, _Imported] = {}  # by their files
_loaded: dict[str, str] = {}  # digests of modules of users that were loaded here, by name
_sent: dict[int, tuple[Any, str]] = {}  # entries that came from another process, with their digests


def _named(value: Any, whose: str) -> Sequence[str]:
    """The words of `reads`, or a ConfigurationError."""
    if not isinstance(value, list | tuple) or not all(
        isinstance(word, str | os.PathLike) for word in value
    ):
        raise ConfigurationError(f"{whose}: reads = {shorten(value)} is not a tuple of paths")
    return [os.fspath(word) for word in value]


def _path_of(word, folder):
    """The path that a word of `reads` names; a variable of the environment stays what it is."""
    return word if word.startswith("$") else absolute(Path(folder) / word)


def _digest_of_what_is_named(path):
    if path.startswith("$"):
        return digest(os.environ.get(path[1:], "none"))
    if not Path(path).exists():
        raise ConfigurationError(f"reads: {shorten(path)} is not there")
    if Path(path).is_dir():
        inside = sorted(each for each in Path(path).rglob("*") if each.is_file())
        return digest(*(f"{each.relative_to(path)}={file_digest(str(each))}" for each in inside))
    return file_digest(path)


def import_file(path: StrPath) -> None:
    """Run a Python file, so that what it registers is known; again only if it has changed.

    Modules beside it can be imported from it, as from a script. It has changed if it is another,
    or if a module that it reaches is, or a file that was read while it was imported.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or raises an error itself.
    """

    def refuse(error, line=""):
        raise ConfigurationError(f"import: {path}{line}: {one_line(error)}") from error

    try:
        content = Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as error:
        refuse(error)
    place = Path(path).resolve()
    before = _imported.get(place)
    if before is not None and before.is_current(content):
        return
    found = _Imported(place, PREFIX + digest(place, content), digest(content))
    module = types.ModuleType(found.name)
    module.__file__ = str(path)
    sys.modules[found.name] = module  # where dataclasses look for it
    folder = Path.cwd()
    try:
        with _importable(place.parent), reading() as seen, warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # an error says the same, if it is one
            code = compile(content, str(path), "exec")
            _forget_what_may_have_changed(content, before)
            there = set(sys.modules)
            with np.errstate():  # what it sets by np.seterr is not for our code
                exec(code, vars(module))
        if Path.cwd() != folder:
            os.chdir(folder)
            raise ConfigurationError("changes the working directory, by which outputs are named")
        _note(found, content, there, seen)
        for other in _imported.values():
            _check_apart(found, other)
        found.digest()
    except BaseException as error:  # whatever the code of a user may raise
        _forget(found)
        if isinstance(error, KeyboardInterrupt):
            raise
        if isinstance(error, MfgcoreError):
            raise ConfigurationError(f"import: {path}: {error}") from error
        line = error.lineno if isinstance(error, SyntaxError) else _place(error)[1]
        refuse(error, f", line {line}" if line else "")
    _imported[place] = found
    for what in sorted(seen.answers):
        _tell(f"import: {path}: {what}", stacklevel=3)
    for name in sorted(seen.variables - {word[1:] for word in found.reads() if word[0] == "$"}):
        what = f"reads the environment variable {name}; a change of it makes nothing out of date"
        unless = f"unless it is named: {READS} = ('${name}',)"
        warnings.warn(f"import: {path}: {what}, {unless}", stacklevel=2)


def _tell(what, stacklevel):
    """Tell, in a warning, of what cannot be followed."""
    said = f"{what}; a change of what it answers makes nothing out of date"
    warnings.warn(said, stacklevel=stacklevel)


def _note(found, content, there, seen):
    """What a file reaches, once it was executed."""
    names = reached_modules(content)
    new = [name for name in set(sys.modules) - there if is_users_module(sys.modules[name])]
    names |= {name: sys.modules[name].__file__ for name in new}
    others = [each for each in _imported.values() if _share(each, names)]
    for other in others:  # what a module that was loaded for another file reaches
        names = {name: file for name, (file, _) in other.modules.items()} | names
    for name, file in names.items():
        # or a function imports it when it is called
        if name in new or name not in sys.modules or name not in _loaded:
            _loaded[name] = file_digest(file)
        found.modules[name] = file, _loaded[name]
    beside = {file for file, _ in found.modules.values()} | {str(found.path)}
    found.read = {
        path: file_digest(path)
        for path in seen.paths
        if os.path.realpath(path) not in beside and path not in beside
    }
    for other in others:
        found.read = other.read | found.read


def _forget_what_may_have_changed(content, before):
    """Let modules be imported again where one has changed, or it was imported otherwise."""
    modules = reached_modules(content)
    there = {name: file for name, file in modules.items() if name in sys.modules}
    if before or any(_loaded.get(name) != file_digest(file) for name, file in there.items()):
        for name in {*modules, *(before.modules if before else ())}:
            sys.modules.pop(name, None)
            _loaded.pop(name, None)


def _share(other, names):
    """Whether an imported file has one of these modules, given with their files."""
    return any(name in other.modules and other.modules[name][0] == names[name] for name in names)


def _check_apart(found, other):
    """Refuse a module that is another one than the one beside the file that imports it."""
    for name, (file, _) in found.modules.items():
        top = name.partition(".")[0]
        for beside in (found.path.parent / f"{top}.py", found.path.parent / top / "__init__.py"):
            apart = other.path.parent != found.path.parent and name == top and beside.is_file()
            if apart and not beside.samefile(file):
                what = f"imports {top}, which is {file} already"
                raise ConfigurationError(f"{what}; give {beside} another name")


def _forget(found):
    sys.modules.pop(found.name, None)
    for name in found.modules:
        if _loaded.pop(name, None):
            sys.modules.pop(name, None)


@contextlib.contextmanager
def _importable(folder):
    """Modules in a folder can be imported: first of all here, and last of all afterwards."""
    importlib.invalidate_caches()
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.dont_write_bytecode = written
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


def file_of(entry: Any) -> Path | None:
    """The file by whose import an entry of a registry is known; None if it is by no such."""
    found = _imported_with(entry)
    return found.path if found else None


def _imported_with(entry):
    """The imported file whose module, or one that it reaches, an entry is of."""
    name = entry.__module__
    for each in _imported.values():
        if name == each.name or (name in each.modules and name in _loaded):
            return each
    return None


def _place(error):
    """The user's file and the line where an error arose; None and None if it is from no such."""
    found, trace = (None, None), error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if is_users(file) and file != "<string>":  # what dataclasses make
            found = file, trace.tb_lineno
        trace = trace.tb_next
    return found


def describe_error(error: BaseException) -> str:
    """An exception of any kind on one line, after the place if it is one of a user's file; str."""
    file, line = _place(error)
    return f"{file}, line {line}: {one_line(error)}" if file else one_line(error)


@contextlib.contextmanager
def user_errors() -> Iterator[None]:
    """Let what the code of a user's file raises be one line that says where.

    Raises
    ------
    ConfigurationError
        In place of an error that arose there, and of no other; of sys.exit(), wherever it stands.
    """
    try:
        yield
    except (MfgcoreError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if isinstance(error, Exception) and _place(error)[0] is None:
            raise
        raise ConfigurationError(describe_error(error)) from error


def _users(entries):
    return [entry for entry in entries if not entry.__module__.startswith("mfgcore.")]


def _named_files(entries):
    """Paths of what is named as read during a run."""
    found = [path for each in _imported.values() for path in each.reads().values()]
    return found + [path for entry in _users(entries) for path in _reads_of(entry)]


def digests_of_named_files(entries: Iterable[Any]) -> list[str]:
    """Digests of what is named as read during a run; list of str."""
    return list(map(_digest_of_what_is_named, _named_files(entries)))


@contextlib.contextmanager
def no_untracked_reads(entries: Iterable[Any]) -> Iterator[None]:
    """Let users' code of some entries read no file that results are not known to depend on.

    Raises
    ------
    ConfigurationError
        One line that names the file, and how to let it be known.
    """
    entries = _users(entries)
    if not entries:
        yield
        return
    refused: list[str] = []
    read = {path: known for each in _imported.values() for path, known in each.read.items()}
    named, answers = {*_named_files(entries)}, set()

    def ask(path, where):
        if path is None:
            answers.add(where)
            return
        if named & {path, *map(str, Path(path).parents)} or read.get(path) == file_digest(path):
            return
        refused.append(
            f"{where}: reads {shorten(path)} while a run is under way, which its results are not "
            f"known to depend on; read it at the top of the file, or name it there: "
            f"{READS} = ({Path(path).name!r},)"
        )
        raise ConfigurationError(refused[-1])

    before = set(sys.modules)
    with guarded(ask):
        yield
    for what in sorted(answers):
        _tell(f"code that the run is made of {what}", stacklevel=4)
    new = [name for name in set(sys.modules) - before if is_users_module(sys.modules[name])]
    for name in new and sorted(set(new) - _followed_modules(entries)):
        refused.append(
            f"{name} is imported while a run is under way, which its results are not known to "
            "depend on; import it at the top of the file"
        )
    if refused:  # and the code has caught it
        raise ConfigurationError(refused[0])


def _followed_modules(entries):
    """The modules that results are known to depend on; set of str."""
    found = {name for each in _imported.values() for name in each.modules}
    for entry in entries:
        if _imported_with(entry) is None:
            value_digest(entry, lambda what: None, found)
    return found


def _reads_of(entry):
    """The paths that the `reads` of a class or function itself name."""
    words = _named(getattr(entry, READS, ()), getattr(entry, "__name__", "entry"))
    return [_path_of(word, Path.cwd()) for word in words]


def keep_digest(entry: Any, known: str) -> None:
    """Let an entry that came from another process have the digest that it has there."""
    _sent[id(entry)] = entry, known


def code_digest(entry: Any) -> str | None:
    """Digest of an entry's code and of all that it reaches or uses; None if it is mfgcore's own."""
    if not _users([entry]):
        return None
    if id(entry) in _sent:
        return _sent[id(entry)][1]
    named = list(map(_digest_of_what_is_named, _reads_of(entry)))
    found = _imported_with(entry)
    if found is not None:
        return digest(found.digest(), *named) if named else found.digest()

    def unfollowed(what):
        used = f"{getattr(entry, '__name__', entry)!r} uses {what}"
        warnings.warn(f"{used}, whose changes make nothing out of date", stacklevel=2)

    return digest(value_digest(entry, unfollowed), *named)
