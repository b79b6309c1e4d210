"""Every fact about Fashion-MNIST, and nothing else.

Someone with other images of the same kind changes this module, the networks and the YAML files.
Source of the facts: https://github.com/zalandoresearch/fashion-mnist (MIT licence).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

MODEL_NAME = "fashion-classifier"

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

GROUPS: Mapping[str, tuple[int, ...]] = {
    "upper part": (0, 2, 4, 6),
    "bottom part": (1,),
    "one piece": (3,),
    "footwear": (5, 7, 9),
    "bags": (8,),
}
"""The five groups that retailers use, each a set of class numbers."""

IMAGE_SHAPE = (28, 28)
PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]


@dataclass(frozen=True)
class OfficialFile:
    """One of the four published files; ``plain_sha256`` is its digest once it is gunzipped."""

    name: str
    size: int
    sha256: str
    plain_sha256: str


@dataclass(frozen=True)
class Split:
    """A half of the data set: its versioned repo, its two files and how many images they hold."""

    name: str
    repo: str
    images: OfficialFile
    labels: OfficialFile
    count: int

    @property
    def files(self) -> tuple[OfficialFile, OfficialFile]:
        return self.images, self.labels

    def is_official(self, digests: Collection[str]) -> bool:
        """Whether these are the SHA-256 of the split's two files, gzipped or not."""
        return len(digests) == len(self.files) and all(
            file.sha256 in digests or file.plain_sha256 in digests for file in self.files
        )


TRAIN = Split(
    name="train",
    repo="fmnist-train-raw",
    images=OfficialFile(
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    labels=OfficialFile(
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    count=60_000,
)
TEST = Split(
    name="test",
    repo="fmnist-test-raw",
    images=OfficialFile(
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    labels=OfficialFile(
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    count=10_000,
)
SPLITS = (TRAIN, TEST)

MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
)
"""Folders on the web that hold the four files; the checksums decide, not the address."""

KERAS_CACHE = "datasets/fashion-mnist"
"""Where ``keras.datasets.fashion_mnist`` keeps them, below ``$KERAS_HOME`` or ``~/.keras``."""
