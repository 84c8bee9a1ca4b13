"""EMR's requests, answered: by moto, and by ourselves what it lacks.

All answers are made by botocore's model of the service, and ours are held against it.
"""

import json
from collections.abc import Callable
from typing import Any

from botocore.validate import ParamValidator
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.core.utils import get_service_model
from moto.emr.exceptions import InvalidCluster, InvalidRequestException
from moto.emr.models import ElasticMapReduceBackend
from moto.emr.responses import ElasticMapReduceResponse

from tests.emr_lab.cluster import Cluster
from tests.emr_lab.refusals import check, check_new
from tests.emr_lab.step import Step

HADOOP = "3.4.2"  # the lab's
ACCOUNT = "123456789012"


class Backend(ElasticMapReduceBackend):
    """EMR's clusters.  begin: called with each new one."""

    clusters: dict[str, Any]

    def __init__(self, region: str, begin: Callable[[Cluster], None]) -> None:
        super().__init__(region, ACCOUNT)
        self.clusters = _Clusters()
        self._begin = begin

    def cluster(self, name: str) -> Cluster:
        found: Cluster = self.clusters[name]
        return found

    def run_job_flow(self, **given: Any) -> Cluster:
        return Cluster(self, **given)  # type: ignore[abstract]

    def begin(self, cluster: Cluster) -> None:
        self._begin(cluster)


class _Clusters(dict[str, Any]):
    def __missing__(self, cluster: str) -> Any:
        raise InvalidCluster(cluster)


class Service(ElasticMapReduceResponse):
    """The answer to one request."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self._backend = backend

    @property
    def backend(self) -> Backend:
        return self._backend

    def call_action(self) -> Any:
        try:
            check(self._get_action(), self._asked, self.backend.clusters)
        except ServiceException as error:
            status, headers, body = self.serialized(ActionResult(error))
            return status, headers, body
        return super().call_action()

    @property
    def _asked(self) -> dict[str, Any]:
        asked: dict[str, Any] = json.loads(self.body)
        return asked

    # What moto answers otherwise

    def run_job_flow(self) -> ActionResult:
        check_new(self._asked, self.backend.list_release_labels())
        if "SecurityConfiguration" in self._asked:
            self.backend.get_security_configuration(self._asked["SecurityConfiguration"])
        answer: Any = super().run_job_flow()
        cluster = self.backend.cluster(answer.result["JobFlowId"])
        cluster.request = self._asked
        self.backend.begin(cluster)
        return ActionResult(answer.result)

    def describe_step(self) -> ActionResult:
        return ActionResult({"Step": self._step(self._asked["StepId"])})

    def list_release_labels(self) -> ActionResult:
        prefix = self._asked.get("Filters", {}).get("Prefix", "")
        return self._answer(
            ReleaseLabels=[name for name in self.backend.list_release_labels() if name.startswith(prefix)]
        )

    # What moto lacks

    def cancel_steps(self) -> ActionResult:
        force = self._asked.get("StepCancellationOption") == "TERMINATE_PROCESS"
        told = []
        for name in self._asked["StepIds"]:
            submitted = self._cluster.cancel(self._step(name), force)
            why = {} if submitted else {"Reason": "The step has ended."}
            told.append({"StepId": name, "Status": "SUBMITTED" if submitted else "FAILED", **why})
        return self._answer(CancelStepsInfoList=told)

    def list_instance_fleets(self) -> ActionResult:
        if self._cluster.instance_collection_type != "INSTANCE_FLEET":
            raise InvalidRequestException("Instance fleets and instance groups are mutually exclusive.")
        asked = self._cluster.request["Instances"]["InstanceFleets"]
        return self._answer(
            InstanceFleets=[_fleet(one, f"if-{number}", str(self._cluster.state)) for number, one in enumerate(asked)]
        )

    def describe_release_label(self) -> ActionResult:
        label = self._asked["ReleaseLabel"]
        if label not in self.backend.list_release_labels():
            raise InvalidRequestException(f"Release label {label} is not valid.")
        return self._answer(ReleaseLabel=label, Applications=[{"Name": "Hadoop", "Version": HADOOP}])

    def list_security_configurations(self) -> ActionResult:
        made = self.backend.security_configurations.values()
        told = [{"Name": one.name, "CreationDateTime": one.creation_date_time} for one in made]
        return self._answer(SecurityConfigurations=told)

    def put_auto_termination_policy(self) -> ActionResult:
        return self._put("AutoTerminationPolicy")

    def get_auto_termination_policy(self) -> ActionResult:
        return self._get("AutoTerminationPolicy")

    def remove_auto_termination_policy(self) -> ActionResult:
        return self._remove("AutoTerminationPolicy")

    def put_managed_scaling_policy(self) -> ActionResult:
        return self._put("ManagedScalingPolicy")

    def get_managed_scaling_policy(self) -> ActionResult:
        return self._get("ManagedScalingPolicy")

    def remove_managed_scaling_policy(self) -> ActionResult:
        return self._remove("ManagedScalingPolicy")

    # A cluster's policies are those of the request that made it, until they are replaced.

    def _put(self, name: str) -> ActionResult:
        self._cluster.request[name] = self._asked[name]
        return self._answer()

    def _get(self, name: str) -> ActionResult:
        request = self._cluster.request
        return self._answer(**({name: request[name]} if name in request else {}))

    def _remove(self, name: str) -> ActionResult:
        self._cluster.request.pop(name, None)
        return self._answer()

    @property
    def _cluster(self) -> Cluster:
        return self.backend.cluster(self._asked["ClusterId"])

    def _step(self, name: str) -> Step:
        for step in self._cluster.steps:
            if step.id == name:
                found: Step = step
                return found
        raise InvalidRequestException(f"Step id '{name}' is not valid.")

    def _answer(self, **answer: Any) -> ActionResult:
        shape = get_service_model("emr").operation_model(self._get_action()).output_shape
        report = ParamValidator().validate(answer, shape) if shape else None
        if report and report.has_errors():
            raise TypeError(report.generate_report())
        return ActionResult(answer)


def _fleet(asked: dict[str, Any], name: str, state: str) -> dict[str, Any]:
    """What has come of a fleet: all that was asked for."""
    state = {"STARTING": "PROVISIONING", "WAITING": "RUNNING", "TERMINATED_WITH_ERRORS": "TERMINATED"}.get(
        state, state
    )
    types = [{key: one[key] for key in one if key != "EbsConfiguration"} for one in asked["InstanceTypeConfigs"]]
    fleet = {key: asked[key] for key in asked if key != "InstanceTypeConfigs"}
    come = {f"Provisioned{kind}Capacity": asked.get(f"Target{kind}Capacity", 0) for kind in ("OnDemand", "Spot")}
    return fleet | come | {"Id": name, "Status": {"State": state}, "InstanceTypeSpecifications": types}
