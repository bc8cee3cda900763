"""How much data is enough: custom, general and classical at growing numbers of labels, and from where on custom wins."""
