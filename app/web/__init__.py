"""What every route shares at the edge (errors, limits, metrics), the service's own routes, and its pages."""
