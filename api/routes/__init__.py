"""The routes of the API and the pages, one file a subject."""
