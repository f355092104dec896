"""One spelling for a category, whatever type a producer sent it as."""


def category_text(value: float | int | bool | str) -> str:
    """The text that names a category: `1`, `1.0` and `"1"` are one category, `True` is `true`.

    >>> [category_text(v) for v in (1, 1.0, "1", 1.5, True, "rain")]
    ['1', '1', '1', '1.5', 'true', 'rain']
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
