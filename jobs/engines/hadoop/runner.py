"""mrjob's Hadoop runner with the parts replaced that cost a JVM each, wait in silence, or show half an output.

Jobs of Python mappers and reducers pass through as mrjob prepares them. Replaced are: the file system (hdfs-native),
the inputs (resolved by us, so that they mean the same on every engine), Hadoop's client (watched, and killed together
with its application), what nodes need (the bundle), and the output (an attempt, published with its manifest).
"""

import contextlib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from mrjob.conf import combine_jobconfs
from mrjob.fs.composite import CompositeFilesystem
from mrjob.fs.hadoop import HadoopFilesystem
from mrjob.fs.local import LocalFilesystem
from mrjob.hadoop import HadoopJobRunner

from jobs.engines.bundle import ROW_WHEELS, Node, bundle
from jobs.engines.describe import describe_lines, script_plan
from jobs.engines.hadoop import conf, history, jvm
from jobs.engines.hadoop.filesystem import NativeHdfs
from jobs.engines.hadoop.inputs import check
from jobs.engines.hadoop.submission import Submission
from jobs.engines.hadoop.yarn import Cluster
from jobs.engines.rows.command_line import refuse_blanks
from jobs.errors import UsageError
from jobs.job import NODE_OPTIONS
from jobs.storage.base import base_name, join
from jobs.storage.hdfs import Hdfs
from jobs.storage.inputs import Inputs, chunks, resolve
from jobs.storage.output import Describe, Output
from jobs.storage.owners import is_dead, new_tag
from jobs.storage.places import absolute
from jobs.storage.scratch import scratch
from jobs.storage.site import site
from jobs.tasks.script import CLASS

NO_URI = re.compile(r"[\s,%#\"<>\\^`{|}]")


class HadoopRunner(HadoopJobRunner):  # type: ignore[misc]  # mrjob is untyped
    """Runs one job once.

    job_class: the name of the job's class.  overwrite: whether an existing output directory is replaced.
    quiet: no word on the way.  arguments: the command line, for the manifest.  Further ones are mrjob's.
    """

    _fs: CompositeFilesystem | None
    _local_tmp_dir: str | None
    _output_dir: str
    OPT_NAMES = HadoopJobRunner.OPT_NAMES | {*NODE_OPTIONS}

    def __init__(
        self, *, job_class: str = "", overwrite: bool = False, quiet: bool = False, arguments: Sequence[str] = (), **kwargs: Any
    ) -> None:  # fmt: skip
        self._exit = ExitStack()  # mrjob's own __init__ packs folders
        super().__init__(**kwargs)
        self._job_class, self._overwrite, self._quiet, self._arguments = job_class, overwrite, quiet, arguments
        self._site = site()
        self._inputs = Inputs([], {})
        self._on_hdfs = False  # whether something of ours may lie there

    def run(self) -> None:
        """Runs the job and publishes its output; raises FaninError and publishes nothing if it fails."""
        if self._ran_job:
            raise ValueError("job already ran")
        self._inputs = resolve(self._input_paths)
        self._run_resolved()

    def _run_resolved(self) -> None:
        self._find_hadoop()
        refuse_blanks(self._opts["cmdenv"] or {})
        check([file for file in self._inputs.files if file.size is not None])
        self._input_paths = [file.name for file in self._inputs.files]
        target = self._output_dir
        with Output(target, self._overwrite) as output:
            self._on_hdfs = True
            self._sweep()
            self._ship()
            self._output_dir = self._written = self._place(output)
            super().run()
            self._output_dir = target
            self._collect(output)
            output.publish(self._describe(output))

    def _find_hadoop(self) -> None:
        """Raises UsageError if there is no Hadoop client on this machine."""
        advice = "set HADOOP_HOME; `fanin doctor -r hadoop` tells more"
        if not shutil.which(self.get_hadoop_bin()[0]):
            raise UsageError(f"-r hadoop: no command {self.get_hadoop_bin()[0]!r} here; {advice}")
        if not self.get_hadoop_streaming_jar():
            raise UsageError(f"-r hadoop: no streaming jar here; {advice}, or give --hadoop-streaming-jar")

    # What nodes need

    def _node(self) -> Node:
        node = Node()
        return Node(self._opts["node_python"] or node.python, self._opts["node_arch"] or node.arch)

    def _wheels(self) -> tuple[str, ...]:
        return ROW_WHEELS

    def _ship(self) -> None:
        """Has the bundle ready for the nodes. On HDFS it stays for the next job: nodes keep what they have unpacked."""
        wheels, ready = self._opts["wheels"], self._opts["bundle"]
        file = Path(ready) if ready else bundle(self._node(), Path(wheels) if wheels else None, self._wheels())
        place = str(file)
        if self._said()["mapreduce.framework.name"] == "yarn":  # LocalJobRunner takes archives of this machine alone
            place = join(self._hadoop_tmp_dir.rpartition("/")[0], file.name)
            self._upload(file, place)
        self._working_dir_mgr.add("archive", place, "node")

    def _upload(self, file: Path, place: str) -> None:
        """Puts `file` on HDFS, if it is not there; under its name it is whole."""
        hdfs = Hdfs(place)
        there = hdfs.stat(place)
        if there and there.size == file.stat().st_size:
            return
        written = join(self._hadoop_tmp_dir, file.name)
        self.fs.put(str(file), written)
        if there:
            hdfs.delete(place)
        with contextlib.suppress(UsageError):  # another run was faster
            hdfs.rename(written, place)

    def _python_bin(self) -> list[str]:
        return self._opts["python_bin"] or [f"python{self._node().python}"]

    def _task_python_bin(self) -> list[str]:
        return [*(self._opts["task_python_bin"] or self._python_bin()), "node/jobs/tasks/script.py"]

    def _cmdenv(self) -> dict[str, str]:
        return {**super()._cmdenv(), **({CLASS: self._job_class} if self._job_class else {})}

    def _bootstrap_mrjob(self) -> bool:
        return False  # the bundle holds it

    # Hadoop's command line

    def _step_input_uris(self, step_num: int) -> list[str]:
        return list(super()._step_input_uris(step_num)[:1])  # streaming wants one; the others are in the -conf file

    def _hadoop_generic_args_for_step(self, step_num: int) -> list[str]:
        file = Path(self._get_local_tmp_dir()) / f"step-{step_num}.xml"
        others = super()._step_input_uris(step_num)[1:]
        conf.write(file, [("mapreduce.input.fileinputformat.inputdir", ",".join(others))] if others else [])
        return ["-conf", str(file), *super()._hadoop_generic_args_for_step(step_num)]

    def _jobconf_for_step(self, step_num: int) -> dict[str, Any]:
        ours = super()._jobconf_for_step(step_num)
        tags = {"mapreduce.job.tags": ",".join(filter(None, [ours.get("mapreduce.job.tags"), self._tag]))}
        return dict(combine_jobconfs(self._defaults() | jvm.with_flags(self._jvm_flags, self._said()), ours, tags))

    def _defaults(self) -> dict[str, Any]:
        """Settings that a user's own have precedence over."""
        return {
            "mapreduce.job.name": self._job_key,
            "mapreduce.client.progressmonitor.pollinterval": 500,
            "mapreduce.fileoutputcommitter.algorithm.version": 1,  # 2 shows parts of tasks that are not committed
            "mapreduce.fileoutputcommitter.marksuccessfuljobs": False,  # we do, when all is verified
            **history.SETTINGS,
            "stream.jobconf.truncate.limit": 20_000,  # long lists of inputs do not fit into a task's environment
            "mapreduce.input.fileinputformat.list-status.num-threads": 20,  # a request each, on S3
        }

    @property
    def _jvm_flags(self) -> str:
        given = self._opts["jvm_flags"]
        return jvm.LIGHT if given is None else str(given)

    def _run_hadoop(self, hadoop_args: list[str], env: dict[str, str], record_callback: Any) -> tuple[int, Any]:
        del record_callback
        options = f"{self._jvm_flags} {env.get('HADOOP_CLIENT_OPTS', '')}".strip()
        env = env | {
            "HADOOP_CLIENT_OPTS": options,
            "HADOOP_ROOT_LOGGER": "INFO,console",
        }  # a step's of EMR says a file
        cluster = Cluster(conf.resource_managers(self._said()))
        submission = Submission(cluster, self._site, self._tag, self._get_local_tmp_dir(), self._quiet)
        return 0, submission.run(hadoop_args, env)

    def _said(self) -> dict[str, str]:
        """What the cluster's configuration and the job's own settings say together."""
        given = {name: str(value) for name, value in (self._opts["jobconf"] or {}).items()}
        return {"mapreduce.framework.name": "local"} | self._site | given

    # Where things are

    @property
    def fs(self) -> CompositeFilesystem:
        if self._fs is None:
            self._fs = fs = CompositeFilesystem()
            fs.add_fs("native", NativeHdfs())
            fs.add_fs("hadoop", HadoopFilesystem(self._opts["hadoop_bin"] or None))
            fs.add_fs("local", LocalFilesystem())
        return self._fs

    def get_hadoop_version(self) -> str:
        """The version, as the name of the streaming jar says it; else asked of Hadoop, which costs a JVM."""
        jar = self.get_hadoop_streaming_jar() or ""
        named = re.search(r"-(\d+\.\d+\.\d+)[^/]*\.jar$", jar)
        return named[1] if named else str(super().get_hadoop_version())

    def _hadoop_streaming_jar_dirs(self) -> Iterator[str]:
        for home in self._hadoop_dirs():
            yield from (f"{home}/share/hadoop/tools/lib", f"{home}/lib")  # before all of Hadoop is searched
        yield from super()._hadoop_streaming_jar_dirs()

    def _get_local_tmp_dir(self) -> str:
        if self._local_tmp_dir is None:
            self._local_tmp_dir = str(self._exit.enter_context(scratch()))
        return str(self._local_tmp_dir)

    def _wd_mirror(self) -> None:
        """None: Hadoop's client ships local files itself."""

    def _dest_in_wd_mirror(self, path: str, name: str) -> str:
        if odd := NO_URI.search(path) or NO_URI.search(name or ""):
            raise UsageError(
                f"{path}: Hadoop takes no file for its tasks with {odd[0]!r} in its path or name; copy it"
            )
        return absolute(path)  # Hadoop's client runs in a folder of its own

    def _make_unique_job_key(self, label: str | None = None, owner: str | None = None) -> str:
        del owner
        self._tag = f"{re.sub(r'[^0-9A-Za-z_]', '_', label or self._label() or 'job')[:30]}.{new_tag()}"
        return self._tag

    def _sweep(self) -> None:
        """Removes the temporary folders of runs that have died."""
        parent = self._hadoop_tmp_dir.rpartition("/")[0]
        hdfs = Hdfs(parent)
        for entry in hdfs.list(parent) if hdfs.stat(parent) else []:
            if entry.folder and is_dead(base_name(entry.path).rpartition(".")[2]):
                hdfs.delete(entry.path)

    @classmethod
    def _default_opts(cls) -> dict[str, Any]:
        return {**super()._default_opts(), "cleanup_on_failure": ["ALL"], "check_input_paths": False}

    def _cleanup_hadoop_tmp(self) -> None:
        if self._on_hdfs:
            super()._cleanup_hadoop_tmp()

    def cleanup(self, mode: Any = None) -> None:
        super().cleanup(mode)
        self._exit.close()

    # What came of it

    def _place(self, output: Output) -> str:
        """Where Hadoop is to write."""
        return output.hand_over() or join(self._hadoop_tmp_dir, "output")

    def _collect(self, output: Output) -> None:
        """Makes parts of `output` of what Hadoop has written."""
        output.adopt(self._written)

    def _describe(self, output: Output) -> Describe:
        """What the manifest is to say of the parts that `output` has adopted."""
        counters = self._count(output)
        plan = script_plan(self._steps, self._script_path)
        return partial(describe_lines, plan["script"], plan, self._inputs, self._arguments, counters)

    def _count(self, output: Output) -> dict[str, int]:
        read = sum(file.size or 0 for file in self._inputs.files)
        return {"read": read, "records": output.records}

    def cat_output(self) -> Iterator[bytes]:
        """The output's bytes, part by part, in chunks, verified."""
        if not self._ran_job:
            raise ValueError("run the job before reading its output")
        yield from chunks(self._output_dir)
