"""KV-cache compression for any transformers decoder: a full prefill, then only the entries worth holding stay.

```python
with mixkv.compress(model, "mixkv", budget=64) as cache:
    model.generate(**inputs, past_key_values=cache)
```
"""

from mixkv.attach import compress
from mixkv.budget import Share, parse_budget
from mixkv.cache import CompressedCache
from mixkv.images import ImageTokens, find_images
from mixkv.methods import METHODS, Method, make_method, select, select_layers

__all__ = [
    "METHODS",
    "CompressedCache",
    "ImageTokens",
    "Method",
    "Share",
    "compress",
    "find_images",
    "make_method",
    "parse_budget",
    "select",
    "select_layers",
]
