"""The champion that a model's metadata at a Determined master show."""

from determined.common.api import bindings
from determined.common.api.errors import NotFoundException

from fmnist.clients.determined import errors_mapped, log_in
from fmnist.registry.base import CHAMPION
from fmnist.settings import DeterminedLogin


def mirrored_champion(login: DeterminedLogin, model: str) -> int | None:
    """The number of the version that ``set_champion`` named last; None if it never did."""
    session = log_in(login)
    with errors_mapped(session.master):
        try:
            metadata = bindings.get_GetModel(session, modelName=model).model.metadata
        except NotFoundException:
            return None
    number = (metadata or {}).get(CHAMPION)
    return None if number is None else int(number)
