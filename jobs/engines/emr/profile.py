"""mrjob's EMR runner, as far as it is used: its options, by command line and mrjob.conf, and its request for a cluster.

What mrjob asks for dates from 2020. Added are: today's release and Python, fleets that take spot instances as task nodes alone, scaling,
an end of a cluster that idles, whatever becomes of its starter, the second version of the instance metadata service, and the
tag that today's managed policies of EMR ask for.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

from mrjob.emr import EMRJobRunner
from mrjob.hadoop import HadoopJobRunner
from yaml import YAMLError  # type: ignore[import-untyped]

from jobs.engines.bundle import ARCHITECTURES, Node
from jobs.engines.emr import instances
from jobs.engines.emr.control import Control, Refusal
from jobs.errors import FaninError, UsageError
from jobs.job import NODE_OPTIONS, check_confs
from jobs.storage.owners import new_tag
from jobs.storage.places import storage_of
from jobs.storage.s3 import S3
from jobs.storage.scratch import scratch

RELEASE, SEVEN = "emr-7.10.0", "7"
"""The release where EMR does not say which is the newest 7; what mrjob is told of it."""
PYTHON = "3.11"
"""Of all releases 7."""
SERVICE_ROLE, INSTANCE_PROFILE = "EMR_DefaultRole_V2", "EMR_EC2_DefaultRole"
"""Names that AWS itself gives to those that it makes."""
MANAGED = {"for-use-with-amazon-emr-managed-policies": "true"}
CHUNK = 4 << 20
CLUSTER = "FANIN_CLUSTER"
"""The variable that names a cluster to runs that name none."""
OURS = "fanin"
"""A tag of clusters that fanin has started."""
SECURITY = "fanin-imdsv2"
METADATA = {
    "InstanceMetadataServiceConfiguration": {"MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 1}
}
OWN = {"max_instances", "security_configuration", *NODE_OPTIONS}
WITHOUT = {  # mrjob's options that fanin does without, and why
    **dict.fromkeys(("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
                    "credentials are those that boto3 finds (AWS_PROFILE, ...), and stand in no file of ours"),
    **dict.fromkeys(("emr_endpoint", "s3_endpoint", "iam_endpoint", "ec2_endpoint"), "AWS_ENDPOINT_URL names others"),
    **dict.fromkeys(("pool_clusters", "max_clusters_in_pool"), "name a running cluster by --cluster"),
    **dict.fromkeys(("ssh_tunnel", "ec2_key_pair_file"), "nothing here goes by SSH"),
    **dict.fromkeys(("docker_image", "docker_mounts", "docker_client_config"), "tasks need Python alone, not Docker"),
    **dict.fromkeys(("master_instance_bid_price", "core_instance_bid_price", "task_instance_bid_price"),
                    "task nodes are spot instances, the others are not; instance_fleets or instance_groups say otherwise"),
    "emr_action_on_failure": "a cluster of ours ends after its last step",
    "enable_emr_debugging": "EMR dropped it",
}  # fmt: skip


class Profile(EMRJobRunner):  # type: ignore[misc]  # mrjob is untyped
    """What is asked of EMR.  output: of the job, whose bucket holds temporary files if no option names a place for them."""

    OPT_NAMES = EMRJobRunner.OPT_NAMES | HadoopJobRunner.OPT_NAMES | OWN
    _local_tmp_dir: str | None

    def __init__(self, output: str | None = None, **kwargs: Any) -> None:
        self._exit = ExitStack()
        self._wanted_output = output
        check_confs(kwargs.get("conf_paths"))
        try:
            super().__init__(**kwargs)
        except (OSError, ValueError, YAMLError) as error:  # what mrjob thinks of its conf, or of an option
            raise UsageError(f"-r emr: {error}") from error
        for name, why in WITHOUT.items():
            if self._opts.get(name):
                raise UsageError(f"-r emr: {name}: {why}; leave it out")
        self.control = Control(self._opts["region"])

    @property
    def options(self) -> Mapping[str, Any]:
        """All options, of the command line, mrjob.conf and by default."""
        return self._opts  # type: ignore[no-any-return]

    @property
    def tag(self) -> str:
        """Unique; begins the names of all that is made for the job."""
        return str(self._job_key)

    @property
    def place(self) -> str:
        """The folder on S3 of what is temporary, ending with /."""
        return str(self._opts["cloud_tmp_dir"])

    def node(self, there: Sequence[str]) -> Node:
        """What nodes are.  there: their instance types."""
        found = {instances.architecture(kind) for kind in there}
        arch = self._opts["node_arch"] or (found.pop() if len(found) == 1 else "")
        if not arch:
            raise UsageError(
                f"the instances {', '.join(there)} have both kinds of processors; name types of one, or --node-arch"
                f" {' or '.join(ARCHITECTURES)}"
            )
        return Node(self._opts["node_python"] or PYTHON, arch)

    def request(
        self, name: str, steps: Sequence[Mapping[str, Any]], alive: bool, side_by_side: int = 1
    ) -> dict[str, Any]:
        """What RunJobFlow is to be asked.  alive: whether the cluster waits for more steps, until it has idled.

        side_by_side: how many steps may run at a time.
        """
        self._add_bootstrap_files_for_upload()
        ours = self._cluster_kwargs()
        tags = {**MANAGED, OURS: name, **(self._opts["tags"] or {})}
        asked = {
            **ours,
            "Name": name,
            "Steps": list(steps),
            "StepConcurrencyLevel": max(side_by_side, ours["StepConcurrencyLevel"]),
            "Tags": [{"Key": key, "Value": str(value)} for key, value in tags.items()],
            "AutoTerminationPolicy": {"IdleTimeout": max(int(self._opts["max_mins_idle"] * 60), 60)},
            "SecurityConfiguration": self._opts["security_configuration"] or SECURITY,
        }
        asked["Instances"] = {**asked["Instances"], "KeepJobFlowAliveWhenNoSteps": alive}
        if scaling := self._scaling():
            asked["ManagedScalingPolicy"] = scaling
        return dict(self._add_extra_cluster_params(asked))

    def uploads(self) -> dict[str, str]:
        """The files here that the request names, and where on S3 it names them."""
        return dict(self._upload_mgr.path_to_uri())

    def check_place(self) -> None:
        """UsageError if temporary files and logs would lie in another region, which EMR refuses for logs."""
        if (there := storage(self.place).region()) != self.control.region:
            raise UsageError(
                f"{self.place}: lies in {there}, and the cluster would run in {self.control.region}; give --region {there},"
                " or --cloud-tmp-dir on a bucket there"
            )

    def secure(self) -> None:
        """Has the security configuration that the request names, if it is ours."""
        if self._opts["security_configuration"]:
            return
        try:
            self.control.call(
                "create_security_configuration", Name=SECURITY, SecurityConfiguration=json.dumps(METADATA)
            )
        except Refusal as error:
            if error.code != "InvalidRequestException":  # it exists; if not, EMR says so of the cluster
                raise

    def kinds(self) -> list[str]:
        """The instance types of the cluster that is asked for."""
        return instances.kinds_of(self._cluster_kwargs()["Instances"])

    # What mrjob asks for, as of today

    def _cluster_kwargs(self, persistent: bool = False) -> dict[str, Any]:
        if self._opts["release_label"] == f"emr-{SEVEN}":
            self._opts["release_label"] = self._newest()
        asked = dict(super()._cluster_kwargs(persistent))
        of = asked["Instances"]
        if not (self._opts["instance_fleets"] or self._opts["instance_groups"]):
            del of["InstanceGroups"]
            of["InstanceFleets"] = self._fleets()
        if "InstanceFleets" in of:  # to which these are lists
            if subnet := of.pop("Ec2SubnetId", ""):
                of["Ec2SubnetIds"] = [subnet]
            if zone := of.pop("Placement", {}).get("AvailabilityZone"):
                of["Placement"] = {"AvailabilityZones": [zone]}
        return asked

    def _newest(self) -> str:
        """The newest release 7, where EMR tells."""
        try:
            listed = self.control.call("list_release_labels", Filters={"Prefix": "emr-7"})["ReleaseLabels"]
        except FaninError:
            return RELEASE
        numbered = [(tuple(map(int, found[1].split("."))), label) for label in listed
                    if (found := re.fullmatch(r"emr-(7\.\d+\.\d+)", label))]  # fmt: skip
        return max(numbered)[1] if numbered else RELEASE

    def _fleets(self) -> list[dict[str, Any]]:
        o = self._opts
        master, core, task = (
            [
                kind.strip()
                for kind in (o[f"{role}_instance_type"] or o["instance_type"] or instances.DEFAULT).split(",")
            ]
            for role in ("master", "core", "task")
        )
        return instances.fleets(master, core, task, o["num_core_instances"], o["num_task_instances"])

    def _scaling(self) -> dict[str, Any] | None:
        """Task nodes come and go with the load, up to --max-instances; none without it."""
        o = self._opts
        if not o["max_instances"]:
            return None
        least, most = max(o["num_core_instances"], 1), int(o["max_instances"])
        if most < least + o["num_task_instances"]:
            raise UsageError(f"--max-instances {most}: fewer than the core and task instances that are asked for")
        unit = "Instances" if o["instance_groups"] else "InstanceFleetUnits"
        limits = {"UnitType": unit, "MinimumCapacityUnits": least, "MaximumCapacityUnits": most}
        return {"ComputeLimits": {**limits, "MaximumOnDemandCapacityUnits": least, "MaximumCoreCapacityUnits": least}}

    def _instance_profile(self) -> str:
        return self._opts["iam_instance_profile"] or INSTANCE_PROFILE

    def _service_role(self) -> str:
        return self._opts["iam_service_role"] or SERVICE_ROLE

    def _applications(self, add_spark: bool = True) -> set[str]:
        del add_spark
        return {"Hadoop", *(self._opts["applications"] or ())}

    def _bootstrap_mrjob(self) -> bool:
        return False  # the bundle holds it

    def _bootstrap_python(self) -> list[Any]:
        return []  # the release holds it

    # Where things are

    @classmethod
    def _default_opts(cls) -> dict[str, Any]:
        ours = {
            "region": None,
            "cluster_id": os.environ.get(CLUSTER),
            "image_version": SEVEN,
            "check_cluster_every": 10,
            "num_core_instances": 1,
        }
        return {**super()._default_opts(), **ours}

    def _fix_opt(self, opt_key: str, opt_value: Any, source: str) -> Any:
        """As mrjob, but a region that nobody names is boto3's."""
        return opt_value if opt_key == "region" else super()._fix_opt(opt_key, opt_value, source)

    def _set_cloud_tmp_dir(self) -> None:
        output = self._wanted_output or ""
        if not output.startswith("s3://"):
            raise UsageError("-r emr: give --cloud-tmp-dir s3://bucket/path/, where temporary files and logs may lie")
        self._opts["cloud_tmp_dir"] = f"s3://{output.removeprefix('s3://').partition('/')[0]}/tmp/fanin/"

    def _make_unique_job_key(self, label: str | None = None, owner: str | None = None) -> str:
        del owner
        return f"{re.sub(r'[^0-9A-Za-z_]', '_', label or self._label() or 'job')[:30]}.{new_tag()}"

    def _get_local_tmp_dir(self) -> str:
        if self._local_tmp_dir is None:
            self._local_tmp_dir = str(self._exit.enter_context(scratch()))
        return str(self._local_tmp_dir)

    def cleanup(self, mode: Any = None) -> None:
        """Removes what lies on this machine."""
        del mode
        self._exit.close()


def upload(path: str, url: str) -> None:
    """Puts a file of this machine on S3, unless one of its size is there: names hold digests, or are new."""
    place, size = storage(url), os.path.getsize(path)
    entry = place.stat(url)
    if entry and entry.size == size:
        return
    with closing(place.create(url)) as writer, open(path, "rb") as source:
        while data := source.read(CHUNK):
            writer.write(data)


def storage(path: str) -> S3:
    """The storage of an s3:// path."""
    found = storage_of(path)
    if not isinstance(found, S3):
        raise UsageError(f"{path}: must be on s3://")
    return found
