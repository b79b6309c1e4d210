"""Third stage: runs, their parameters, metrics and artifacts in a tracker."""
