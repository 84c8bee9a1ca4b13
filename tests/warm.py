"""Python in processes of their own that have nothing to import: one that has imported everything forks them.

Each has its own script or module, arguments, environment, folder, standard files and end, as if just started. What the start itself decides
(imports, variables that Python reads, memory, signals) is tested in processes that are started.
"""

import atexit
import functools
import gc
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

ROOM = 65_536  # bytes that a pipe takes before anybody reads
AT_START = ("PYTHON", "LC_", "LANG", "LD_")  # how variables begin that Python itself reads


def can_run(env: Mapping[str, str], given: bytes) -> bool:
    """Whether a command with this environment and standard input would be the same if it were just started."""
    said, known = ({name: one[name] for name in one if name.startswith(AT_START)} for one in (env, os.environ))
    return said == known and len(given) <= ROOM


def run(words: list[str], env: Mapping[str, str], folder: str, given: bytes) -> tuple[int, bytes, bytes]:
    """Runs Python with these words, SCRIPT or -m MODULE first; gives its exit code, as subprocess tells it, and its standard output and error."""
    server = _server()
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(reader, "rb") as stdin:
        with open(writer, "wb", buffering=0) as pipe:
            pipe.write(given)
        socket.send_fds(server, [b"!"], [stdin.fileno(), out.fileno(), err.fileno()])
        server.sendall(json.dumps([words, dict(env), os.path.abspath(folder)]).encode() + b"\n")
        code = int(server.recv(16))
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


@functools.cache
def _server() -> socket.socket:
    """The way to the process that forks; it ends when this is closed."""
    ours, theirs = socket.socketpair()
    ours.settimeout(250)
    with theirs:
        command = [sys.executable, "-P", __file__, str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.PIPE, start_new_session=True)

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(number: int) -> None:
    """Forks a process for each command and tells its exit code, until nobody asks; returns in these, to run them."""
    with socket.socket(fileno=number) as client:
        while (request := socket.recv_fds(client, 1, 3))[0]:
            words, env, folder = json.loads(client.makefile("rb").readline())
            if (child := os.fork()) == 0:
                break
            for file in request[1]:
                os.close(file)
            client.sendall(b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        else:
            sys.exit()
    for target, file in enumerate(request[1]):
        os.dup2(file, target)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv = words


def _main() -> None:
    """What Python does with the command line: SCRIPT, or -m MODULE."""
    if sys.argv[0] == "-m":
        sys.path.insert(0, os.getcwd())
        sys.modules.pop(module := sys.argv.pop(1), None)  # it would be said to be there already
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
        runpy.run_path(sys.argv[0], run_name="__main__")


def _finish() -> NoReturn:
    """Ends as Python does, but tears nothing down: that would copy all that the processes share."""
    code = 1
    try:
        _main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)


def _import_all() -> None:
    """Imports what commands do, and has DuckDB begin once: each process would pay for that anew."""
    import boto3  # noqa: F401
    import hdfs_native  # noqa: F401

    import joins.tasks  # noqa: F401
    from jobs import catalog
    from jobs.engines.emr import cli as _emr  # noqa: F401
    from jobs.engines.emr import doctor as _emr_doctor  # noqa: F401
    from jobs.engines.emr import runner as _emr_runner  # noqa: F401
    from jobs.engines.hadoop import doctor, runner  # noqa: F401
    from jobs.word_count import WordCount

    catalog.ready()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in").write_text("a\n")
        with WordCount([f"{folder}/in", "--output-dir", f"{folder}/out", "--quiet"]).make_runner() as once:
            once.run()


if __name__ == "__main__":
    _import_all()
    gc.collect()
    gc.freeze()  # the processes share what is here, and need not look through it at their end
    _serve(int(sys.argv[1]))
    _finish()
