"""Every way in: the command line, the pages, the API, the worker."""
