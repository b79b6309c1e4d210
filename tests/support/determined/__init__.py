"""A Determined master in this process, as far as the project speaks with one."""
