"""Who is measured, each behind one `predict`: models, baselines, folders of results, quoted values."""
