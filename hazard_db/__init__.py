"""The catalogue: values, errors, tables, every SQL statement, the corridor, risk."""
