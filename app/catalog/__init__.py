"""Which models exist: cards, versions, lineage and digests."""
