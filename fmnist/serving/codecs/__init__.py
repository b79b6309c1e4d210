"""Codecs: from the wire format to uint8 images [n, 28, 28], and from probabilities back."""
