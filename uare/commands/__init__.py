"""The subcommands of `uare`: each parses its options, calls the pipeline for every photo, and reports."""
