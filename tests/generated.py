"""Parts of the docs that tests make: each stands between two marks of its own."""


def between(page: str, begin: str, end: str, text: str) -> str:
    """The page with `text`, which ends its last line, between its two marks. Raises ValueError where one is missing.

    >>> between("a<b>old<e>c", "<b>", "<e>", "new ")
    'a<b>\\nnew <e>c'
    """
    before, rest = page.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{text}{end}{after}"
