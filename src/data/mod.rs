//! Tracked data: files and folders that no stage makes, each with its record in `data.lock` and its
//! content in the cache. Knows nothing of stages but where their outs are.
