"""What EMR refuses of the requests that moto takes."""

from typing import Any

from moto.core.utils import get_service_model
from moto.emr.exceptions import ValidationException

from tests.emr_lab.cluster import Cluster
from tests.emr_lab.step import ACTIVE

STEP_LENGTH = 10_240  # characters of a step's strings together
STEPS = 256  # that may be active
IDLE = range(60, 7 * 24 * 3600 + 1)  # seconds that an auto-termination policy may give


def check(operation: str, asked: dict[str, Any], clusters: dict[str, Cluster]) -> None:
    """Raises ValidationException for a request of an operation."""
    _check_values(asked, get_service_model("emr").operation_model(operation).input_shape, "")
    named = [*asked.get("JobFlowIds", []), *([asked["JobFlowId"]] if "JobFlowId" in asked else [])]
    if not clusters.keys() >= set(named):
        raise ValidationException("Specified job flow ID not valid")
    steps = asked.get("Steps", [])
    if len(steps) + sum(step.state in ACTIVE for name in named for step in clusters[name].steps) > STEPS:
        raise ValidationException(
            "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded."
        )
    if any(_length(step["HadoopJarStep"]) > STEP_LENGTH for step in steps):
        raise ValidationException(f"The strings of a step's HadoopJarStep exceed {STEP_LENGTH} characters.")
    policy = asked.get("AutoTerminationPolicy")
    if policy and policy.get("IdleTimeout") not in IDLE:
        raise ValidationException(f"IdleTimeout must be from {IDLE[0]} to {IDLE[-1]} seconds.")


def check_new(asked: dict[str, Any], releases: list[str]) -> None:
    """Raises ValidationException for a RunJobFlow."""
    for name in ("ServiceRole", "JobFlowRole", "ReleaseLabel"):
        if not asked.get(name):
            raise ValidationException(f"{name} is required for creating cluster.")
    if asked["ReleaseLabel"] not in releases:
        raise ValidationException(f"The supplied release label is invalid: {asked['ReleaseLabel']}.")


def _length(jar_step: dict[str, Any]) -> int:
    return len(jar_step["Jar"]) + sum(map(len, jar_step.get("Args", [])))


def _check_values(value: Any, shape: Any, where: str) -> None:
    """Raises ValidationException for a value that is none of those its shape in botocore's model names."""
    if shape.type_name == "structure":
        for name in value:
            _check_values(value[name], shape.members[name], f"{where}.{name}".lstrip("."))
    elif shape.type_name == "list":
        for number, one in enumerate(value, 1):
            _check_values(one, shape.member, f"{where}.{number}.member")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        raise ValidationException(
            f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy constraint: Member must"
            f" satisfy enum value set: [{', '.join(shape.enum)}]"
        )
