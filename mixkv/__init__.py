"""KV-cache compression for any transformers decoder: a full prefill, then only the entries worth holding stay.

```python
with mixkv.compress(model, "mixkv", budget=64) as cache:
    model.generate(**inputs, past_key_values=cache)
```
"""

from mixkv.attach import compress
from mixkv.budget import Share, parse_budget
from mixkv.cache import CompressedCache
from mixkv.methods import METHODS, Method, make_method, select

__all__ = ["METHODS", "CompressedCache", "Method", "Share", "compress", "make_method", "parse_budget", "select"]
