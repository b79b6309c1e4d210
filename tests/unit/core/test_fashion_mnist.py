from fmnist.core import fashion_mnist


def test_groups_share_out_the_classes() -> None:
    members = sorted(number for group in fashion_mnist.GROUPS.values() for number in group)
    assert members == list(range(len(fashion_mnist.CLASSES)))


def test_class_order_is_zalandos() -> None:
    assert fashion_mnist.CLASSES[0] == "T-shirt/top"
    assert fashion_mnist.CLASSES[9] == "Ankle boot"
    assert fashion_mnist.GROUPS["footwear"] == (5, 7, 9)


def test_sums_are_sums() -> None:
    files = [file for split in fashion_mnist.SPLITS for file in split.files]
    assert len({file.sha256 for file in files}) == 4
    assert all(len(bytes.fromhex(file.sha256)) == 32 for file in files)
