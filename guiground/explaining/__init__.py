"""What a method holds of a screenshot, and how the heads of a model differ: as facts and as pictures."""
