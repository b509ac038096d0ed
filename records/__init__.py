"""The closure record: ours in every installation, the truth that outlives Temporal's retention."""
