"""64-bit hashes of a column of texts, and the parts that such a column is made of.

Why written here: neither numpy nor Arrow offers a hash of strings over a column. Equal texts have equal
hashes; whoever uses them compares the texts where hashes agree, so an unlucky or a hostile choice of
texts costs time and never a wrong answer. The hashes stay in memory and are never written down.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcome_ingestion.core.identity.id_kernel import Hashes, hash_texts


def text_hashes(texts: pa.StringArray) -> Hashes:
    """One hash a text; never 0. Nulls count as empty texts.

    >>> [first, second, third] = text_hashes(pa.array(["a", "b", "a"]))
    >>> first == third, first == second
    (np.True_, np.False_)
    """
    offsets, data = text_parts(texts)
    hashes = np.empty(len(texts), dtype=np.uint64)
    hash_texts(data, offsets, hashes)
    return hashes


def text_parts(texts: pa.StringArray | pa.BinaryArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Offsets (one more than texts) and bytes of a column, without a copy."""
    _, offsets, data = texts.buffers()
    numbers = np.frombuffer(offsets, dtype=np.int32) if offsets is not None else np.zeros(1, dtype=np.int32)
    own = np.require(numbers[texts.offset : texts.offset + len(texts) + 1], requirements="A")
    return own, np.frombuffer(data if data is not None else b"", dtype=np.uint8)
