"""What a pipeline's pods ask for, and may have at most."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, StrictInt

from fmnist.retraining.pachyderm.part import Part

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_FACTORS: Mapping[str | None, Decimal] = {
    None: Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}


def bytes_of(quantity: str) -> Decimal:
    """A quantity of Kubernetes, such as ``512Mi``, as a number.

    Raises:
        ValueError: it is none.
    """
    found = _QUANTITY.fullmatch(quantity)
    if not found or not Decimal(found[1]):
        raise ValueError('expected an amount such as "512Mi" or "1Gi"')
    return Decimal(found[1]) * _FACTORS[found[2]]


def _checked(quantity: str) -> str:
    bytes_of(quantity)
    return quantity


Quantity = Annotated[str, AfterValidator(_checked)]


class Gpu(Part):
    """``type`` is what the cluster calls the device, such as ``nvidia.com/gpu``."""

    type: str = Field(min_length=1)
    number: StrictInt = Field(ge=1)


class Resources(Part):
    """``cpu`` in cores, the others as Kubernetes writes amounts of bytes."""

    cpu: float | None = Field(default=None, gt=0, strict=True)
    memory: Quantity | None = None
    disk: Quantity | None = None
    gpu: Gpu | None = None

    def above(self, limits: "Resources") -> list[str]:
        """What of this is more than the limits allow, in words."""
        found = []
        if self.cpu and limits.cpu and self.cpu > limits.cpu:
            found.append(f"cpu {self.cpu:g} is requested, the limit is {limits.cpu:g}")
        for name in ("memory", "disk"):
            asked, most = getattr(self, name), getattr(limits, name)
            if asked and most and bytes_of(asked) > bytes_of(most):
                found.append(f"{name} {asked} is requested, the limit is {most}")
        return found
