"""Slopes that owe nothing to the doubted derivative: dual numbers, traced graphs, and what is known of f's noise."""
