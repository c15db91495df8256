"""The catalogue as pictures."""
