"""``fmnist data``: versioned repos of raw data."""

import click

from fmnist.cli.data.audit import audit
from fmnist.cli.data.commits import checkout, diff, fetch, log, put
from fmnist.cli.data.doctor import doctor
from fmnist.cli.data.ensure import ensure
from fmnist.cli.data.remote import pull, push
from fmnist.cli.data.show import show
from fmnist.cli.data.watch import watch


@click.group()
def data() -> None:
    """Put raw data into versioned repos, and look at it there.

    \b
    Examples:
      fmnist data fetch
      fmnist data log fmnist-train-raw
      fmnist data diff fmnist-train-raw
      fmnist data checkout fmnist-test-raw --to /tmp/test-data
      fmnist data push --remote /mnt/shared/fmnist

    Repos are kept by Pachyderm where PACHD_ADDRESS is set (grpc://HOST:PORT), else on this machine.
    """


for _verb in (fetch, ensure, put, log, diff, show, audit, checkout, push, pull, watch, doctor):
    data.add_command(_verb)
