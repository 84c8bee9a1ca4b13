"""A user of EMR, by plain boto3: what tests of the lab ask for and look at."""

import gzip
import time
from typing import Any

from tests.emr_lab.plane import Plane

ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")


def step(*argv: str, on_failure: str = "TERMINATE_CLUSTER") -> dict[str, Any]:
    """A step that runs a command on the master node."""
    jar = {"Jar": "command-runner.jar", "Args": list(argv)}
    return {"Name": argv[-1][:256], "ActionOnFailure": on_failure, "HadoopJarStep": jar}


def bash(script: str, on_failure: str = "TERMINATE_CLUSTER") -> dict[str, Any]:
    return step("bash", "-c", script, on_failure=on_failure)


class User:
    """emr, s3: clients.  bucket: a bucket of one's own, where logs go, too."""

    def __init__(self, plane: Plane, bucket: str) -> None:
        self.plane, self.bucket = plane, bucket
        self.emr, self.s3 = plane.client("emr"), plane.client("s3")

    def request(self, *steps: dict[str, Any], keep_alive: bool = False, **more: Any) -> dict[str, Any]:
        """A RunJobFlow that EMR takes."""
        types = [{"InstanceType": "m7g.xlarge", "WeightedCapacity": 1}]
        master = {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types}
        return {
            "Name": "test",
            "ReleaseLabel": "emr-7.14.0",
            "Applications": [{"Name": "Hadoop"}],
            "LogUri": f"s3://{self.bucket}/logs/",
            "ServiceRole": "EMR_DefaultRole_V2",
            "JobFlowRole": "EMR_EC2_DefaultRole",
            "Instances": {"InstanceFleets": [master], "KeepJobFlowAliveWhenNoSteps": keep_alive},
            "Steps": list(steps),
            **more,
        }

    def start(self, *steps: dict[str, Any], keep_alive: bool = False, **more: Any) -> str:
        """A new cluster's id."""
        return str(self.emr.run_job_flow(**self.request(*steps, keep_alive=keep_alive, **more))["JobFlowId"])

    def add(self, cluster: str, *steps: dict[str, Any]) -> list[str]:
        """The ids of steps added."""
        return list(self.emr.add_job_flow_steps(JobFlowId=cluster, Steps=list(steps))["StepIds"])

    def status(self, cluster: str) -> dict[str, Any]:
        status: dict[str, Any] = self.emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]
        return status

    def steps(self, cluster: str) -> list[dict[str, Any]]:
        """All steps, the first one first."""
        return list(reversed(self.emr.list_steps(ClusterId=cluster)["Steps"]))

    def states(self, cluster: str) -> list[str]:
        return [step["Status"]["State"] for step in self.steps(cluster)]

    def wait(self, cluster: str, *states: str, seconds: float = 20) -> dict[str, Any]:
        """The cluster's status, once it is in one of these states; by default, once it has ended."""
        deadline = time.monotonic() + seconds
        while (status := self.status(cluster))["State"] not in (states or ENDED):
            assert time.monotonic() < deadline, f"still {status}"
            time.sleep(0.02)
        return status

    def wait_for_step(self, cluster: str, step: str, *states: str, seconds: float = 20) -> dict[str, Any]:
        """The step's status, once it is in one of these states."""
        deadline = time.monotonic() + seconds
        while (status := self._step(cluster, step))["State"] not in states:
            assert time.monotonic() < deadline, f"still {status}"
            time.sleep(0.02)
        return status

    def _step(self, cluster: str, step: str) -> dict[str, Any]:
        status: dict[str, Any] = self.emr.describe_step(ClusterId=cluster, StepId=step)["Step"]["Status"]
        return status

    def log(self, cluster: str, number: int, name: str) -> str:
        """A log of a cluster's step, as EMR has put it into the bucket."""
        key = f"logs/{cluster}/steps/{self.steps(cluster)[number]['Id']}/{name}.gz"
        return gzip.decompress(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()).decode()
