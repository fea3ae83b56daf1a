"""What createrepo_c's bindings tell of a package."""


def attributes(package, ignored=frozenset({"copy"})):
    """Returns every attribute of a package that is a value, methods called."""
    values = {}
    for name in dir(package):
        if name.startswith("__") or name in ignored:
            continue
        value = getattr(package, name)
        values[name] = value() if callable(value) else value
    return values
