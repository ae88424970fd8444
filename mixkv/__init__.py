"""KV-cache compression for any transformers decoder: a full prefill, then only the entries worth holding stay.

```python
with mixkv.compress(model, "mixkv", budget=64) as cache:
    model.generate(**inputs, past_key_values=cache)
```
"""

from mixkv.attach import compress
from mixkv.batches import gathered, joined
from mixkv.branches import Branches
from mixkv.budget import Share, parse_budget
from mixkv.cache import CompressedCache
from mixkv.history import History
from mixkv.images import ImageTokens, find_images
from mixkv.methods import METHODS, Method, make_method, select, select_layers
from mixkv.once import once

__all__ = [
    "METHODS",
    "Branches",
    "CompressedCache",
    "History",
    "ImageTokens",
    "Method",
    "Share",
    "compress",
    "find_images",
    "gathered",
    "joined",
    "make_method",
    "once",
    "parse_budget",
    "select",
    "select_layers",
]
