"""fmnist: from a data commit to a served, traceable Fashion-MNIST prediction."""
