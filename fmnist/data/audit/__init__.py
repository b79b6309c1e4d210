"""What may be wrong with a data set: labels that its other images speak against, images seen twice."""
