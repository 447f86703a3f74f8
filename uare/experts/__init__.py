"""What belongs to one expert or head, and nothing about the mixture."""
