"""Why clusters end, in EMR's words."""

from typing import NamedTuple


class Reason(NamedTuple):
    """A StateChangeReason."""

    code: str
    message: str

    @property
    def state(self) -> str:
        """What a cluster is, once it has ended for this reason."""
        return "TERMINATED" if self.code in ("USER_REQUEST", "ALL_STEPS_COMPLETED") else "TERMINATED_WITH_ERRORS"


ON_REQUEST = Reason("USER_REQUEST", "Terminated by user request")
COMPLETED = Reason("ALL_STEPS_COMPLETED", "Steps completed")
COMPLETED_WITH_ERRORS = Reason("ALL_STEPS_COMPLETED", "Steps completed with errors")
STEP_FAILED = Reason("STEP_FAILURE", "Shut down as step failed")
MASTER_LOST = Reason("INSTANCE_FAILURE", "The master node was terminated")
BOOTSTRAP_FAILED = Reason(
    "BOOTSTRAP_FAILURE",
    "On the master instance (i-0123456789abcdef0), bootstrap action 1 returned a non-zero return code",
)
QUOTA_EXCEEDED = Reason(
    "VALIDATION_ERROR",
    "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the"
    " specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an"
    " adjustment to this limit.",
)
