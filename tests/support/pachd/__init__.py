"""A pachd of the tests' own: it speaks Pachyderm's protocol, keeps all in memory, and can misbehave.

What it answers is what Pachyderm 2.12 was seen to answer, error texts included; the contract tests in
``tests/contract/pachyderm`` hold a real one to the same when PACHD_ADDRESS is set.
"""

# Before anything else of python-pachyderm: it loads the messages in a way that protobuf takes.
import fmnist.clients.pachyderm.messages  # noqa: F401
