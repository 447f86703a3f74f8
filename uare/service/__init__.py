"""`uare serve`: the pipeline over HTTP. Its modules need the extra `serve`; only the command loads them."""
