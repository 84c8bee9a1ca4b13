"""Hadoop's client, on a life line: when whoever started it says so, or dies, it and its applications are killed.

The client itself (`hadoop jar ...`) leaves its application running when it is killed. So it runs below this small
process, whose standard input is a pipe that its starter holds open: at the end of that pipe, however it comes, the
client ends, then every application with the job's tag.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

STOPPED = 143
GRACE = 10  # seconds that the client may take to go


def command(tag: str, roots: Sequence[str], client: Sequence[str]) -> list[str]:
    """The command that runs `client` below this module.  roots: web addresses of the ResourceManagers."""
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.abspath(os.path.join(here, *[os.pardir] * 3))
    enter = f"import sys; sys.path.insert(0, {root!r}); from jobs.engines.hadoop.client import main; main()"
    return [sys.executable, "-c", enter, tag, ",".join(roots), *client]


def main() -> None:
    tag, roots, *client = sys.argv[1:]
    stopping = threading.Event()
    child = subprocess.Popen(client, stdin=subprocess.DEVNULL)

    def wait_for_the_end() -> None:
        while os.read(0, 1):
            pass
        stopping.set()
        child.terminate()
        time.sleep(GRACE)
        child.kill()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    code = child.wait()
    if stopping.is_set():
        code = STOPPED
        _kill(tag, roots.split(",") if roots else [], client[0])
    sys.stdout.flush()
    os._exit(code if code >= 0 else 128 - code)


def _kill(tag: str, roots: list[str], hadoop: str) -> None:
    """Kills the applications with `tag`: by YARN's web services, else by its own tool, which every security lets in."""
    from jobs.engines.hadoop.yarn import Cluster, Unreachable

    if not roots:
        return
    try:
        left = Cluster(roots).kill(tag)
    except Unreachable as error:
        if error.refused:  # so would the tool be, for a quarter of an hour
            print(f"fanin: YARN does not answer; applications with the tag {tag} may still run", file=sys.stderr)
            return
        tool = [hadoop, "org.apache.hadoop.yarn.client.cli.ApplicationCLI", "application"]
        listed = subprocess.run([*tool, "-list", "-appTags", tag], capture_output=True, text=True, check=False)
        left = [word for word in listed.stdout.split() if word.startswith("application_")]
        left = [name for name in left if subprocess.run([*tool, "-kill", name], check=False).returncode]
    for name in left:
        print(f"fanin: {name} could not be killed; `yarn application -kill {name}` does it", file=sys.stderr)
