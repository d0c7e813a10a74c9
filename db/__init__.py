"""Storage only: engine, schema, migrations and queries. Imports nothing else of Relabel."""
