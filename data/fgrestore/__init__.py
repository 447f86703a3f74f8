"""Fine-grained pairs of restorations: made, filtered, labelled, parted and read (the form of FGRestore)."""
