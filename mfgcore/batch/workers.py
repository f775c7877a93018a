"""Tasks in processes of their own, which start afresh and know what has a name in this one.

A process with threads cannot be forked: a lock that another thread holds just then is never let go
in the copy. NumPy has threads; JAX, torch and notebooks have more. So each process is a new one,
and is told what files were imported here, and, by cloudpickle, what was registered in a notebook.
"""

import contextlib
import io
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections import ChainMap
from collections.abc import Callable, Generator, Mapping
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import IO, Any

import cloudpickle

from mfgcore._base.errors import MfgcoreError, one_line
from mfgcore._base.plugins import code_digest, file_of, import_file, keep_digest
from mfgcore._base.registry import Registry
from mfgcore.experiment import edge_lists as edges
from mfgcore.experiment.parameters import parameters
from mfgcore.metrics.definitions import METRICS
from mfgcore.runs.checkpoint import Stopped

START = """
import sys
sys.path[:] = {path!r}
from mfgcore.batch import workers
workers.work({descriptor})
"""


_LOCKS = (threading.Lock, threading.RLock)


class _Pickler(cloudpickle.Pickler):
    """Takes a lock for a new one: what it guarded is another copy, too."""

    dispatch_table = ChainMap(
        {type(make()): lambda _, make=make: (make, ()) for make in _LOCKS},
        cloudpickle.Pickler.dispatch_table,
    )


def _pickled(value: Any) -> bytes:
    with io.BytesIO() as file:
        _Pickler(file).dump(value)
        return file.getvalue()


def _registries() -> dict[str, Registry]:
    """All in which a name stands for code, by their kinds."""
    choices = [parameter.choices for parameter in parameters().values()]
    return {each.kind: each for each in [*choices, METRICS] if isinstance(each, Registry)}


def _registered() -> tuple[list[Path], list[tuple[str, str, Any, str | None]]]:
    """What users have registered here: files to import again, and what is in none of them."""
    files: dict[Path, None] = {}
    others = []
    for kind, registry in _registries().items():
        for name in registry:
            code = registry.code(name)
            if (file := file_of(code)) is not None:
                files[file] = None
            elif not code.__module__.startswith("mfgcore."):
                others.append((kind, name, registry[name], code_digest(code)))
    return list(files), others


def outcomes(
    function: Callable[..., Any], tasks: Mapping[str, tuple[Any, ...]], processes: int
) -> Generator[tuple[str, Any], None, None]:
    """What comes of a function in some processes, by the names of its tasks, as they are done.

    Yields
    ------
    (str, object)
        The name of a task, and what was returned; or an exception, if it was raised. A process that
        dies is told of by an MfgcoreError with the cause. All end with this generator.
    """
    try:
        known = _pickled((edges.kept(), *_registered()))
    except Exception as error:
        raise MfgcoreError(
            f"what is registered here cannot be taken to other processes: {one_line(error)}; put "
            "it in a file, or run it here (cores=1)"
        ) from error
    waiting = list(tasks.items())
    started: list[_Process] = []
    try:
        for _ in range(min(processes, len(waiting))):
            started.append(_Process(known))
            started[-1].give(function, *waiting.pop(0))
        while busy := {each.connection: each for each in started if each.task is not None}:
            for ready in wait(list(busy)):
                process: _Process = busy[ready]  # type: ignore[index]
                yield process.taken()
                if waiting:
                    process.give(function, *waiting.pop(0))
    finally:
        for process in started:
            process.process.terminate()  # a run that is kept writes its checkpoint first
        for process in started:
            process.end()


class _Process:
    """A process that does one task after the other."""

    def __init__(self, known: bytes) -> None:
        self.connection, there = Pipe()
        self.said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.task: str | None = None
        code = START.format(path=sys.path, descriptor=there.fileno())
        with there:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code], pass_fds=[there.fileno()], stderr=self.said
            )
        self._send(known)

    def _send(self, content: bytes) -> None:
        with contextlib.suppress(OSError):  # it has died; that is told where it is waited for
            self.connection.send_bytes(content)

    def give(self, function: Callable[..., Any], name: str, arguments: tuple[Any, ...]) -> None:
        self.task = name
        self._send(_pickled((function, arguments)))

    def taken(self) -> tuple[str, Any]:
        """What came of its task."""
        assert self.task is not None
        name, self.task = self.task, None
        try:
            return name, cloudpickle.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            return name, MfgcoreError(f"its process {_cause(self.process.wait())}{self._last()}")

    def _all_said(self) -> str:
        self.said.seek(0)
        return self.said.read().decode(errors="replace")

    def _last(self) -> str:
        """The last that it said, for a message."""
        said = self._all_said().splitlines()
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        return f"; it said: {last[:160]}" if last else ""

    def end(self) -> None:
        self.process.wait()
        self.connection.close()
        sys.stderr.write(self._all_said())  # such as warnings
        self.said.close()


def _cause(status: int) -> str:
    """Why a process has ended, in words."""
    if status >= 0:
        return f"ended with exit code {status}"
    name = signal.Signals(-status).name
    memory = ", as the system does where memory is short" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"


def work(descriptor: int) -> None:
    """Learn in a new process what is known elsewhere, then do tasks, until there are none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who has started it ends it
    with Connection(descriptor) as connection, contextlib.suppress(EOFError, Stopped, OSError):
        try:
            _learn(connection.recv_bytes())
        except Exception as error:
            connection.recv_bytes()
            connection.send_bytes(_pickled(_sendable(error)))
            return
        while True:
            function, arguments = cloudpickle.loads(connection.recv_bytes())
            try:
                done = function(*arguments)
            except (Stopped, KeyboardInterrupt):
                return
            except BaseException as error:
                done = _sendable(error)
            connection.send_bytes(_pickled(done))


def _learn(content: bytes) -> None:
    contents, files, entries = cloudpickle.loads(content)
    edges.keep(contents)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # all was said where the files were imported first
        for file in files:
            import_file(file)
    registries = _registries()
    for kind, name, entry, known in entries:
        registries[kind].add(name, entry)
        if known is not None:
            keep_digest(registries[kind].code(name), known)


def _sendable(error: BaseException) -> BaseException:
    """An exception that another process can read, with where it arose."""
    if not isinstance(error, MfgcoreError):
        error.add_note(traceback.format_exc())
    try:
        cloudpickle.loads(_pickled(error))
    except Exception:
        return MfgcoreError(one_line(error))
    return error if isinstance(error, Exception) else MfgcoreError(one_line(error))
