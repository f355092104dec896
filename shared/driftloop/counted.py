"""A number and what it counts, in a sentence."""


def counted(count: float, noun: str, verb: str = "") -> str:
    """One thing or several: `verb` is the verb of several, after the noun, as `have`, `are`, `were`, `come`.

    >>> counted(1, "row"), counted(1_200, "row"), counted(0, "row")
    ('1 row', '1,200 rows', '0 rows')
    >>> counted(1, "row", "have"), counted(2, "row", "have"), counted(1, "label", "say")
    ('1 row has', '2 rows have', '1 label says')
    """
    said = f"{count:,.0f} {noun}{'' if count == 1 else 's'}"
    if not verb:
        return said
    return f"{said} {_OF_ONE.get(verb, verb + 's') if count == 1 else verb}"


_OF_ONE = {"have": "has", "are": "is", "were": "was"}
