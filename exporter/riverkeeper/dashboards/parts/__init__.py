"""What every board is made of: panels, tables, queries, variables. Pure."""
