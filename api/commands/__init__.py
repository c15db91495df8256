"""The commands of `kkh`, one file a subject."""
