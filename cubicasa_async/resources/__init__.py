"""One room per resource: its classes, its endpoint declarations, its methods."""
